# The parts of install_metaflow() that run other programs.

install_virtualenv <- function(packages, ...) {
  made <- !environment_exists("virtualenv")
  if (made) {
    make_virtualenv(find_python())
  }
  tryCatch(
    # What is passed on is for reticulate.
    if (...length() || !uv_installs(packages, reticulate::virtualenv_python(gangway_envname))) {
      install_rebuilt(packages, function(wanted) {
        reticulate::virtualenv_install(gangway_envname, packages = wanted, ...)
      })
    },
    error = function(e) {
      # an empty environment would be found, and taken for a finished one, from now on
      if (made) reticulate::virtualenv_remove(gangway_envname, confirm = FALSE)
      abort_pip(e)
    }
  )
  reticulate::virtualenv_python(gangway_envname)
}

# By Python's own venv: reticulate's virtualenv_create() asks for a pip beside the Python it starts from, which Debian
# splits off, and which venv does without.
make_virtualenv <- function(python, path = file.path(reticulate::virtualenv_root(), gangway_envname)) {
  out <- processx::run(python, c("-m", "venv", path.expand(path)), error_on_status = FALSE)
  if (out$status != 0L) {
    unlink(path, recursive = TRUE)
    gangway_abort(
      c("{.file {python}} could not make a virtual environment in {.file {path}}.",
        x = cli_literal(trimws(paste0(out$stderr, out$stdout)))),
      class = "gangway_error_python", call = NULL
    )
  }
  invisible(path)
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
  words <- c("pip", "install", "--python", python, "--no-binary", "rpy2-rinterface",
    "--reinstall-package", "rpy2-rinterface", packages)
  status <- processx::run(uv, words, echo = TRUE, error_on_status = FALSE)$status
  if (status != 0L) cli::cli_inform(c(i = "uv could not install this; pip tries."))
  status == 0L
}

#' Install by pip, with rpy2-rinterface built anew
#'
#' pip takes from its cache what it has built once, for another R perhaps, whatever PIP_NO_BINARY says; and it leaves
#' alone what is installed, when R has become another one since.
#' @param install Takes the packages to install.
#' @noRd
install_rebuilt <- function(packages, install) {
  restore <- set_environment(c(PIP_NO_CACHE_DIR = "1", PIP_FORCE_REINSTALL = "1"))
  on.exit(restore(), add = TRUE)
  # first, since it is what may fail
  install(grep("^rpy2-rinterface", packages, value = TRUE))
  restore()
  install(packages)
}

abort_pip <- function(error) {
  gangway_abort(
    c("pip could not install what gangway needs; its reason stands above.",
      i = "rpy2-rinterface is built here: that needs a C compiler, the headers of Python and R, and the development
           files of the libraries that R is linked with.",
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
  install_rebuilt(packages, function(wanted) {
    reticulate::conda_install(gangway_envname, packages = wanted, pip = TRUE, ...)
  })
  reticulate::conda_python(gangway_envname)
}

#' A Python that is new enough, can make a virtual environment, and can be built against
#'
#' @param paths Paths of Pythons, tried in this order.
#' @noRd
find_python <- function(paths = python_candidates()) {
  seen <- character()
  for (path in paths) {
    lacks <- python_lacks(path)
    if (!length(lacks)) {
      return(path)
    }
    # one Python often has several names
    real <- normalizePath(path, mustWork = FALSE)
    if (!real %in% names(seen)) seen[[real]] <- paste0(path, " ", paste(lacks, collapse = ", "))
  }
  gangway_abort(
    c("gangway needs Python {oldest_python} or newer with venv, ssl, its shared library and headers, and a C compiler.",
      stats::setNames(cli_literal(if (length(seen)) unname(seen) else "There is none on the PATH."),
        rep("x", max(1L, length(seen)))),
      i = "On Debian and Ubuntu: {.code apt install python3 python3-venv python3-dev build-essential r-base-dev}.",
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

# Each line is something that this Python lacks. The shared library is for reticulate, the headers and the compiler for
# rpy2-rinterface.
python_lacks_code <- "
import glob, os, shutil, sys, sysconfig
version, oldest = sys.version_info[:2], tuple(map(int, sys.argv[1].split('.')))
if version < oldest:
    print('is Python %d.%d' % version)
    sys.exit()
for name, package in (('venv', 'venv'), ('ensurepip', 'venv'), ('ssl', 'ssl')):
    try:
        __import__(name)
    except ImportError:
        print('has no ' + package)
if os.name == 'posix':
    get = sysconfig.get_config_var
    folders = [get('LIBDIR') or '', os.path.join(sys.base_prefix, 'lib')]
    shared = [path for folder in folders for path in glob.glob(os.path.join(folder, 'libpython%d.%d*' % version))
              if not path.endswith('.a')]
    if not shared and not get('PYTHONFRAMEWORK'):
        print('has no shared library (libpython%d.%d)' % version)
    if not os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')):
        print('has no headers (Python.h)')
    compiler = (os.environ.get('CC') or get('CC') or 'cc').split()[0]
    if not shutil.which(compiler):
        print('finds no C compiler (%s)' % compiler)
"

python_lacks <- function(python, oldest = oldest_python) {
  out <- tryCatch(run_code(python, c(python_lacks_code, oldest)), error = function(e) NULL)
  if (is.null(out) || out$status != 0L) {
    return("does not start")
  }
  unique(strsplit(trimws(out$stdout), "\n", fixed = TRUE)[[1L]])
}

run_code <- function(python, code, env = NULL) {
  processx::run(python, c("-c", code), env = env, error_on_status = FALSE, timeout = 120)
}

#' Have pip build rpy2-rinterface against this very R
#'
#' @return A function that puts the environment variables back.
#' @noRd
set_build_environment <- function() {
  set_environment(c(
    R_HOME = R.home(), PATH = paste(R.home("bin"), Sys.getenv("PATH"), sep = .Platform$path.sep),
    # a ready-made build belongs to some other R; and what is wrong shows now in the API mode, where
    # the ABI mode would show it in a task
    PIP_NO_BINARY = "rpy2-rinterface", RPY2_CFFI_MODE = "API"
  ))
}

set_environment <- function(new) {
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
