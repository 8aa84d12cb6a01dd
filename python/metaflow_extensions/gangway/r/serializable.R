# What R can write and read back in another process, and what it only seems to. Base R alone: the package and
# a task's runtime both load this file (R/serializable.R is a link to it).
#
# R serializes an external pointer as a null pointer, a connection as a number and a weak reference as nothing,
# all without an error. serialize_exactly() finds them at C speed through serialize()'s own hook, and only then
# does find_unserializable() walk the object to say where they are.

#' Serialize an object, or say which part of it cannot be kept
#'
#' @param x Any R object.
#' @param name How the object is called in the path of what is found.
#' @return A raw vector, or what [find_unserializable()] found.
#' @noRd
serialize_exactly <- function(x, name = "x") {
  found <- FALSE
  hook <- function(reference) {
    if (typeof(reference) %in% c("externalptr", "weakref")) found <<- TRUE
    NULL
  }
  bytes <- suppressWarnings(serialize(x, NULL, version = 3L, refhook = hook))
  bad <- if (found) find_unserializable(x, name)
  if (is.null(bad)) bytes else bad
}

#' The first part of an object that R cannot serialize
#'
#' Visits list elements, attributes, slots, environments and closures; follows no cycle twice.
#'
#' @inheritParams serialize_exactly
#' @return `NULL`, or a list of `path` (R code, as `cfg$db$ptr`), `class` and `reason`.
#' @noRd
find_unserializable <- function(x, name = "x") {
  seen <- utils::hashtab("address")
  stack <- list(list(value = x, path = name))
  depth <- 1L
  while (depth > 0L) {
    node <- stack[[depth]]
    depth <- depth - 1L
    reason <- unserializable_reason(node$value)
    if (!is.null(reason)) {
      return(list(path = node$path, class = paste(class(node$value), collapse = "/"), reason = reason))
    }
    parts <- parts_of(node$value, node$path, seen)
    if (length(parts)) {
      stack[depth + seq_along(parts)] <- rev(parts)
      depth <- depth + length(parts)
    }
  }
  NULL
}

#' Why one object, apart from what is in it, cannot be serialized
#' @noRd
unserializable_reason <- function(x) {
  if (inherits(x, "connection")) {
    return("a connection is open in one R session only")
  }
  if (inherits(x, "python.builtin.object")) {
    return("a Python object lives in the Python of one session only")
  }
  switch(typeof(x),
    externalptr = if (!identical(x, methods::new("externalptr"))) {
      "an external pointer is an address in the memory of one R session"
    },
    weakref = "a weak reference is an address in the memory of one R session",
    NULL
  )
}

#' What an object holds that has to be looked at: a list of nodes
#' @noRd
parts_of <- function(x, path, seen) {
  parts <- switch(typeof(x),
    list = , expression = parts_of_list(x, path),
    language = , pairlist = parts_of_list(as.list(x), path, inside = "code"),
    closure = parts_of_closure(x, path),
    environment = parts_of_environment(x, path, seen),
    list()
  )
  c(parts, parts_of_attributes(x, path))
}

parts_of_list <- function(x, path, inside = "list") {
  x <- unclass(x)
  keep <- which(!holds_nothing(x))
  labels <- names(x)
  lapply(keep, function(i) {
    label <- if (is.null(labels) || is.na(labels[i])) "" else labels[i]
    where <- if (inside == "code") {
      path
    } else if (nzchar(label)) {
      paste0(path, "$", as_r_name(label))
    } else {
      paste0(path, "[[", i, "]]")
    }
    list(value = x[[i]], path = where)
  })
}

parts_of_closure <- function(x, path) {
  values <- c(as.list(formals(x)), list(body(x)))
  code <- parts_of_list(values, paste0("body(", path, ")"), inside = "code")
  c(code, list(list(value = environment(x), path = paste0("environment(", path, ")"))))
}

parts_of_environment <- function(x, path, seen) {
  if (is_shared_environment(x) || isTRUE(utils::gethash(seen, x))) {
    return(list())
  }
  utils::sethash(seen, x, TRUE)
  labels <- ls(x, all.names = TRUE, sorted = TRUE)
  values <- lapply(labels, binding_value, env = x)
  names(values) <- labels
  parent <- list(list(value = parent.env(x), path = paste0("parent.env(", path, ")")))
  c(parts_of_list(values, path), parent)
}

# data.table knows that its own pointer does not survive and makes a new one; a class definition's key is a pointer
# that is only ever compared; srcrefs hold text.
harmless_attributes <- c(".internal.selfref", "versionKey", "srcref", "srcfile", "wholeSrcref", "names", "class")

parts_of_attributes <- function(x, path) {
  more <- attributes(x)
  more <- more[setdiff(names(more), harmless_attributes)]
  keep <- names(more)[!holds_nothing(more)]
  lapply(keep, function(label) {
    where <- if (isS4(x)) paste0(path, "@", as_r_name(label)) else paste0("attr(", path, ", \"", label, "\")")
    list(value = more[[label]], path = where)
  })
}

#' Which elements of a list hold nothing further: names, and vectors without attributes worth a look
#' @noRd
holds_nothing <- function(values) {
  plain <- vapply(values, is.symbol, NA) | vapply(values, is.null, NA)
  atomic <- which(vapply(values, is.atomic, NA) & !plain)
  plain[atomic] <- vapply(values[atomic], function(v) {
    more <- attributes(v)
    is.null(more) || all(vapply(more, function(a) is.atomic(a) && is.null(attributes(a)), NA))
  }, NA)
  plain
}

#' The value of a variable, or the function behind it if it is computed at every look
#' @noRd
binding_value <- function(name, env) {
  tryCatch(
    if (name == "...") {
      eval(quote(list(...)), env)
    } else if (bindingIsActive(as.name(name), env)) {
      activeBindingFunction(as.name(name), env)
    } else {
      get(name, envir = env, inherits = FALSE)
    },
    error = function(e) NULL # an argument that was not given, or a promise that fails
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
