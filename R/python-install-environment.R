# The parts of install_metaflow() that run other programs.

install_virtualenv <- function(packages, ...) {
  made <- !environment_exists("virtualenv")
  if (made) {
    reticulate::virtualenv_create(gangway_envname, python = find_python(), packages = FALSE)
  }
  tryCatch(
    # What is passed on is for reticulate.
    if (...length() || !uv_installs(packages, reticulate::virtualenv_python(gangway_envname))) {
      reticulate::virtualenv_install(gangway_envname, packages = packages, ...)
    },
    error = function(e) {
      # an empty environment would be found, and taken for a finished one, from now on
      if (made) reticulate::virtualenv_remove(gangway_envname, confirm = FALSE)
      abort_pip(e)
    }
  )
  reticulate::virtualenv_python(gangway_envname)
}

#' Install by uv, which is quicker, where it is there
#'
#' It does not read pip's configuration, where a company's index may stand: what uv cannot do, pip tries.
#' @return Whether it has worked.
#' @noRd
uv_installs <- function(packages, python, uv = unname(Sys.which("uv"))) {
  if (!nzchar(uv)) {
    return(FALSE)
  }
  words <- c("pip", "install", "--python", python, "--no-binary", "rpy2-rinterface", packages)
  status <- processx::run(uv, words, echo = TRUE, error_on_status = FALSE)$status
  if (status != 0L) cli::cli_inform(c(i = "uv could not install this; pip tries."))
  status == 0L
}

abort_pip <- function(error) {
  gangway_abort(
    c("pip could not install what gangway needs; its reason stands above.",
      i = "rpy2-rinterface is built here: that needs a C compiler and the headers of Python and R.",
      i = "On Debian and Ubuntu: {.code apt install build-essential python3-dev r-base-dev}."),
    class = "gangway_error_python", call = NULL, parent = error
  )
}

install_conda <- function(packages, ...) {
  if (is.null(tryCatch(reticulate::conda_binary(), error = function(e) NULL))) {
    gangway_abort(
      c("There is no conda on this machine.",
        i = "Use {.code install_metaflow(\"virtualenv\")}, which needs only Python,",
        i = "or install conda first, for example with {.fn reticulate::install_miniconda}."),
      class = "gangway_error_python", call = NULL
    )
  }
  if (!environment_exists("conda")) {
    reticulate::conda_create(gangway_envname, python_version = "3.12")
  }
  # none of the R side's requirements is on every conda channel: pip has all of them
  reticulate::conda_install(gangway_envname, packages = packages, pip = TRUE, ...)
  reticulate::conda_python(gangway_envname)
}

#' A Python that is new enough and can make a virtual environment
#'
#' @param paths Paths of Pythons, tried in this order.
#' @noRd
find_python <- function(paths = python_candidates()) {
  versions <- rep(NA_character_, length(paths))
  for (i in seq_along(paths)) {
    versions[[i]] <- python_version(paths[[i]])
    if (!is.na(versions[[i]]) && numeric_version(versions[[i]]) >= oldest_python) {
      return(paths[[i]])
    }
  }
  versions[is.na(versions)] <- "does not start, or has no venv or ssl"
  seen <- if (length(paths)) paste0(paths, " (", versions, ")") else "none"
  gangway_abort(
    c("gangway needs Python {oldest_python} or newer with its modules venv and ssl.",
      x = "Found: {seen}.",
      i = "On Debian and Ubuntu: {.code apt install python3 python3-venv python3-dev}.",
      i = "Elsewhere see {.url https://www.python.org/downloads/}; then try again."),
    class = "gangway_error_python", call = NULL
  )
}

# Every Python on the PATH: the first may be a build without ssl, with which pip can fetch nothing
python_candidates <- function() {
  folders <- strsplit(Sys.getenv("PATH"), .Platform$path.sep, fixed = TRUE)[[1]]
  names <- c("python3", paste0("python3.", 14:sub("3.", "", oldest_python, fixed = TRUE)), "python")
  paths <- outer(folders, paste0(names, if (.Platform$OS.type == "windows") ".exe"), file.path)
  unique(paths[file.access(paths, 1L) == 0L])
}

# "3.11", or NA for what is no Python, or lacks venv (Debian splits it off) or ssl
python_version <- function(python) {
  code <- "import sys, venv, ensurepip, ssl; print('%d.%d' % sys.version_info[:2])"
  out <- tryCatch(run_code(python, code), error = function(e) NULL)
  if (is.null(out) || out$status != 0L) NA_character_ else trimws(out$stdout)
}

run_code <- function(python, code, env = NULL) {
  processx::run(python, c("-c", code), env = env, error_on_status = FALSE, timeout = 120)
}

#' Have pip build rpy2-rinterface against this very R
#'
#' @return A function that puts the environment variables back.
#' @noRd
set_build_environment <- function() {
  new <- c(
    R_HOME = R.home(), PATH = paste(R.home("bin"), Sys.getenv("PATH"), sep = .Platform$path.sep),
    # a ready-made build belongs to some other R; and what is wrong shows now in the API mode, where
    # the ABI mode would show it in a task
    PIP_NO_BINARY = "rpy2-rinterface", RPY2_CFFI_MODE = "API"
  )
  old <- Sys.getenv(names(new), unset = NA, names = TRUE)
  do.call(Sys.setenv, as.list(new))
  function() {
    Sys.unsetenv(names(old)[is.na(old)])
    if (!all(is.na(old))) do.call(Sys.setenv, as.list(old[!is.na(old)]))
  }
}

#' Check that everything can be imported, gangway's core included
#' @noRd
verify_python <- function(python) {
  code <- "import metaflow, psutil, ray, rpy2.rinterface_lib, metaflow_extensions.gangway"
  env <- c("current", python_env(python))
  out <- run_code(python, code, env)
  if (out$status != 0L) {
    said <- utils::tail(strsplit(trimws(out$stderr), "\n")[[1]], 5L)
    gangway_abort(
      c("The Python {.file {python}} was set up but does not work.",
        stats::setNames(cli_literal(said), rep("x", length(said))),
        i = "See what pip printed above. {.fn remove_metaflow_env} removes it, to try again."),
      class = "gangway_error_python", call = NULL
    )
  }
  invisible(python)
}
