# Where in an object the part is that R cannot serialize. Base R alone, as serializable.R.

#' The first part of an object that R cannot serialize
#'
#' Visits list elements, attributes, slots, environments and closures; follows no cycle twice.
#'
#' @inheritParams serialize_exactly
#' @param skip A function of an object that is reached through lists alone: whether to leave it out.
#' @param into A function of an environment that a function was made in: whether to look into it.
#' @return `NULL`, or a list of `path` (R code, as `cfg$db$ptr`), `class`, `reason` and `advice`.
#' @noRd
find_unserializable <- function(x, name = "x", skip = function(x) FALSE, into = function(env) TRUE) {
  walk_unserializable(x, name, skip, into, each = function(found) TRUE)
}

#' @param each A function of what is found: whether to stop there.
#' @noRd
walk_unserializable <- function(x, name = "x", skip = function(x) FALSE, into = function(env) TRUE, each) {
  seen <- utils::hashtab("address")
  methods <- new.env(parent = emptyenv())
  stack <- list(list(value = x, path = name, listed = TRUE, around = NULL))
  depth <- 1L
  while (depth > 0L) {
    node <- stack[[depth]]
    depth <- depth - 1L
    if (isTRUE(node$listed) && skip(node$value)) next
    healed <- healed_parts(node$value, methods)
    if (isTRUE(healed)) next
    reason <- unserializable_reason(node$value)
    if (!is.null(reason)) {
      if (each(node$value)) {
        return(list(
          path = node$path, class = paste(class(node$value), collapse = "/"), reason = reason,
          advice = unserializable_advice(node$value, node$path, ancestors_of(node))
        ))
      }
      next
    }
    parts <- parts_of(node$value, node$path, seen, into, healed)
    if (isTRUE(node$listed) && is.list(node$value)) parts <- lapply(parts, mark_listed)
    if (length(parts)) {
      stack[depth + seq_along(parts)] <- rev(lapply(parts, function(part) c(part, list(around = node))))
      depth <- depth + length(parts)
    }
  }
  NULL
}

ancestors_of <- function(node) {
  found <- list()
  while (!is.null(node <- node$around)) found[[length(found) + 1L]] <- node
  found
}

mark_listed <- function(part) {
  part$listed <- part$inside == "list"
  part
}

#' Why one object, apart from what is in it, cannot be serialized
#' @noRd
unserializable_reason <- function(x) {
  if (is_kept(x)) {
    return(NULL)
  }
  if (inherits(x, "connection")) {
    return("a connection is open in one R session only")
  }
  if (inherits(x, "python.builtin.object")) {
    return("a Python object lives in the Python of one session only")
  }
  if (inherits(x, "gangway_python")) {
    return("it stands for a Python object that R cannot write")
  }
  switch(typeof(x),
    externalptr = if (!is_empty_pointer(x)) "an external pointer is an address in the memory of one R session",
    weakref = "a weak reference is an address in the memory of one R session",
    NULL
  )
}

#' What an object holds that has to be looked at: a list of nodes
#' @noRd
parts_of <- function(x, path, seen, into, healed = NULL) {
  parts <- switch(typeof(x),
    list = , expression = parts_of_list(x, path, healed = healed),
    language = , pairlist = parts_of_list(as.list(x), path, inside = "code"),
    closure = parts_of_closure(x, path, into),
    environment = parts_of_environment(x, path, seen, healed),
    list()
  )
  c(parts, parts_of_attributes(x, path, healed))
}

parts_of_list <- function(x, path, inside = "list", worth = function(x) references_in(x)$bad, healed = NULL) {
  # What was around when a plot was made; the plot's own formulas know what they use of it.
  if (inherits(x, "ggplot") && !is.null(names(x))) x <- unclass(x)[names(x) != "plot_env"]
  x <- unclass(x)
  keep <- bisect(x, which(!holds_nothing(x)), worth)
  labels <- names(x)
  keep <- keep[!as.character(labels)[keep] %in% healed]
  lapply(keep, function(i) {
    label <- if (is.null(labels) || is.na(labels[i])) "" else labels[i]
    where <- if (inside == "code") {
      path
    } else if (nzchar(label)) {
      paste0(path, "$", as_r_name(label))
    } else {
      paste0(path, "[[", i, "]]")
    }
    list(value = x[[i]], path = where, inside = inside)
  })
}

# Which of many elements are worth a look: serialize() tells it of a half of them at once.
bisect <- function(x, keep, worth) {
  if (length(keep) <= 100L) {
    return(keep)
  }
  if (!worth(x[keep])) {
    return(integer())
  }
  half <- seq_len(length(keep) %/% 2L)
  c(bisect(x, keep[half], worth), bisect(x, keep[-half], worth))
}

parts_of_closure <- function(x, path, into) {
  values <- c(as.list(formals(x)), list(body(x)))
  code <- parts_of_list(values, paste0("body(", path, ")"), inside = "code")
  around <- if (into(environment(x))) list(list(value = environment(x), path = paste0("environment(", path, ")")))
  c(code, lapply(around, function(part) c(part, inside = "code")))
}

parts_of_environment <- function(x, path, seen, healed) {
  if (is_shared_environment(x) || isTRUE(utils::gethash(seen, x))) {
    return(list())
  }
  utils::sethash(seen, x, TRUE)
  labels <- setdiff(ls(x, all.names = TRUE, sorted = TRUE), healed)
  values <- lapply(labels, binding_value, env = x)
  names(values) <- labels
  parent <- list(list(value = parent.env(x), inside = "environment", path = paste0("parent.env(", path, ")")))
  c(parts_of_list(values, path, inside = "environment"), parent)
}

# data.table knows that its own pointer does not survive and makes a new one; a class definition's key is a pointer
# that is only ever compared; srcrefs hold text.
harmless_attributes <- c(".internal.selfref", "versionKey", "srcref", "srcfile", "wholeSrcref", "names", "class")

parts_of_attributes <- function(x, path, healed = NULL) {
  more <- attributes(x)
  more <- more[setdiff(names(more), c(harmless_attributes, healed))]
  keep <- names(more)[!holds_nothing(more)]
  if (is.language(x) && is.environment(more$.Environment)) {
    used <- parts_of_formula(x, more$.Environment, path)
    keep <- setdiff(keep, ".Environment")
  } else {
    used <- list()
  }
  c(used, lapply(keep, function(label) {
    where <- if (isS4(x)) paste0(path, "@", as_r_name(label)) else paste0("attr(", path, ", \"", label, "\")")
    list(value = more[[label]], path = where, inside = "attribute")
  }))
}

# Of the environment in which a formula was made only the variables that it names: others that happen to be there,
# such as the connection that the data came from, are not missed by a model.
parts_of_formula <- function(x, env, path) {
  names <- Filter(function(name) exists(name, env, inherits = FALSE), all.vars(x))
  values <- stats::setNames(lapply(names, binding_value, env = env), names)
  parts_of_list(values, paste0("environment(", path, ")"), inside = "environment")
}

#' Which elements of a list hold nothing further: names, and vectors without attributes worth a look
#' @noRd
holds_nothing <- function(values) {
  plain <- vapply(values, is.symbol, NA) | vapply(values, is.null, NA)
  atomic <- which(vapply(values, is.atomic, NA) & !plain)
  plain[atomic] <- vapply(values[atomic], has_plain_attributes, NA)
  plain
}

has_plain_attributes <- function(v) {
  more <- attributes(v)
  is.null(more) || all(vapply(more, function(a) is.atomic(a) && is.null(attributes(a)), NA))
}

#' The value of a variable, or the function behind it if it is computed at every look
#' @param otherwise What an argument gives that was not given, and a promise that fails.
#' @noRd
binding_value <- function(name, env, otherwise = NULL) {
  tryCatch(
    if (name == "...") {
      eval(quote(list(...)), env)
    } else if (bindingIsActive(as.name(name), env)) {
      activeBindingFunction(as.name(name), env)
    } else {
      get(name, envir = env, inherits = FALSE)
    },
    error = function(e) otherwise
  )
}

#' Environments that R serializes by name, not by value
#' @noRd
is_shared_environment <- function(env) {
  identical(env, globalenv()) || identical(env, baseenv()) || identical(env, emptyenv()) ||
    isNamespace(env) || startsWith(environmentName(env), "package:") || identical(environmentName(env), "Autoloads")
}

as_r_name <- function(name) {
  if (make.names(name) == name) name else paste0("`", name, "`")
}
