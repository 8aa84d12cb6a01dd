# What R can write and read back in another process, and what it only seems to. Base R alone: the package and
# a task's runtime both load this file (R/serializable.R is a link to it).
#
# R serializes an external pointer as a null pointer, a connection as a number and a weak reference as nothing,
# all without an error. serialize()'s own hook finds them at C speed, and only then does find_unserializable()
# (unserializable.R) walk the object to say where they are.

#' Serialize an object, or say which part of it cannot be kept
#'
#' @param x Any R object.
#' @param name How the object is called in the path of what is found.
#' @return A raw vector, or what [find_unserializable()] found.
#' @noRd
serialize_exactly <- function(x, name = "x") {
  references <- watch_references()
  bytes <- serialize_watched(x, NULL, references$hook)
  bad <- if (references$seen()$bad) find_unserializable(x, name)
  if (is.null(bad)) bytes else bad
}

# Native binary: every machine that R and Metaflow run on together is little-endian, and XDR would swap each
# number's bytes twice.
serialize_watched <- function(x, to, hook) {
  suppressWarnings(serialize(x, to, xdr = FALSE, version = 3L, refhook = hook))
}

#' What serialize() meets on its way, without the bytes
#' @return A list of `bad`, `tables`, `empty` and `environments`: see [watch_references()].
#' @noRd
references_in <- function(x) {
  references <- watch_references()
  sink <- file(nullfile(), "wb")
  on.exit(close(sink))
  serialize_watched(x, sink, references$hook)
  references$seen()
}

#' A hook for serialize() that counts the references it is asked about
#'
#' @return A list of two functions: `hook`, and `seen()`, which gives a list of `bad` (something that does not
#'   survive), `tables` (data.tables), `empty` (pointers to nothing) and `environments`.
#' @noRd
watch_references <- function() {
  bad <- FALSE
  tables <- empty <- environments <- 0
  table_pointer <- data_table_pointer()
  hook <- function(reference) {
    if (typeof(reference) == "environment") {
      environments <<- environments + 1
      if (inherits(reference, c("python.builtin.object", "gangway_python"))) bad <<- TRUE
    } else if (typeof(reference) == "weakref") {
      bad <<- TRUE
    } else if (is_empty_pointer(reference)) {
      empty <<- empty + 1
    } else if (identical(reference, table_pointer)) {
      tables <<- tables + 1
    } else {
      bad <<- TRUE
    }
    NULL
  }
  list(hook = hook, seen = function() list(bad = bad, tables = tables, empty = empty, environments = environments))
}

# All data.tables of a session point to the same address, that of R's NULL.
data_table_pointer <- function() {
  if (is.null(pointers$table) && isNamespaceLoaded("data.table")) {
    pointers$table <- attr(getExportedValue("data.table", "data.table")(), ".internal.selfref")
  }
  pointers$table
}
pointers <- new.env(parent = emptyenv())

is_empty_pointer <- function(x) {
  identical(x, empty_pointer) ||
    (!is.null(attributes(x)) && grepl("^<pointer: (\\(nil\\)|0x0+|0+)>$", deparse(x)[1L]))
}
empty_pointer <- methods::new("externalptr")
