# install_metaflow() makes the Python environment that gangway uses on a machine with Python and R.

gangway_envname <- "r-gangway"

#' Install what gangway needs from Python
#'
#' Makes a Python environment named `r-gangway` and installs Metaflow, Ray, psutil and
#' rpy2-rinterface (built with the headers of the R that runs now, because a task embeds that R)
#' from PyPI into it. gangway's own Python core comes with the R package, from wherever that was
#' installed, and is checked to work in the environment.
#'
#' @details
#' Without a `method` a virtual environment is made: it takes any Python from 3.10 on with its
#' `venv` module, needs no other software, and builds against this R. A conda environment is made on
#' request only: conda's compilers and libraries shadow those that R was built with, and R embedded
#' in a task then may fail to load its packages.
#'
#' Where the program uv is there, it installs into the virtual environment, and pip only if uv could not. Without a
#' network, let pip find all files in a folder: `Sys.setenv(PIP_NO_INDEX = "1", PIP_FIND_LINKS = "path/to/folder")`, and
#' `UV_OFFLINE`, `UV_FIND_LINKS` for uv; docs/setup.md in the repository says how the folder is filled.
#'
#' gangway finds the environment by itself; see the option `gangway.python` for another Python.
#'
#' @param method `"virtualenv"`, the default here, or `"conda"`.
#' @param prompt Ask before anything is installed? An R session that is not interactive never asks.
#' @param version Version of Metaflow, such as `"2.19.39"`; by default the newest that gangway
#'   works with.
#' @param ... Passed on to [reticulate::virtualenv_install()] or [reticulate::conda_install()].
#' @return The path of the environment's Python, invisibly.
#' @seealso [remove_metaflow_env()], [test()] to see whether it works.
#' @examples
#' \dontrun{
#' # downloads about 100 MB
#' install_metaflow()
#' }
#' @export
install_metaflow <- function(method = c("conda", "virtualenv"), prompt = TRUE, version = NULL,
                             ...) {
  method <- if (missing(method)) "virtualenv" else rlang::arg_match(method)
  if (!is.null(version)) check_metaflow_version(version)
  packages <- python_requirements(version)
  check_other_environment(method)
  if (!confirm(prompt, paste0("Install ", paste(packages, collapse = ", "), " into the ", method,
    " environment \"", gangway_envname, "\"?"))) {
    gangway_abort("Nothing was installed.", class = "gangway_error_python")
  }
  restore <- set_build_environment()
  on.exit(restore(), add = TRUE)
  python <- switch(method,
    virtualenv = install_virtualenv(packages, ...),
    conda = install_conda(packages, ...)
  )
  verify_python(python)
  cli::cli_inform(c(v = "gangway is ready with the Python {.file {python}}."))
  invisible(python)
}

#' Remove the Python environment that install_metaflow() made
#'
#' @param prompt Ask first? If so, an R session that is not interactive removes nothing.
#' @return Nothing.
#' @examples
#' \dontrun{
#' remove_metaflow_env()
#' }
#' @export
remove_metaflow_env <- function(prompt = TRUE) {
  found <- Filter(environment_exists, c("virtualenv", "conda"))
  if (!length(found)) {
    gangway_abort(
      c("There is no environment {.val {gangway_envname}} to remove.",
        i = "{.fn install_metaflow} makes one."),
      class = "gangway_error_python"
    )
  }
  if (prompt && !interactive()) {
    gangway_abort(
      c("{.fn remove_metaflow_env} cannot ask: this R session is not interactive.",
        i = "Use {.code remove_metaflow_env(prompt = FALSE)}."),
      class = "gangway_error_python"
    )
  }
  if (!confirm(prompt, paste0("Remove the environment \"", gangway_envname, "\"?"))) {
    gangway_abort("Nothing was removed.", class = "gangway_error_python")
  }
  for (method in found) {
    switch(method,
      virtualenv = reticulate::virtualenv_remove(gangway_envname, confirm = FALSE),
      conda = reticulate::conda_remove(gangway_envname)
    )
  }
  cli::cli_inform(c(v = "Removed. Restart R if it was in use."))
  invisible()
}

# A version of Metaflow that the user asks for is taken, if gangway can work with it.
check_metaflow_version <- function(version) {
  oldest <- version_bound("metaflow", ">=")
  parsed <- tryCatch(numeric_version(version), error = function(e) NULL)
  if (length(parsed) != 1L) {
    gangway_abort(
      c("{.arg version} must be a version of Metaflow, such as {.val {oldest}}, not {.val {version}}."),
      class = c("gangway_error_argument", "gangway_error_python"), call = rlang::caller_env()
    )
  }
  if (parsed < oldest) {
    gangway_abort(
      c("Metaflow {version} is too old: gangway needs {oldest} or newer.",
        i = "Older ones have no artifact serializers, which keep R objects as they are."),
      class = c("gangway_error_argument", "gangway_error_python"), call = rlang::caller_env()
    )
  }
}

confirm <- function(prompt, question) {
  if (!isTRUE(prompt) || !interactive()) {
    return(TRUE)
  }
  utils::menu(c("Yes", "No"), title = question) == 1L
}

environment_exists <- function(method) {
  switch(method,
    virtualenv = gangway_envname %in% reticulate::virtualenv_list(),
    conda = tryCatch(gangway_envname %in% reticulate::conda_list()$name, error = function(e) FALSE)
  )
}

check_other_environment <- function(method) {
  other <- setdiff(c("conda", "virtualenv"), method)
  if (environment_exists(other)) {
    gangway_abort(
      c("There is a {other} environment {.val {gangway_envname}} already.",
        i = "Remove it with {.fn remove_metaflow_env}, or use {.code method = \"{other}\"}."),
      class = "gangway_error_python", call = rlang::caller_env()
    )
  }
}
