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
  seen <- utils::hashtab("address")
  stack <- list(list(value = x, path = name, listed = TRUE))
  depth <- 1L
  while (depth > 0L) {
    node <- stack[[depth]]
    depth <- depth - 1L
    if (isTRUE(node$listed) && skip(node$value)) next
    reason <- unserializable_reason(node$value)
    if (!is.null(reason)) {
      return(list(
        path = node$path, class = paste(class(node$value), collapse = "/"), reason = reason,
        advice = unserializable_advice(node$value, node$path)
      ))
    }
    parts <- parts_of(node$value, node$path, seen, into)
    if (isTRUE(node$listed) && is.list(node$value)) parts <- lapply(parts, mark_listed)
    if (length(parts)) {
      stack[depth + seq_along(parts)] <- rev(parts)
      depth <- depth + length(parts)
    }
  }
  NULL
}

mark_listed <- function(part) {
  part$listed <- part$inside == "list"
  part
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
  if (inherits(x, "gangway_python")) {
    return("it stands for a Python object that R cannot write")
  }
  switch(typeof(x),
    externalptr = if (!is_empty_pointer(x)) "an external pointer is an address in the memory of one R session",
    weakref = "a weak reference is an address in the memory of one R session",
    NULL
  )
}

#' What to do instead of keeping such an object
#' @noRd
unserializable_advice <- function(x, path) {
  if (grepl("^(parent[.]env|environment)[(]", path)) {
    paste(
      "It came along with a function or an environment, which keeps all that was there when it was made: remove it",
      "with rm() before, or make the function elsewhere, for example outside of the step's function."
    )
  } else if (inherits(x, "connection")) {
    "Keep its path or address, and open it where it is used."
  } else if (inherits(x, "python.builtin.object")) {
    paste(
      "Convert it with reticulate::py_to_r(), keep the bytes of Python's pickle.dumps(), or make it in a step that",
      "is written in Python: step(py_function = \"module:function\")."
    )
  } else if (inherits(x, "gangway_python")) {
    "Assign it by itself, self$name <- object, and Python gets it back as it was."
  } else if (inherits(x, "torch_tensor")) {
    "Keep torch::torch_serialize(tensor), a raw vector, and torch::torch_load() it where it is used."
  } else if (inherits(x, c("xgb.Booster.handle", "xgb.Booster"))) {
    "Keep xgboost::xgb.save.raw(model), a raw vector; or install the package bundle, and gangway uses it."
  } else {
    paste(
      "Keep the data that it is made from, and make it again where it is used. Models: where the package bundle",
      "or marshal is installed and knows the class, gangway uses it."
    )
  }
}

#' What an object holds that has to be looked at: a list of nodes
#' @noRd
parts_of <- function(x, path, seen, into) {
  parts <- switch(typeof(x),
    list = , expression = parts_of_list(x, path),
    language = , pairlist = parts_of_list(as.list(x), path, inside = "code"),
    closure = parts_of_closure(x, path, into),
    environment = parts_of_environment(x, path, seen),
    list()
  )
  c(parts, parts_of_attributes(x, path))
}

parts_of_list <- function(x, path, inside = "list", worth = function(x) references_in(x)$bad) {
  # What was around when a plot was made; the plot's own formulas know what they use of it.
  if (inherits(x, "ggplot") && !is.null(names(x))) x <- unclass(x)[names(x) != "plot_env"]
  x <- unclass(x)
  keep <- bisect(x, which(!holds_nothing(x)), worth)
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

parts_of_environment <- function(x, path, seen) {
  if (is_shared_environment(x) || isTRUE(utils::gethash(seen, x))) {
    return(list())
  }
  utils::sethash(seen, x, TRUE)
  labels <- setdiff(ls(x, all.names = TRUE, sorted = TRUE), healed_in(x))
  values <- lapply(labels, binding_value, env = x)
  names(values) <- labels
  parent <- list(list(value = parent.env(x), inside = "environment", path = paste0("parent.env(", path, ")")))
  c(parts_of_list(values, path, inside = "environment"), parent)
}

# Pointers that their owner makes anew where they have come to nothing: those of fastmap, and so of memoised functions,
# and of lme4's models.
healed_in <- function(env) {
  if (exists("ensure_restore_map", envir = env, inherits = FALSE)) {
    "key_idx_map"
  } else if (inherits(env[[".self"]], c("merPredD", "lmResp"))) {
    c("Ptr", ".->Ptr")
  }
}

# data.table knows that its own pointer does not survive and makes a new one; a class definition's key is a pointer
# that is only ever compared; srcrefs hold text.
harmless_attributes <- c(".internal.selfref", "versionKey", "srcref", "srcfile", "wholeSrcref", "names", "class")

parts_of_attributes <- function(x, path) {
  more <- attributes(x)
  more <- more[setdiff(names(more), harmless_attributes)]
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
  plain[atomic] <- vapply(values[atomic], function(v) {
    more <- attributes(v)
    is.null(more) || all(vapply(more, function(a) is.atomic(a) && is.null(attributes(a)), NA))
  }, NA)
  plain
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
