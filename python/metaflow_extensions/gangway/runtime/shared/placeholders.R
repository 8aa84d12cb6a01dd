# What Python made an R object of may hold parts that it could not: R objects, which come as they were stored, and
# Python's own. The package and a task's runtime both load this file (R/placeholders.R is a link to it).

#' Put values where their placeholders are
#'
#' @param x What values.from_python made: lists and data frames in which an object of class `gangway_placeholder` is
#'   the position of a value.
#' @param values What they stand for.
#' @noRd
fill_placeholders <- function(x, values) {
  if (inherits(x, "gangway_placeholder")) {
    return(values[[x]])
  }
  if (is.list(x)) {
    kept <- attributes(x)
    x <- lapply(unclass(x), fill_placeholders, values)
    attributes(x) <- kept
  }
  x
}

# An exception that @catch kept (caught.py). Its message is that of the process which knew the methods of its class.
#' @export
conditionMessage.metaflow_exception <- function(c) c$exception # nolint: object_name_linter. An S3 method.

# Of R code it prints as R would say it, of Python code with Python's traceback.
#' @export
print.metaflow_exception <- function(x, ...) {
  if (is.null(x$traceback)) {
    cat(if (is.null(x$stacktrace)) conditionMessage(x) else x$stacktrace, "\n", sep = "")
    return(invisible(x))
  }
  call <- conditionCall(x)
  cat("Error", if (!is.null(call)) c(" in ", deparse(call, nlines = 1L)[1L]), ": ", conditionMessage(x), "\n", sep = "")
  if (length(x$traceback)) {
    cat("R traceback (the step's function first):\n", paste0("  ", seq_along(x$traceback), ". ", x$traceback, "\n"),
      sep = "")
  }
  invisible(x)
}
