# Objects that R's unserialize() alone does not give back as they were: data.tables, and models that the packages
# bundle and marshal know. Base R alone: the package and a task's runtime both load this file (R/restore.R is a
# link to it).

#' Finish what unserialize() gave
#'
#' @param x The object.
#' @param restore What its description says is to be done: `"data.table"` (x is one), `"data.tables"` (some are
#'   inside), `"bundle"`, `"marshal"`, `"package:<name>"` (that package has the methods of its class).
#'   `"element"` is the second of two: an element of a list and, before it, what it may refer to.
#' @return The object as it was assigned.
#' @noRd
restore_value <- function(x, restore) if (length(restore)) restore_as(x, restore) else x

restore_as <- function(x, restore) {
  of_packages <- startsWith(as.character(restore), "package:")
  if (any(of_packages)) load_packages(substring(restore[of_packages], 9L))
  for (how in restore[!of_packages]) {
    x <- switch(how,
      element = x[[2L]],
      data.table = restore_table(x),
      data.tables = replace_inside(x, function(x) inherits(x, "data.table"), restore_table),
      bundle = , marshal = replace_inside(x, function(x) inherits(x, "gangway_packed"), unpack),
      stop("it is to be restored by ", dQuote(how, FALSE), ", which this gangway does not know: update it",
        call. = FALSE
      )
    )
  }
  x
}

# Room for more columns, and its own address: := works by reference again, without a warning. Where data.table is
# not installed it is a data frame.
restore_table <- function(x) {
  if (requireNamespace("data.table", quietly = TRUE)) getExportedValue("data.table", "setalloccol")(x) else x
}

# What restore_value() has to do about data.tables. One that was read with unserialize() points to nothing.
tables_in <- function(x, seen) {
  if (!seen$tables && !seen$empty) {
    NULL
  } else if (inherits(x, "data.table") && seen$tables <= 1) {
    "data.table"
  } else if (seen$tables || holds_table(x)) {
    "data.tables"
  }
}

holds_table <- function(x) {
  found <- FALSE
  replace_inside(x, function(part) inherits(part, "data.table"), function(part) {
    found <<- TRUE
    part
  })
  found
}

#' Replace parts of an object that are reached through lists and environments
#'
#' @param wanted,by Functions of a part: whether to replace it, and by what.
#' @noRd
replace_inside <- function(x, wanted, by, seen = utils::hashtab("address")) {
  if (wanted(x)) {
    return(by(x))
  }
  if (is.environment(x) && !is_shared_environment(x) && is.null(utils::gethash(seen, x))) {
    utils::sethash(seen, x, TRUE)
    for (name in data_variables(x)) {
      old <- get(name, x, inherits = FALSE)
      new <- replace_inside(old, wanted, by, seen)
      if (!is.environment(old) && is_changed(old, new)) assign(name, new, x)
    }
  } else if (is.list(x)) {
    for (i in which(vapply(unclass(x), is_holder, NA))) {
      old <- .subset2(x, i)
      new <- replace_inside(old, wanted, by, seen)
      if (!is.environment(old) && is_changed(old, new)) x <- set_element(x, i, new)
    }
  }
  x
}

is_holder <- function(x) is.list(x) || is.environment(x)

# identical() is quick where nothing was replaced: the parts are the same objects.
is_changed <- function(old, new) inherits(old, c("data.table", "gangway_packed")) || !identical(old, new)

# Whatever class the list has, without its methods.
set_element <- function(x, i, value) {
  kept <- attributes(x)
  x <- unclass(x)
  x[[i]] <- value
  attributes(x) <- kept
  x
}

# Variables that can be looked at without running code.
data_variables <- function(env) {
  names <- ls(env, all.names = TRUE, sorted = FALSE)
  Filter(function(name) {
    name != "..." && !bindingIsActive(name, env) && !bindingIsLocked(name, env) &&
      is_holder(tryCatch(get(name, env, inherits = FALSE), error = function(e) NULL))
  }, names)
}

#' The package that can turn an object into one that R can serialize, and back
#' @return `"bundle"`, `"marshal"`, or `NULL`.
#' @noRd
packer_of <- function(x) {
  # marshal would store a Python object's class alone, and knows data.tables, which need no help.
  if (!is.object(x) || inherits(x, c("python.builtin.object", "data.table"))) {
    return(NULL)
  }
  has_method <- function(package) {
    requireNamespace(package, quietly = TRUE) && any(vapply(class(x), function(class) {
      !is.null(utils::getS3method(package, class, optional = TRUE, envir = asNamespace(package)))
    }, NA))
  }
  if (has_method("bundle")) {
    "bundle"
  } else if (has_method("marshal") && can_marshal(x)) {
    "marshal"
  }
}

can_marshal <- function(x) {
  isTRUE(tryCatch(getExportedValue("marshal", "marshallable")(x), error = function(e) FALSE))
}

is_packable <- function(x) !is.null(packer_of(x))

#' Pack those parts, reached through lists, that R cannot serialize and a package can
#' @return A list: the object, and the names of the packages used.
#' @noRd
pack_inside <- function(x) {
  used <- character()
  pack <- function(x) {
    how <- packer_of(x)
    used <<- union(used, how)
    structure(list(getExportedValue(how, how)(x)), how = how, class = "gangway_packed")
  }
  wanted <- function(x) is_packable(x) && is_lost(x)
  list(value = replace_in_lists(x, wanted, pack), restore = used)
}

is_lost <- function(x) references_in(x)$bad && !is.null(find_unserializable(x))

#' Values by name, those packed that cannot be written otherwise
#' @return A list: `values`, and `packed`, the names of those.
#' @noRd
pack_named <- function(values) {
  packed <- names(values)[vapply(values, function(x) is.list(x) && is_lost(x), NA)]
  for (name in packed) values[[name]] <- pack_inside(values[[name]])$value
  list(values = values, packed = packed)
}

unpack_named <- function(values, packed) {
  for (name in packed) values[[name]] <- restore_value(values[[name]], "bundle")
  values
}

replace_in_lists <- function(x, wanted, by) {
  if (wanted(x)) {
    return(by(x))
  }
  if (is.list(x) && references_in(x)$bad) {
    for (i in which(vapply(unclass(x), is.object, NA) | vapply(unclass(x), is.list, NA))) {
      x <- set_element(x, i, replace_in_lists(.subset2(x, i), wanted, by))
    }
  }
  x
}

unpack <- function(x) {
  how <- attr(x, "how")
  if (!requireNamespace(how, quietly = TRUE)) {
    stop("it was packed with the R package ", how, ", which is not installed here: install it", call. = FALSE)
  }
  getExportedValue(how, paste0("un", how))(.subset2(x, 1L))
}
