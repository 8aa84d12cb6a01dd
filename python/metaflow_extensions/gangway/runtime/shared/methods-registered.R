# S3 methods that code has registered by registerS3method(), .S3method() or S7's method()<-: they stand in a table of
# the generic's package, and no search path shows them. And which packages have methods for a class.

tables <- new.env(parent = emptyenv())

methods_table <- function(namespace) namespace[[".__S3MethodsTable__."]]

#' Methods of the script that stand in packages' tables
#'
#' The tables hold thousands of methods; which of them are the script's is looked up anew only when one has grown.
#' @return A list of lists: `key` ("generic.class"), `namespace` (of the generic), `method`.
#' @noRd
script_methods <- function() {
  look_at_tables()
  found <- lapply(tables$script, function(place) {
    method <- methods_table(asNamespace(place$namespace))[[place$key]]
    if (is_script_function(method)) c(place, list(method = method))
  })
  Filter(Negate(is.null), found)
}

#' Packages, other than R's own, whose methods an object of these classes needs
#' @noRd
packages_of_classes <- function(classes) {
  look_at_tables()
  classes <- setdiff(classes, plain_classes)
  found <- mget(classes, tables$packages, ifnotfound = list(character()))
  s4 <- lapply(classes, s4_package)
  setdiff(unique(unlist(c(found, s4))), always_loaded)
}

r_packages <- c("base", "stats", "utils", "graphics")
always_loaded <- c(r_packages, "methods", "grDevices", "datasets", "gangway", "R_GlobalEnv", ".GlobalEnv", "")

s4_package <- function(class) {
  definition <- methods::getClassDef(class)
  if (!is.null(definition) && isNamespaceLoaded(definition@package)) definition@package
}

# Looked at often, and never of use here.
plain_classes <- c("data.frame", "factor", "Date", "POSIXct", "POSIXt", "difftime", "table", "matrix", "array", "list",
  "numeric", "character", "integer", "logical", "function", "formula", "lm", "terms", "call", "name", "noquote",
  "numeric_version", "package_version", "simple.list", "octmode", "hexmode", "condition", "error", "simpleError")

# How many methods stand in each namespace's table, by name.
table_sizes <- function() {
  names <- loadedNamespaces()
  if (!identical(names, tables$names)) {
    tables$names <- names
    tables$all <- lapply(stats::setNames(nm = names), function(name) methods_table(asNamespace(name)))
  }
  lengths(tables$all)
}

look_at_tables <- function() {
  sizes <- table_sizes()
  if (identical(sizes, tables$sizes)) {
    return(invisible())
  }
  tables$sizes <- sizes
  names <- names(sizes)
  tables$script <- list()
  tables$packages <- new.env(parent = emptyenv())
  own <- own_names()
  for (name in names[sizes > 0L]) {
    table <- tables$all[[name]]
    keys <- setdiff(names(table), own)
    for (key in keys) note_method(key, table[[key]], name)
    for (key in setdiff(names(table), keys)) note_method(key, code_of(key, table)[[1L]], name)
  }
}

# R's own methods are promises in its packages' tables, and to have them all would take 40 MB and 0.4 s. substitute()
# gives a promise's code, and the function where one was registered over R's own method (by its name in a string, which
# would be a promise as well, it is not seen).
own_names <- function() {
  unlist(lapply(c(r_packages, "methods", "grDevices"), function(package) names(asNamespace(package))))
}

note_method <- function(key, method, namespace) {
  env <- if (is.function(method)) environment(method)
  if (!is.null(env) && !isNamespace(env) && is_script_function(method)) {
    tables$script[[length(tables$script) + 1L]] <- list(key = key, namespace = namespace)
  } else if (!is.null(env) && namespace %in% r_packages) {
    note_class(key, environmentName(topenv(env)))
  }
}

# The package that has a class's methods for R's own generics is the one that the class is of; others have methods of
# their own generics for it.
note_class <- function(key, package) {
  if (package %in% always_loaded) {
    return(invisible())
  }
  dots <- gregexpr(".", key, fixed = TRUE)[[1L]]
  for (dot in dots[dots > 0L]) {
    class <- substring(key, dot + 1L)
    if (nzchar(class)) tables$packages[[class]] <- union(tables$packages[[class]], package)
  }
}

# Of the script, or of a module that hangs below base and has a class, as box's do. Packages have helpers there, too.
is_script_function <- function(f) {
  if (!is.function(f) || is.primitive(f)) {
    return(FALSE)
  }
  env <- environment(f)
  module <- FALSE
  while (!is_shared_environment(env)) {
    module <- module || is.object(env)
    env <- parent.env(env)
  }
  identical(env, globalenv()) || (module && identical(env, baseenv()))
}

# The packages that have the methods of what arrives. Where one is missing the value is given all the same, and said.
load_packages <- function(packages) {
  for (package in packages) {
    if (!requireNamespace(package, quietly = TRUE) && is.null(missing_packages[[package]])) {
      missing_packages[[package]] <- TRUE
      warning(missing_package_text(package), " Printing, predicting and other uses of the object may fail or give ",
        "another result.", call. = FALSE)
    }
  }
}

missing_package_text <- function(packages) {
  said <- ", which has the methods of an object's class, is not installed here. Install it here."
  paste0("R package ", packages, said, collapse = "\n")
}

missing_packages <- new.env(parent = emptyenv())
