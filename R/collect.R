# Finds what functions use, over functions that use functions: breadth first, each object once.

#' Collect what the functions of a flow use
#'
#' @param functions,defaults Named lists of functions: of steps, and of parameters' defaults.
#' @return An environment: `globals` (name to list(value, soft)), `need` (environment to names), `kept` (environments
#'   that are data themselves), `captured`, `missing`, `super`, `assigned`, `dynamic`.
#' @noRd
collect_globals <- function(functions, defaults = list()) {
  bag <- new.env(parent = emptyenv())
  bag$globals <- bag$captured <- bag$missing <- bag$queue <- list()
  bag$super <- bag$assigned <- bag$called <- character()
  bag$dynamic <- FALSE
  bag$need <- utils::hashtab("address")
  bag$kept <- utils::hashtab("address")
  bag$seen <- utils::hashtab("identical")
  bag$homes <- list(globalenv())
  for (name in names(functions)) {
    via <- list(owner = paste0("Step ", dQuote(name, FALSE)), fun = "its function", strict = TRUE)
    bag_push(bag, functions[[name]], via)
  }
  for (name in names(defaults)) {
    via <- list(owner = paste0("Parameter ", dQuote(name, FALSE)), fun = "its default", strict = TRUE)
    bag_push(bag, defaults[[name]], via)
  }
  collect_queue(bag)
  repeat {
    if (!collect_methods(bag)) break
  }
  collect_spare_functions(bag)
  bag
}

bag_globals <- function(bag) lapply(bag$globals, function(g) g$value)

bag_push <- function(bag, value, via) {
  bag$queue[[length(bag$queue) + 1L]] <- list(value = value, via = via)
}

collect_queue <- function(bag) {
  while (length(bag$queue)) {
    work <- bag$queue
    bag$queue <- list()
    for (item in work) collect_value(item$value, item$via, bag)
  }
}

collect_value <- function(value, via, bag) {
  switch(typeof(value),
    closure = collect_closure(value, via, bag),
    environment = collect_environment(value, via, bag),
    list = collect_parts(unclass(value), via, bag),
    NULL
  )
  more <- attributes(value)
  collect_parts(more[setdiff(names(more), harmless_attributes)], via, bag)
}

# Functions inside data are not read strictly: who knows in what they will be run.
collect_parts <- function(values, via, bag) {
  via$strict <- FALSE
  for (value in values[!holds_nothing(values)]) bag_push(bag, value, via)
}

collect_environment <- function(env, via, bag) {
  if (is_shared_environment(env) || !is.null(utils::gethash(bag$kept, env))) {
    return(invisible())
  }
  utils::sethash(bag$kept, env, TRUE)
  values <- lapply(ls(env, all.names = TRUE), binding_value, env = env)
  collect_parts(c(values, list(parent.env(env))), via, bag)
  if (R6::is.R6Class(env)) {
    for (name in all.vars(env$inherit)) collect_name(name, env$parent_env, TRUE, via, bag)
  }
}

collect_closure <- function(f, via, bag) {
  env <- environment(f)
  if (!travels(env) || !is.null(utils::gethash(bag$seen, f))) {
    return(invisible())
  }
  utils::sethash(bag$seen, f, TRUE)
  if (isS4(f)) {
    via$strict <- FALSE
    bag_push(bag, env, via)
  }
  home <- env
  while (!is_shared_environment(home)) {
    bag$homes <- unique(c(bag$homes, home))
    home <- parent.env(home)
  }
  scan <- scan_function(f)
  bag$dynamic <- bag$dynamic || (scan$dynamic && via$strict)
  bag$super <- union(bag$super, scan$super)
  bag$assigned <- union(bag$assigned, scan$assigned)
  bag$called <- union(bag$called, names(scan$uses)[as.logical(scan$uses)])
  for (name in names(scan$uses)) collect_name(name, env, scan$uses[[name]], via, bag)
  if (via$strict) collect_missing(scan, env, via, bag)
  collect_strings(scan, env, via, bag)
}

#' Whether a function with that environment comes from the script, not from a package
#' @noRd
travels <- function(env) {
  while (!is_shared_environment(env)) env <- parent.env(env)
  identical(env, globalenv()) || is_own_namespace(env)
}

# Tests of flows run in the package's own namespace; so would a flow that the package made.
is_own_namespace <- function(env) isNamespace(env) && environmentName(env) == "gangway"

#' Note one name that is used from `env`, wherever it is found between there and the global environment
#' @noRd
collect_name <- function(name, env, called, via, bag) {
  repeat {
    global <- identical(env, globalenv())
    if (!global && is_shared_environment(env)) break
    if (exists(name, envir = env, inherits = FALSE)) {
      value <- binding_value(name, env)
      if (isTRUE(via$soft) && !is_spare(value, name)) break
      if (global) collect_global(name, value, via, bag) else collect_local(name, env, value, via, bag)
      if (!called || is.function(value)) break
    }
    if (global) break
    env <- parent.env(env)
  }
}

collect_global <- function(name, value, via, bag) {
  old <- bag$globals[[name]]
  soft <- isTRUE(via$soft)
  if (is.null(old) || (old$soft && !soft)) {
    bag$globals[[name]] <- list(value = value, soft = soft)
    collect_captured(name, value, via, bag)
  }
}

collect_local <- function(name, env, value, via, bag) {
  names <- utils::gethash(bag$need, env)
  if (!name %in% names) {
    utils::sethash(bag$need, env, c(names, name))
    collect_captured(name, value, via, bag)
  }
}

collect_captured <- function(name, value, via, bag) {
  if (!is.function(value)) {
    bag$captured[[length(bag$captured) + 1L]] <- list(name = name, value = value, owner = via$owner, fun = via$fun)
    via$strict <- FALSE
  } else if (!is.primitive(value)) {
    via$fun <- paste0("`", name, "()`")
  }
  bag_push(bag, value, via)
}

collect_missing <- function(scan, env, via, bag) {
  for (name in names(scan$needed)) {
    mode <- if (scan$needed[[name]] == "function") "function" else "any"
    if (!exists(name, envir = env, mode = mode) && !name %in% gangway_exports()) {
      missing <- list(name = name, kind = scan$needed[[name]], owner = via$owner, fun = via$fun)
      bag$missing[[length(bag$missing) + 1L]] <- missing
    }
  }
}
