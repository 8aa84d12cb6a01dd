# Which Python runs flows, and what it needs to find gangway's core. library(gangway) starts none.

#' The Python that runs flows
#'
#' The first of these that is there: the option `gangway.python`, the environment variables `GANGWAY_PYTHON` and
#' `METAFLOW_PYTHON`, the environment that [install_metaflow()] made, the environment variable `RETICULATE_PYTHON`,
#' and `python3` on the `PATH`.
#'
#' @return The path of a Python, as one string.
#' @section Errors:
#' Class `gangway_error_python`: no Python at all, or the option or `GANGWAY_PYTHON` names one that is not there.
#' @seealso [install_metaflow()], [gangway_sitrep()]
#' @export
#' @examples
#' try(gangway_python())
#' old <- options(gangway.python = Sys.which("python3"))
#' try(gangway_python())
#' options(old)
gangway_python <- function() {
  asked <- c(
    "The option `gangway.python`" = getOption("gangway.python", ""),
    "The environment variable GANGWAY_PYTHON" = Sys.getenv("GANGWAY_PYTHON")
  )
  for (who in names(asked)[nzchar(asked)]) {
    found <- existing_program(asked[[who]])
    if (is.null(found)) {
      value <- asked[[who]]
      gangway_abort(c(
        "{cli_literal(who)} is {.file {value}}, and there is no such program.",
        i = "Give it the path of a Python that has Metaflow, or remove it and use {.fn install_metaflow}.",
        see_sitrep
      ), "gangway_error_python")
    }
    return(found)
  }
  candidates <- c(
    Sys.getenv("METAFLOW_PYTHON"), installed_pythons(), Sys.getenv("RETICULATE_PYTHON"), "python3"
  )
  for (candidate in candidates[nzchar(candidates)]) {
    found <- existing_program(candidate)
    if (!is.null(found)) {
      return(found)
    }
  }
  gangway_abort(c(
    "There is no Python on this machine, or none that gangway finds.",
    i = "Install Python {oldest_python} or later, then call {.fn install_metaflow};
         or set the environment variable {.envvar GANGWAY_PYTHON} to a Python that has Metaflow.",
    see_sitrep
  ), "gangway_error_python")
}

# A path, or the name of a program on the PATH.
existing_program <- function(program) {
  if (grepl("/", program, fixed = TRUE)) {
    path <- path.expand(program)
    return(if (file.access(path, 1L) == 0L && !dir.exists(path)) path)
  }
  found <- unname(Sys.which(program))
  if (nzchar(found)) found
}

# Where install_metaflow() puts an environment, without loading reticulate to ask it.
installed_pythons <- function() {
  homes <- file.path(Sys.getenv("WORKON_HOME", "~/.virtualenvs"), gangway_envname)
  known <- path.expand("~/.conda/environments.txt")
  if (file.exists(known)) {
    conda <- readLines(known, warn = FALSE)
    homes <- c(homes, conda[basename(conda) == gangway_envname])
  }
  file.path(homes, "bin", "python")
}

#' The folder with the Python core that came with the R package
#'
#' The core is a link in a checkout, and a zip of a checkout holds a text file in its place.
#' @noRd
core_path <- function() {
  path <- system.file("python", package = "gangway")
  if (!nzchar(path) || !dir.exists(file.path(path, "metaflow_extensions", "gangway"))) {
    gangway_abort(c(
      "The installed R package gangway lacks its Python core.",
      i = "That happens to a package installed from a zip of the sources, which cannot hold links.",
      i = "Install it from a tarball ({.code R CMD build}), from a git checkout, or with
           {.code remotes::install_git()}; or install the core beside Metaflow:
           {.code pip install metaflow-gangway}."
    ), "gangway_error_python", call = NULL)
  }
  path
}

#' Environment variables for a Python process that runs a flow
#'
#' Metaflow refuses to start when it finds an extension twice, so the core is added only for a Python that has none.
#'
#' @param python Path of a Python.
#' @return A named character vector.
#' @noRd
python_env <- function(python) {
  paths <- Sys.getenv("PYTHONPATH")
  if (!probe_python(python)$core) paths <- c(core_path(), paths)
  c(
    R_HOME = R.home(), LD_LIBRARY_PATH = library_path(), METAFLOW_CLIENT_CACHE_PATH = client_cache(),
    PYTHONPATH = paste(paths[nzchar(paths)], collapse = .Platform$path.sep)
  )
}

# Metaflow's client keeps copies in /tmp/metaflow_client, which on a shared machine belongs to whoever came first.
client_cache <- function() Sys.getenv("METAFLOW_CLIENT_CACHE_PATH", file.path(tempdir(), "metaflow_client"))

# LD_LIBRARY_PATH without the system's own folders, which R's start script puts in front: they would give a Python of
# another origin (pyenv, conda) the libpython and libssl of the system. The loader looks there anyway, last.
library_path <- function(path = Sys.getenv("LD_LIBRARY_PATH")) {
  folders <- strsplit(path, ":", fixed = TRUE)[[1]]
  paste(folders[!grepl("^/(usr/)?lib(64)?(/[^/]+-linux-gnu)?/?$", folders)], collapse = ":")
}

#' Metaflow, in this R session's own Python: for the client only
#' @noRd
mf_python <- function() {
  if (!is.null(session$metaflow)) {
    follow_working_folder(session$metaflow)
    return(session$metaflow)
  }
  start_python()
  sys <- reticulate::import("sys", convert = TRUE)
  python <- sys$executable
  if (!probe_python(python)$core && !core_path() %in% sys$path) {
    reticulate::import("sys", convert = FALSE)$path$insert(0L, core_path())
  }
  reticulate::import("os", convert = FALSE)$environ$setdefault("METAFLOW_CLIENT_CACHE_PATH", client_cache())
  session$metaflow <- tryCatch(reticulate::import("metaflow"), error = function(e) {
    gangway_abort(c(
      "This R session's Python, {.file {python}}, cannot import Metaflow.",
      i = "{.fn install_metaflow} makes an environment that has everything.",
      see_sitrep
    ), "gangway_error_python", parent = e, call = NULL)
  })
}

# Metaflow looks for its local records once, from the working folder; R's users change that.
follow_working_folder <- function(mf) {
  if (isTRUE(session$metadata_chosen) || identical(session$folder, getwd())) {
    return(invisible())
  }
  session$folder <- getwd()
  default_metadata(mf)
}

# Metaflow's own reset goes on reading from the folder whose local records it has read last.
default_metadata <- function(mf) {
  storage <- reticulate::import("metaflow.plugins.datastores.local_storage", convert = FALSE)$LocalStorage
  reticulate::py_set_attr(storage, "datastore_root", NULL)
  mf$default_metadata()
}

#' Whether flows can be run here: what examples ask
#' @noRd
can_run <- function() {
  tryCatch(
    {
      check_python(gangway_python())
      TRUE
    },
    gangway_error = function(e) FALSE
  )
}

# What this R session knows by now.
session <- new.env(parent = emptyenv())

# As `python -m module`, but not with the working folder among those of modules: one that is called metaflow there is
# not Metaflow.
python_module <- function(module, ...) {
  code <- paste0(
    "import sys; sys.path = [p for p in sys.path if p]; import runpy; ",
    "runpy.run_module('", module, "', run_name='__main__', alter_sys=True)"
  )
  c("-c", code, ...)
}
