# All of the package's errors and warnings go through here, so that each has a class of the tree below:
#
# An error of the user's R code that gangway passes on (from a worker, a task, a run) has the classes of that code's
# condition as well (with_cause()).
#
#   gangway_error
#     gangway_error_flow         the graph: steps, arrows, joins
#     gangway_error_decorator    a decorator or one of its arguments
#     gangway_error_parameter    a parameter or its value
#     gangway_error_argument     an argument of run() or of another function of the package
#     gangway_error_bundle       what a step's function carries with it
#     gangway_error_python       no Python, no Metaflow, no Ray, or one that is too old
#     gangway_error_run          a run that failed
#       gangway_error_max_num_splits   because of more tasks of a foreach than max_num_splits allows
#     gangway_error_image        no image in the registry, or no answer from it
#     gangway_error_project      a project that cannot be made
#     gangway_error_promotion    a run that is not fit for production, or none that is
#     gangway_error_deployment   a deployment that is refused
#       gangway_error_no_deployment    or that is not there
#     gangway_error_client       a flow, run, step, task or artifact that is not there
#     gangway_error_ray          a task, an actor or a value on Ray (runtime/shared/ray-errors.R)
#     gangway_error_not_in_task  a function that has a meaning in a running step only

#' Abort with a condition of the package's tree
#'
#' @param message A character vector for [cli::cli_abort()]: what is wrong, then named bullets
#'   (`i`, `x`) that say where and what to do. cli's inline markup is evaluated in `.envir`.
#' @param class Class or classes of the condition, most specific first; `"gangway_error"` is added.
#' @param ... Fields of the condition.
#' @param call The environment whose call the message names.
#' @param .envir Where the message's `{}` are evaluated.
#' @noRd
gangway_abort <- function(message, class = NULL, ..., call = parent.frame(), .envir = parent.frame()) {
  signal_error(new_error(message, class, ..., call = call, .envir = .envir))
}

#' The condition that gangway_abort() signals
#' @inheritParams gangway_abort
#' @noRd
new_error <- function(message, class = NULL, ..., call = parent.frame(), .envir = parent.frame()) {
  force(call)
  force(.envir)
  rlang::catch_cnd(
    cli::cli_abort(message, class = unique(c(class, "gangway_error")), ..., call = call, .envir = .envir), "error"
  )
}

#' Signal an error with the user's part of the stack
#'
#' rlang shows the calls that led to an error; those from the first one of the package on say nothing to its user. The
#' function that failed is named by the error's own `call`.
#' @noRd
signal_error <- function(error) {
  own <- which(error$trace$namespace == "gangway")
  if (length(own)) error$trace <- trace_rows(error$trace, seq_along(error$trace$namespace) < own[1L])
  rlang::cnd_signal(error)
}

#' Warn with a condition of class `"gangway_warning"`
#' @inheritParams gangway_abort
#' @noRd
gangway_warn <- function(message, class = NULL, ..., .envir = parent.frame()) {
  cli::cli_warn(message, class = unique(c(class, "gangway_warning")), ..., .envir = .envir)
}

#' The choice that was probably meant
#'
#' @param x What was written.
#' @param choices Names that exist.
#' @return One of `choices`, or `NULL` if none is near.
#' @noRd
nearest_name <- function(x, choices) {
  choices <- unique(as.character(choices))
  if (!length(choices) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    return(NULL)
  }
  plain <- function(s) gsub("[-_. ]", "", tolower(s))
  distance <- drop(utils::adist(plain(x), plain(choices)))
  begins <- startsWith(plain(choices), plain(x)) & nchar(x) >= 3L
  distance[begins] <- pmin(distance[begins], 1)
  best <- which.min(distance)
  if (distance[best] <= max(1, (nchar(x) + 1) %/% 3)) choices[best]
}

#' Bullets that help with a name that does not exist
#'
#' @param x What was written.
#' @param choices Names that exist.
#' @param what What the choices are, in the plural: `"steps"`.
#' @return A named character vector of bullets for [gangway_abort()], with cli's braces escaped.
#' @noRd
did_you_mean <- function(x, choices, what = NULL) {
  nearest <- nearest_name(x, choices)
  if (!is.null(nearest)) {
    return(c(i = paste0("Did you mean ", cli_literal(dQuote(nearest, FALSE)), "?")))
  }
  if (is.null(what) || !length(choices)) {
    return(NULL)
  }
  shown <- utils::head(choices, 20L)
  more <- if (length(choices) > length(shown)) ", ..." else ""
  c(i = paste0("The ", what, " are: ", cli_literal(paste(dQuote(shown, FALSE), collapse = ", ")), more))
}

#' Text that cli shall print as it is
#' @noRd
cli_literal <- function(x) {
  gsub("}", "}}", gsub("{", "{{", x, fixed = TRUE), fixed = TRUE)
}

#' Fail if a call has an argument that is empty: `step(flow, step = "start", )`
#'
#' R would say that an argument is missing, and not which.
#' @noRd
check_commas <- function(name, call = sys.call(-1L)) {
  empty <- which(vapply(as.list(call)[-1L], is_missing_argument, NA))
  if (!length(empty)) {
    return(invisible())
  }
  bullets <- if (empty[[length(empty)]] == length(call) - 1L) {
    c("{.fn {name}} has a trailing comma: nothing stands between its last comma and the closing parenthesis.",
      i = "Delete the comma.")
  } else {
    c("{.fn {name}} has two commas with nothing between them.", i = "Delete one of them.")
  }
  gangway_abort(bullets, class = c("gangway_error_argument", "gangway_error_flow"), call = NULL)
}
