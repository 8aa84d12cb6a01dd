# Environment variables that a remote step's code reads, and that this session has and the step's container has not.

#' Warn of variables that do not reach the remote steps that read them
#' @noRd
warn_variables_left <- function(flow, command) {
  if (!command$writes && !deploys_flow(command)) {
    return(invisible())
  }
  for (step in .subset2(flow, "steps")) {
    names <- if (is_sent_away(step, command)) variables_left(step)
    if (length(names)) {
      flow_name <- .subset2(flow, "name")
      first <- names[[1L]]
      advice <- paste0("environment_variables(", first, " = Sys.getenv(\"", first, "\"))")
      gangway_warn(c(
        "Step {.val {step$name}} of flow {.val {flow_name}} reads {.envvar {names}}, which {?is/are} set in this session
         and {?does/do} not reach its remote task.",
        i = "List in the step what is to go along: {.code {advice}}. That is stored where others can read it: a secret
             comes by {.code secrets(\"<its name>\")}."
      ), "gangway_warning_variables", names = names, step = step$name)
    }
  }
}

is_sent_away <- function(step, command) {
  remote <- c("batch", "kubernetes")
  any(remote %in% c(decorator_names(step), sub(":.*$", "", with_decorators(command)))) || deploys_flow(command)
}

variables_left <- function(step) {
  brings <- decorator_names(step)
  # What a secret brings is not known here.
  if (!is.function(step$r_function) || "secrets" %in% brings) {
    return(character())
  }
  read <- variables_read(step$r_function)
  read <- read[nzchar(Sys.getenv(read)) & !grepl(variables_everywhere, read)]
  given <- unlist(lapply(step$decorators, function(d) if (d$name == "environment") d$args$vars))
  listed <- vapply(read, function(name) any(grepl(paste0("\"", name, "\":"), given, fixed = TRUE)), NA)
  read[!listed]
}

# Containers have their own.
variables_everywhere <- paste0("^(HOME|PATH|USER|LOGNAME|HOSTNAME|PWD|SHELL|TERM|LANG|TZ|TMPDIR|",
  "(LC|R|AWS|METAFLOW|GANGWAY)_.*)$")

#' The names in `Sys.getenv("NAME")` of a function and of those that it calls, of the script or of its own package
#' @noRd
variables_read <- function(f) {
  found <- seen <- character()
  home <- environment(f)
  look <- function(code, env) {
    if (is.call(code) && deparse(code[[1L]])[[1L]] %in% c("Sys.getenv", "base::Sys.getenv") && length(code) > 1L) {
      if (is.character(code[[2L]])) found <<- c(found, code[[2L]])
    }
    if (is.symbol(code)) {
      look_at(as.character(code), env)
    } else if (is.call(code) || is.pairlist(code)) {
      for (part in as.list(code)) if (!is_missing_arg(part)) look(part, env)
    }
  }
  look_at <- function(name, env) {
    if (!nzchar(name) || name %in% seen) {
      return(invisible())
    }
    seen <<- c(seen, name)
    g <- get0(name, env, mode = "function")
    # Other packages' code is not the flow's.
    own <- is.function(g) && !is.primitive(g) && (!isNamespace(environment(g)) || identical(environment(g), home))
    if (own) enter(g)
  }
  enter <- function(g) {
    look(formals(g), environment(g))
    look(body(g), environment(g))
  }
  if (!is.primitive(f)) enter(f)
  unique(found)
}
