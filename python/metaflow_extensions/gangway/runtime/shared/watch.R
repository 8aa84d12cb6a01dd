# What changes where it is, without an assignment that anybody sees: a function's variables, an environment's. Values
# are kept as they were, so that R changes a copy, and identical() compares the addresses of all that is as it was. Not
# of data.tables: R knows nothing of what their functions change.

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
  if (is.null(names) && holds_values_alone(env)) {
    return(list(env = env, values = values_in(env)))
  }
  list(env = env, names = names, held = held_in(env, names))
}

have_changed <- function(watched) {
  for (one in watched) {
    now <- if (is.null(one$values)) held_in(one$env, one$names) else values_in(one$env)
    if (!is_same(now, if (is.null(one$values)) one$held else one$values)) return(TRUE)
  }
  FALSE
}

# Neither `...`, nor active bindings, nor arguments whose code has not run: a look at all at once does no harm.
holds_values_alone <- function(env) {
  names <- names(env)
  !"..." %in% names && !any(vapply(names, bindingIsActive, NA, env)) &&
    !any(vapply(names, function(name) is.language(code_of(name, env)[[1L]]), NA))
}

values_in <- function(env) {
  values <- as.list.environment(env, all.names = TRUE, sorted = TRUE)
  list(values, attributes(env), parent.env(env), environmentIsLocked(env))
}

# 0 and -0 are not the same, nor are attributes in another order.
is_same <- function(x, y) identical(x, y, num.eq = FALSE, attrib.as.set = FALSE)

# The values; of an argument whose code has not run, the code. Attributes apart, as some functions change them in place.
held_in <- function(env, names) {
  global <- identical(env, globalenv())
  here <- if (is.null(names)) ls(env, all.names = TRUE) else names[names %in% names(env)]
  here <- here[here != "..."]
  held <- lapply(stats::setNames(nm = here), function(name) {
    if (bindingIsActive(name, env)) {
      return(activeBindingFunction(name, env))
    }
    code <- if (!global) code_of(name, env)
    if (is.language(code[[1L]])) {
      return(code)
    }
    value <- get(name, envir = env, inherits = FALSE)
    list(value, attributes(value), bindingIsLocked(name, env))
  })
  more <- if (!global) list(attributes(env), parent.env(env), environmentIsLocked(env))
  c(more, held)
}
