# A closure takes its environment along, whole, and the ones around it. Only what is used of them shall travel.

#' A function that makes values fit to travel
#'
#' Each environment of the script becomes one new environment, so that what two functions share they still share, with
#' only the names that [collect_globals()] found in use. Environments of packages, and those that are data themselves,
#' stay as they are.
#'
#' @param bag What [collect_globals()] gave.
#' @return A function of a value.
#' @noRd
new_pruner <- function(bag) {
  made <- utils::hashtab("address")
  prune <- function(x) {
    if (typeof(x) == "closure") {
      prune_function(x, prune_env)
    } else if (typeof(x) == "list" && holds_prunable(x)) {
      more <- attributes(x)
      x <- lapply(unclass(x), prune)
      attributes(x) <- more
      x
    } else {
      x
    }
  }
  prune_env <- function(env) {
    if (is_own_namespace(env)) {
      return(globalenv())
    }
    if (is_shared_environment(env) || !is.null(utils::gethash(bag$kept, env)) || !travels(env)) {
      return(env)
    }
    new <- utils::gethash(made, env)
    if (is.null(new)) {
      new <- new.env(parent = prune_env(parent.env(env)))
      utils::sethash(made, env, new)
      # Before its values are pruned, which may lead back here: a function that calls itself.
      for (name in utils::gethash(bag$need, env)) assign(name, prune(binding_value(name, env)), envir = new)
    }
    new
  }
  prune
}

prune_function <- function(f, prune_env) {
  env <- environment(f)
  # An S4 generic keeps its methods in its environment.
  if (!travels(env) || isS4(f)) {
    return(f)
  }
  if (!is.null(attr(f, "srcref"))) f <- without_source(f)
  if (!identical(env, globalenv())) environment(f) <- prune_env(env)
  f
}

# The text of the script is no part of what a task needs; a compiled function would carry it twice.
without_source <- function(f) {
  more <- attributes(f)
  more$srcref <- NULL
  bare <- tryCatch(utils::removeSource(f), error = function(e) f)
  attributes(bare) <- more
  bare
}

holds_prunable <- function(x) {
  any(vapply(unclass(x), function(part) {
    switch(typeof(part),
      closure = travels(environment(part)),
      list = holds_prunable(part),
      FALSE
    )
  }, NA))
}
