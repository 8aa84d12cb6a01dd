# What Python made an R object of may hold parts that it could not: R objects, which come as they were stored, and
# Python's own. The package and a task's runtime both load this file (R/others.R is a link to it).

#' Put the other parts where their placeholders are
#'
#' @param x What from_python.py made: lists and data frames in which an object of class `gangway_other` is the
#'   position of a part.
#' @param others The parts.
#' @noRd
fill_in <- function(x, others) {
  if (inherits(x, "gangway_other")) {
    return(others[[x]])
  }
  if (is.list(x)) {
    kept <- attributes(x)
    x <- lapply(unclass(x), fill_in, others)
    attributes(x) <- kept
  }
  x
}
