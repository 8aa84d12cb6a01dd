# Whose the command line is: Metaflow's, where a script that Rscript runs is the flow's own command line, or that of
# whoever has started R: a worker of a cluster, a document that is knitted, a server, a script with own arguments.

# Metaflow's commands, as of 2.19. One that is missing here is still passed on by a script without own arguments.
metaflow_commands <- c(
  "airflow", "argo-workflows", "batch", "card", "check", "dump", "help", "init", "kubernetes", "logs", "output-dot",
  "output-raw", "package", "resume", "run", "show", "spin", "spin-step", "spot-metadata", "step", "step-functions",
  "tag", "version"
)

#' The arguments of the script, if they are meant for Metaflow
#'
#' @param frame The frame of run().
#' @return Strings; none where `run()` is called as from a console.
#' @noRd
script_arguments <- function(frame, arguments = commandArgs(trailingOnly = TRUE)) {
  choice <- getOption("gangway.command_line")
  if (interactive() || isFALSE(choice) || !length(arguments)) {
    return(character())
  }
  script <- script_path()
  mine <- isTRUE(choice) || (!is.null(script) && is_called_by_script(frame) &&
    (begins_with_command(arguments) || !reads_arguments(script_file() %||% script)))
  if (mine) arguments else character()
}

begins_with_command <- function(arguments) {
  at <- command_position(arguments, character())
  !is.na(at) && arguments[at] %in% metaflow_commands
}

#' Whether it is the script's own code that has called run()
#'
#' Its top level or its functions, directly or through base R's (`lapply()`, `tryCatch()`, `local()`) and pipes. Not
#' code that another package calls or evaluates (knitr, plumber, testthat), nor what is read by source(), nor a fork.
#' @noRd
is_called_by_script <- function(frame) {
  frames <- sys.frames()
  at <- Position(function(f) identical(f, frame), frames)
  below <- lapply(seq_len(at - 1L), sys.function)
  if (any(vapply(below, home_of, "") == "parallel")) {
    return(FALSE)
  }
  # Code that is evaluated somewhere is of the one who evaluates it, whatever its place is.
  evaluators <- which(vapply(below, is_evaluator, NA))
  parents <- sys.parents()
  all(vapply(c(at, evaluators), function(i) is_reached_by_script(i, parents, below), NA))
}

is_reached_by_script <- function(i, parents, functions) {
  repeat {
    parent <- parents[i]
    # A frame that is its own parent was called from an environment that is no function's.
    if (parent == 0L || parent >= i) {
      return(TRUE)
    }
    if (!is_script_or_base(functions[[parent]])) {
      return(FALSE)
    }
    i <- parent
  }
}

home_of <- function(f) {
  env <- topenv(if (is.primitive(f)) baseenv() else environment(f), matchThisEnv = NULL)
  if (identical(env, globalenv())) "" else environmentName(env)
}

# do.call() may call a function in another place, too.
is_evaluator <- function(f) identical(f, eval) || identical(f, evalq) || identical(f, do.call)

is_script_or_base <- function(f) {
  home_of(f) %in% c("", "base", "magrittr") && !identical(f, source) && !identical(f, sys.source)
}

# Packages with which a script reads its command line.
argument_parsers <- c("optparse", "argparse", "argparser", "docopt", "getopt")

#' Whether a script reads its arguments itself
#' @noRd
reads_arguments <- function(script) {
  any(argument_parsers %in% loadedNamespaces()) || any(vapply(script_code(script), asks_for_arguments, NA))
}

# The code of a script, and of those that it reads by source("file").
script_code <- function(path, keep_source = FALSE, seen = character()) {
  code <- tryCatch(
    suppressWarnings(parse(path, keep.source = keep_source, encoding = "UTF-8")),
    error = function(e) NULL
  )
  seen <- c(seen, path)
  more <- unlist(lapply(calls_of(code, "source"), function(call) {
    if (length(call) > 1L && is_string(call[[2L]]) && !call[[2L]] %in% seen) {
      script_code(call[[2L]], keep_source, seen)
    }
  }), recursive = FALSE)
  c(list(code), more)
}

# commandArgs() alone may only look for the script's own path, the word after --file=.
asks_for_arguments <- function(code) {
  calls <- calls_of(code, "commandArgs")
  any(lengths(calls) > 1L) || (length(calls) && !any(grepl("--?file|^-f$", strings_of(code))))
}

calls_of <- function(code, name) {
  if (!is.recursive(code) || is.environment(code)) {
    return(list())
  }
  parts <- as.list(code)
  found <- unlist(lapply(parts[!vapply(parts, is_missing_argument, NA)], calls_of, name), recursive = FALSE)
  head <- if (is.call(code)) code[[1L]]
  if (is.call(head) && length(head) == 3L && as.character(head[[1L]])[1L] %in% c("::", ":::")) head <- head[[3L]]
  c(if (is.symbol(head) && identical(as.character(head), name)) list(code), found)
}

strings_of <- function(code) {
  if (is.character(code)) code else if (is.recursive(code) && !is.environment(code)) {
    parts <- as.list(code)
    unlist(lapply(parts[!vapply(parts, is_missing_argument, NA)], strings_of))
  }
}
