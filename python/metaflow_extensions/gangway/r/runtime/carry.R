# A function that is sent to another process takes along what it uses, and nothing else: R's
# serialize() would take the whole frame in which it was made.

# list(f, globals): f with a pruned environment, and the values that belong into the other process's
# global environment.
carry <- function(f, name = "f") {
  if (!requireNamespace("codetools", quietly = TRUE)) {
    stop("Ray's functions need the R package codetools, one of R's recommended packages. Install it ",
      "here (Debian, Ubuntu: apt install r-cran-codetools).",
      call. = FALSE
    )
  }
  pruned <- list()
  globals <- new.env(parent = emptyenv())

  is_package <- function(env) {
    isNamespace(env) || identical(env, baseenv()) || identical(env, emptyenv()) ||
      !is.null(attr(env, "name")) || identical(env, environment(carry))
  }
  prune <- function(env) {
    if (identical(env, globalenv()) || is_package(env)) {
      return(env)
    }
    for (pair in pruned) if (identical(pair$old, env)) return(pair$new)
    new <- new.env(parent = globalenv())
    pruned[[length(pruned) + 1L]] <<- list(old = env, new = new)
    parent.env(new) <- prune(parent.env(env))
    new
  }
  holder <- function(name, env) {
    while (!is_package(env)) {
      if (exists(name, env, inherits = FALSE)) {
        return(env)
      }
      if (identical(env, globalenv())) break
      env <- parent.env(env)
    }
    NULL
  }
  visit <- function(x, path) {
    if (inherits(x, "gangway_self") || inherits(x, "gangway_inputs")) {
      stop("`", path, "` is sent to Ray's workers, where there is no `self`: read what it needs ",
        "before, x <- self$x, and use x.",
        call. = FALSE
      )
    }
    if (inherits(x, "gangway_remote")) {
      remote <- environment(x)$remote
      return(new_remote(visit(remote$f, path), remote$options, call = NULL))
    }
    if (is.list(x) && any(vapply(x, is.function, NA))) x[] <- lapply(x, visit, path)
    if (!is.function(x) || is.primitive(x) || is_package(environment(x))) {
      return(x)
    }
    for (used in codetools::findGlobals(x)) {
      env <- holder(used, environment(x))
      if (is.null(env)) next
      target <- if (identical(env, globalenv())) globals else prune(env)
      if (exists(used, target, inherits = FALSE)) next
      assign(used, NULL, target) # ends the recursion of functions that call each other
      assign(used, visit(get(used, env, inherits = FALSE), used), target)
    }
    environment(x) <- prune(environment(x))
    bare(x)
  }
  list(f = visit(f, name), globals = as.list(globals, all.names = TRUE))
}

# Without the text of the script, which R keeps with functions in an interactive session.
bare <- function(f) {
  if (is.null(attr(f, "srcref"))) {
    return(f)
  }
  more <- attributes(f)
  more$srcref <- NULL
  f <- utils::removeSource(f)
  attributes(f) <- more
  f
}
