# What a run executes: how its flow is put together, and the code of its functions with all that they use. A run keeps
# it (run/code_record.py), and the gate compares it with what the repository's own script would execute.

#' @param flow A flow.
#' @param bag What its functions take along; see [carry()].
#' @return A list of `parts` and `code`: texts by name. A function is there as code; another value is there as a hash,
#'   since it may be a secret, and only if it is small and plain.
#' @noRd
what_runs <- function(flow, bag) {
  root <- project_root(getwd())
  values <- c(flow_functions(flow), needed_values(bag))
  values <- c(values, package_values(project_package(root), values))
  text <- lapply(values, comparable_text, root = root)
  text <- text[lengths(text) > 0L]
  code <- lapply(split(text, names(text)), function(same) as.list(unique(unlist(same))))
  list(format = 1L, parts = as.list(flow_parts(flow, root)), code = code)
}

# Not of a resumed run: other code has made its first steps. Where there is no project there is nothing to compare with.
records_code <- function(command) command$name == "run" && !is.null(project_root(getwd()))

what_runs_json <- function(flow, bag) {
  enc2utf8(as.character(jsonlite::toJSON(what_runs(flow, bag), auto_unbox = TRUE)))
}

flow_functions <- function(flow) {
  named <- function(items, field, what) {
    found <- named_functions(.subset2(flow, items), field)
    stats::setNames(found, sprintf("%s \"%s\"", rep(what, length(found)), names(found)))
  }
  c(
    named("steps", "r_function", "function of step"), named("parameters", "default", "default of parameter"),
    named("parameters", "parser", "parser of parameter"),
    named("configs", "parser", "parser of configuration"),
    if (is.function(.subset2(flow, "everywhere"))) list("everywhere()" = .subset2(flow, "everywhere")),
    labelled_hooks(hook_functions(flow))
  )
}

labelled_hooks <- function(hooks) stats::setNames(hooks, sprintf("exit hook \"%s\"", names(hooks)))

# How the flow is put together. The image is left out: a commit has its own, which the workflow gives.
flow_parts <- function(flow, root) {
  left_out <- c("r_function", "parser", "label", "description", "help", "name")
  text <- function(item) {
    item <- item[setdiff(names(item), left_out)]
    item <- item[!vapply(item, function(x) is.null(x) || is.function(x), NA)]
    item$decorators <- vapply(item$decorators, function(d) {
      d$args <- d$args[names(d$args) != "image"]
      format(d)
    }, "")
    lines <- deparse(lapply(item[order(names(item))], unclass), control = value_control)
    short_paths(paste(lines, collapse = " "), root)
  }
  items <- c(
    stats::setNames(list(list(decorators = .subset2(flow, "decorators"))), "the flow's decorators"),
    labelled(.subset2(flow, "parameters"), "parameter"), labelled(.subset2(flow, "configs"), "configuration"),
    labelled(.subset2(flow, "steps"), "step"), python_files(flow)
  )
  vapply(items, function(item) if (is.character(item)) item else text(item), "")
}

labelled <- function(items, what) {
  stats::setNames(items, sprintf("%s \"%s\"", rep(what, length(items)), vapply(items, function(x) x$name, "")))
}

# Modules of Python steps, which R finds where Python will.
python_files <- function(flow) {
  modules <- unlist(lapply(.subset2(flow, "steps"), function(step) step$py_function))
  files <- unique(paste0(gsub(".", "/", sub(":.*$", "", modules), fixed = TRUE), rep(".py", length(modules))))
  found <- lapply(files, function(file) {
    path <- file.path(unique(c(getwd(), files_folder())), file)
    path <- path[file.exists(path)]
    if (length(path)) cli::hash_file_sha256(path[1L]) else "installed"
  })
  stats::setNames(found, files)
}

# Of a value names and attributes count (a switch's cases, a factor's levels); of a function only its code.
code_control <- c("keepNA", "keepInteger", "digits17", "niceNames")
value_control <- c(code_control, "showAttributes")

#' What code names: of the session, and of all other environments from which it looks
#' @noRd
needed_values <- function(bag) {
  found <- lapply(Filter(function(global) !isTRUE(global$soft), bag$globals), function(global) global$value)
  utils::maphash(bag$need, function(env, names) {
    names <- setdiff(names, utils::gethash(bag$spare, env))
    found <<- c(found, stats::setNames(lapply(names, binding_value, env = env), names))
  })
  found
}

project_package <- function(root) {
  file <- if (!is.null(root)) file.path(root, "DESCRIPTION")
  if (is.null(file) || !file.exists(file)) {
    return(NULL)
  }
  tryCatch(unname(read.dcf(file, "Package")[1L, 1L]), error = function(e) NULL)
}

#' What functions use of the project's own package, as it is installed or loaded here
#'
#' A package's functions travel by name: what runs is the code that is installed.
#' @noRd
package_values <- function(package, values) {
  if (is.null(package) || !isNamespaceLoaded(package)) {
    return(list())
  }
  ns <- asNamespace(package)
  known <- setdiff(ls(ns, all.names = TRUE), c(".__NAMESPACE__.", ".__S3MethodsTable__.", ".packageName"))
  used <- function(f) if (typeof(f) == "closure") intersect(code_words(f), known)
  found <- character()
  new <- unique(unlist(lapply(values, used)))
  while (length(new)) {
    found <- c(found, new)
    new <- setdiff(unlist(lapply(new, function(name) used(ns[[name]]))), found)
  }
  stats::setNames(lapply(found, function(name) ns[[name]]), found)
}

code_words <- function(f) unique(c(all.names(body(f)), unlist(lapply(formals(f), all.names))))

#' The text of a value, for a comparison; `NULL` of what has none
#' @noRd
comparable_text <- function(value, root) {
  if (inherits(value, "R6ClassGenerator")) {
    value <- mget(c("public_methods", "private_methods", "active"), envir = value, ifnotfound = list(NULL))
  }
  if (is.primitive(value)) {
    return(paste(deparse(value), collapse = "\n"))
  }
  if (is.function(value)) {
    home <- environment(value)
    other <- if (isNamespace(home)) getNamespaceName(home)
    foreign <- !is.null(other) && !identical(unname(other), project_package(root))
    return(if (foreign) paste0("a function of package ", other) else function_text(value))
  }
  if (!is_comparable(value) || utils::object.size(value) > 1e5) {
    return(NULL)
  }
  lines <- short_paths(paste(deparse(value, control = value_control), collapse = "\n"), root)
  paste0("value ", cli::hash_sha256(enc2utf8(lines)))
}

function_text <- function(f) paste(deparse(f, control = code_control), collapse = "\n")

# Of these two sessions say the same; times are another each time.
is_comparable <- function(value) {
  if (inherits(value, c("POSIXt", "Date", "difftime", "proc_time"))) {
    return(FALSE)
  }
  if (is.list(value)) {
    return(all(vapply(unclass(value), function(x) is_comparable(x) || typeof(x) == "closure", NA)))
  }
  typeof(value) %in% c("NULL", "logical", "integer", "double", "complex", "character", "raw", "symbol", "language")
}

# A project lies elsewhere on each machine.
short_paths <- function(text, root) if (is.null(root)) text else gsub(root, "<project>", text, fixed = TRUE)

# ---- asked by the gate

tell_code_variable <- "GANGWAY_TELL_CODE"

#' Tell what a flow would run, and end, where the gate has started the script for that
#' @return Whether the script was started for that, and this is another flow.
#' @noRd
tell_code <- function(flow) {
  asked <- strsplit(Sys.getenv(tell_code_variable), ":", fixed = TRUE)[[1L]]
  if (length(asked) < 2L) {
    return(FALSE)
  }
  if (identical(asked[1L], .subset2(flow, "name"))) {
    text <- what_runs_json(flow, bag_of_flow(flow, stored = TRUE))
    writeLines(text, paste(asked[-1L], collapse = ":"), useBytes = TRUE)
    quit(save = "no", status = 0L, runLast = FALSE)
  }
  TRUE
}

#' What the repository's script would run
#' @param flow Name of the flow.
#' @param script Path of the script in `root`.
#' @noRd
repository_code <- function(flow, script, root) {
  if (!file.exists(file.path(root, script))) {
    abort_promotion("no_script", c(
      "{.file {root}} has no script {.file {script}}, whose flow could be compared with what the run executed.",
      i = "Say which script runs flow {.val {flow}}, by its path in the project: {.code script = \"path/of/it.R\"}."
    ))
  }
  told <- tempfile("gangway-code-")
  on.exit(unlink(told))
  # --vanilla: as the workflow runs it. The libraries are this session's.
  env <- c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  env[[tell_code_variable]] <- paste0(flow, ":", told)
  result <- processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", script, "run"),
    wd = root, env = env, stdin = NULL, error_on_status = FALSE, timeout = 600, stderr_to_stdout = TRUE,
    encoding = "UTF-8")
  if (!file.exists(told)) {
    log <- utils::tail(strsplit(result$stdout, "\n", fixed = TRUE)[[1L]], 10L)
    abort_promotion("no_script", c(
      "{.file {script}} in {.file {root}} did not get as far as running flow {.val {flow}}.",
      stats::setNames(cli_literal(log), rep(" ", length(log))),
      i = "The script is started to learn what it would run; nothing is run."
    ))
  }
  jsonlite::fromJSON(readLines(told, encoding = "UTF-8"), simplifyVector = FALSE)
}
