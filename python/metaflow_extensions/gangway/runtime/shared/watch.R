# What changes where it is, without an assignment that anybody sees: a function's variables, an environment's. Values
# are kept as they were, so that R changes a copy, and identical() compares the addresses of all that is as it was.

#' Note what the environments that hang on a value hold
#' @return A list for have_changed().
#' @noRd
watch_insides <- function(x) {
  seen <- utils::hashtab("address")
  add <- function(reference) {
    if (typeof(reference) == "environment" && !inherits(reference, "srcfile")) utils::sethash(seen, reference, TRUE)
    NULL
  }
  sink <- file(nullfile(), "wb")
  on.exit(close(sink))
  serialize_watched(x, sink, add)
  found <- list()
  utils::maphash(seen, function(env, ignored) found[[length(found) + 1L]] <<- watch_environment(env))
  found
}

#' @param names Those of the variables that count; `NULL` for all.
#' @noRd
watch_environment <- function(env, names = NULL) {
  list(env = env, names = names, held = held_in(env, names))
}

have_changed <- function(watched) {
  for (one in watched) if (!identical(held_in(one$env, one$names), one$held)) return(TRUE)
  FALSE
}

# The values; of an argument whose code has not run, the code.
held_in <- function(env, names) {
  if (identical(env, globalenv())) {
    return(mget(names, globalenv(), ifnotfound = list(no_value)))
  }
  here <- ls(env, all.names = TRUE)
  if (!is.null(names)) here <- here[here %in% names]
  here <- here[here != "..."]
  held <- lapply(here, function(name) {
    if (bindingIsActive(name, env)) {
      return(activeBindingFunction(name, env))
    }
    code <- code_of(name, env)
    if (is.language(code[[1L]])) code else list(get(name, envir = env, inherits = FALSE))
  })
  names(held) <- here
  c(list(attributes(env)), held)
}
