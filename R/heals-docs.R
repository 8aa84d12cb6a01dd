# The help of heals() and keep_pointers(), whose code (heals.R, a link) a task's runtime loads as well.

#' Objects whose pointers are made anew where they are read
#'
#' R writes an external pointer, a connection and a weak reference as nothing. So gangway refuses an object that has
#' one: as an artifact, as a global of a step's function, and as an argument or result on Ray. Where the object's
#' package makes the pointer anew, from what is stored beside it, nothing is lost, and the object is kept as R writes
#' it. gangway knows this of lme4, glmmTMB and TMB, xgboost models with `$raw`, lightgbm (from 4.0 on), catboost,
#' igraph, rstan, rstanarm and brms, data.table, and memoised functions. Of others it is told in one of two ways.
#'
#' * **Package authors, and scripts, for a class**: a method of `heals()`. In a package,
#'   `S3method(gangway::heals, myclass)` in `NAMESPACE`, which needs no dependency on gangway, and a function of the
#'   name `heals.myclass`; in a script the function is enough. Where a task runs without the package gangway it is
#'   found, too.
#' * **Users, for one object**: `keep_pointers(x)`. From there on every pointer, connection, weak reference and Python
#'   object that is in `x` now is written as R writes it, wherever it is met in this process (in a Ray worker: until
#'   the call ends).
#'
#' A class that cannot heal, but can be written in another form, is a case for the packages bundle and marshal: gangway
#' uses their methods by itself, where they are installed.
#'
#' @param x An object.
#' @param ... For methods.
#' @return `heals()`: `TRUE` if all pointers in `x` are made anew where it is read; or the names of those elements (of
#'   a list), variables (of an environment, an R6 object) or slots whose pointers are; `FALSE` if it is not known, and
#'   the pointers are looked for. `keep_pointers()`: `x`, invisibly and unchanged.
#' @seealso [run()] for artifacts, [ray_map()] for arguments and results
#' @examples
#' # An object that keeps its own bytes beside the pointer, and uses them where the pointer has
#' # become nothing.
#' heals.engine <- function(x, ...) if (is.raw(x$bytes)) "handle" else FALSE
#' heals(structure(list(bytes = as.raw(1), handle = NULL), class = "engine"))
#'
#' # This connection is used by nothing that reads the list.
#' settings <- list(log = stderr(), level = 2)
#' settings <- keep_pointers(settings)
#' @name heals
#' @usage
#' heals(x, ...)
#' keep_pointers(x)
#' @aliases keep_pointers heals.default
#' @rawNamespace export(heals, keep_pointers)
#' @rawNamespace S3method(heals, default)
NULL
