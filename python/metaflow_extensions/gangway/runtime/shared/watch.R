# What changes where it is, without an assignment that anybody sees: a function's variables, an environment's. Values
# are kept as they were, so that R changes a copy, and identical() compares the addresses of all that is as it was. Not
# of data.tables: R knows nothing of what their functions change.

#' Note what the environments that hang on a value hold
#' @param hook What is to see all that serialize() asks about.
#' @return A list for have_changed() and have_gained().
#' @noRd
watch_insides <- function(x, hook = NULL) {
  seen <- utils::hashtab("address")
  add <- function(reference) {
    if (!is.null(hook)) hook(reference)
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
  for (one in watched) if (!is_same(held_now(one), held_then(one))) return(TRUE)
  FALSE
}

held_then <- function(one) if (is.null(one$values)) one$held else one$values
held_now <- function(one) if (is.null(one$values)) held_in(one$env, one$names) else values_in(one$env)

# Neither `...`, nor active bindings, nor arguments whose code has not run: a look at all at once does no harm.
holds_values_alone <- function(env) {
  names <- ls(env, all.names = TRUE, sorted = FALSE) # names() may be a method of its class
  !"..." %in% names && !any(vapply(names, bindingIsActive, NA, env)) &&
    !any(vapply(names, function(name) is.language(code_of(name, env)[[1L]]), NA))
}

values_in <- function(env) {
  values <- as.list.environment(env, all.names = TRUE, sorted = TRUE)
  list(values, attributes(env), parent.env(env), environmentIsLocked(env))
}

#' Whether anything has changed that could be stored
#'
#' Not the pointers that a package has put there for this session, nor what it has made to hold them.
#' @noRd
have_gained <- function(watched) {
  for (one in watched) if (is_new_data(held_then(one), held_now(one))) return(TRUE)
  FALSE
}

is_new_data <- function(old, new, depth = 0L) {
  if (is_same(old, new)) {
    return(FALSE)
  }
  if (!is_lost(new)) {
    return(!(is.null(new) && is_lost(old)))
  }
  parts <- lapply(list(old, new), parts_by_name)
  depth < 50L && !any(vapply(parts, is.null, NA)) && {
    names <- union(names(parts[[1L]]), names(parts[[2L]]))
    any(vapply(names, function(name) is_new_data(parts[[1L]][[name]], parts[[2L]][[name]], depth + 1L), NA))
  }
}

# What is in a list, an environment or around a function; `NULL` of what has no such parts.
parts_by_name <- function(x) {
  if (typeof(x) == "environment") {
    return(if (!is_shared_environment(x)) parts_by_name(held_in(x, NULL)))
  }
  if (typeof(x) == "closure") {
    return(list(code = list(formals(x), body(x)), around = environment(x)))
  }
  if (typeof(x) == "S4") {
    return(attributes(x))
  }
  if (is.list(x)) {
    more <- attributes(x)
    names <- as.character(more$names)
    names <- if (length(names)) make.unique(ifelse(nzchar(names), names, seq_along(names))) else seq_along(unclass(x))
    c(stats::setNames(unclass(x), paste("element", names)), list(attributes = more[names(more) != "names"]))
  }
}

# 0 and -0 are not the same, nor are attributes in another order.
is_same <- function(x, y) identical(x, y, num.eq = FALSE, attrib.as.set = FALSE)

# The values; of an argument whose code has not run, the code. Attributes apart, as some functions change them in place.
held_in <- function(env, names) {
  global <- identical(env, globalenv())
  here <- ls(env, all.names = TRUE, sorted = is.null(names))
  if (!is.null(names)) here <- names[names %in% here]
  here <- here[here != "..."]
  if (global && !is.null(held <- held_by_script(here))) {
    return(held)
  }
  held <- lapply(stats::setNames(nm = here), function(name) {
    if (bindingIsActive(name, env)) {
      return(activeBindingFunction(name, env))
    }
    code <- if (!global) code_of(name, env)
    if (is.language(code[[1L]])) {
      return(code)
    }
    value <- binding_value(name, env, no_value) # what a delayed assignment gives may be an error
    list(value, attributes(value), bindingIsLocked(name, env))
  })
  more <- if (!global) list(attributes(env), parent.env(env), environmentIsLocked(env))
  c(more, held)
}

# All at once, in a third of the time. NULL where that is not to be had.
held_by_script <- function(names) {
  if (any(vapply(names, bindingIsActive, NA, globalenv()))) {
    return(NULL)
  }
  values <- tryCatch(mget(names, globalenv()), error = function(e) NULL)
  if (!is.null(values)) list(values, lapply(values, attributes), vapply(names, bindingIsLocked, NA, globalenv()))
}

#' Whether a data.table is anywhere in a value, also around a function or in an attribute
#'
#' What was read with unserialize() points to nothing, as do models that their package has yet to restore.
#' @noRd
has_tables <- function(x) {
  seen <- utils::hashtab("address")
  points <- function(x) {
    found <- references_in(x)
    found$tables + found$empty > 0
  }
  waiting <- list(list(x))
  while (length(waiting)) {
    parts <- waiting[[1L]]
    waiting[[1L]] <- NULL
    for (i in bisect(parts, which(!holds_nothing(parts)), points)) {
      part <- parts[[i]]
      if (inherits(part, "data.table")) {
        return(TRUE)
      }
      if (typeof(part) == "environment") {
        if (is_shared_environment(part) || !is.null(utils::gethash(seen, part))) next
        utils::sethash(seen, part, TRUE)
      }
      inside <- switch(typeof(part),
        list = , expression = unclass(part), pairlist = as.list(part), environment = held_in(part, NULL),
        closure = c(as.list(formals(part)), environment(part))
      )
      waiting[[length(waiting) + 1L]] <- c(inside, if (typeof(part) != "environment") attributes(part))
    }
  }
  FALSE
}
