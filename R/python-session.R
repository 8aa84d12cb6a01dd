# The Python of this R session: reticulate's, which starts one and no second.

#' Start Python in this R session, or see to it that the one that runs will do
#'
#' Its threads (reticulate's own, numpy's) leave R's signals to R's: src/signals.c says why. In a task it is the
#' task's own Python.
#'
#' @param ray Whether Ray is needed.
#' @noRd
start_python <- function(ray = FALSE) {
  if (is_in_task()) {
    return(reticulate::py_config())
  }
  if (reticulate::py_available()) {
    return(check_running_python(ray))
  }
  wanted <- gangway_python()
  python <- forced_python(wanted)
  if (is.null(python)) {
    check_python(wanted, ray = ray)
    reticulate::use_python(wanted, required = TRUE)
  } else {
    check_forced_python(python, wanted, ray)
  }
  .Call(block_signals, TRUE)
  on.exit(.Call(block_signals, FALSE))
  start_with_modules_of_its_own()
}

#' Start reticulate's Python so that it looks for modules in the working folder last
#'
#' By reticulate it looks there first, and a folder `ray` or a file `json.py` beside a script is imported in place of
#' Ray and of Python's own module, by reticulate too.
#' @noRd
start_with_modules_of_its_own <- function() {
  # Only the path of a Python that was asked for begins at the working folder.
  if (!grepl("^[^/~].*/", Sys.getenv("RETICULATE_PYTHON"))) {
    folder <- setwd(tempdir())
    on.exit(setwd(folder))
  }
  config <- reticulate::py_config()
  path <- reticulate::import("sys", convert = FALSE)$path
  while ("" %in% reticulate::py_to_r(path)) path$remove("")
  path$append("")
  config
}

# The Python that reticulate takes whatever it is asked for, if it is another than `wanted`.
forced_python <- function(wanted) {
  python <- Sys.getenv("RETICULATE_PYTHON")
  place <- function(path) file.path(normalizePath(dirname(path.expand(path)), mustWork = FALSE), basename(path))
  if (nzchar(python) && python != "managed" && place(python) != place(wanted)) python
}

check_forced_python <- function(python, wanted, ray) {
  problem <- if (is.null(existing_program(python))) {
    "does not exist"
  } else {
    tryCatch(python_problem(probe_python(python), ray), gangway_error_python = function(e) "does not work")
  }
  if (nzchar(problem)) {
    abort_other_python(python, wanted, problem, c(
      x = "The environment variable {.envvar RETICULATE_PYTHON} makes reticulate start it.",
      i = "Remove the variable, or set it at the top of the script:
           {.code Sys.setenv(RETICULATE_PYTHON = \"{wanted}\")}."
    ))
  }
  warn_untried(probe_python(python), ray)
}

# It is asked itself: its search path may be longer than the one that it was started with.
check_running_python <- function(ray) {
  versions <- reticulate::import("importlib.metadata")
  version <- function(name) tryCatch(versions$version(name), error = function(e) "")
  has <- list(metaflow = version("metaflow"), ray = version("ray"))
  problem <- python_problem(has, ray)
  if (nzchar(problem)) {
    wanted <- tryCatch(gangway_python(), gangway_error_python = function(e) NULL)
    abort_other_python(reticulate::py_config()$python, wanted, problem, c(
      x = "reticulate has started it already, and an R session has one Python.",
      i = if (!is.null(wanted)) {
        "Restart R and begin with {.code reticulate::use_python(\"{wanted}\", required = TRUE)}, or call a function
         of gangway first."
      }
    ))
  }
  warn_untried(has, ray)
}

abort_other_python <- function(python, wanted, problem, more) {
  gangway_abort(c(
    "This R session's Python, {.file {python}}, {problem}.",
    more,
    i = if (!is.null(wanted)) "gangway's Python is {.file {wanted}}; {.fn gangway_python} says how it is chosen.",
    i = "{.fn install_metaflow} makes an environment that has everything.",
    see_sitrep
  ), "gangway_error_python", call = NULL)
}
