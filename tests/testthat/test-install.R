# What install_metaflow() would do; nothing is downloaded here.

test_that("the releases of rpy2 and numpy fit the R and the reticulate that run", {
  asked <- function(r, reticulate) python_requirements(NULL, numeric_version(r), numeric_version(reticulate))
  old <- asked("4.2.2", "1.28")
  expect_true(all(c("rpy2-rinterface>=3.6.5,<3.7,<3.6.6", "numpy<2") %in% old))
  expect_true("rpy2-rinterface>=3.6.5,<3.7,<3.6.6" %in% asked("4.4.3", "1.41"))
  new <- asked("4.5.0", "1.38.0")
  expect_true(all(c("rpy2-rinterface>=3.6.5,<3.7,>=3.6.6", "numpy") %in% new))
  expect_true("rpy2-rinterface>=3.6.5,<3.7,>=3.6.6" %in% asked("4.10.1", "1.100"))
})

test_that("Metaflow, Ray and psutil are asked for at versions that work", {
  wanted <- python_requirements()
  expect_true(startsWith(wanted[[1L]], "metaflow>=") && grepl(",<", wanted[[1L]]))
  expect_true(any(grepl("^ray\\[default\\]>=.*,<", wanted)))
  expect_true(any(startsWith(wanted, "psutil>=")))
  expect_identical(python_requirements("2.19.40")[[1]], "metaflow==2.19.40")
})

test_that("a version that cannot work is refused before anything is installed", {
  expect_error(install_metaflow(version = "2.12.0"), "too old", class = "gangway_error_python")
  argument <- "gangway_error_argument"
  expect_error(install_metaflow(version = "newest"), "must be a version", class = argument)
  expect_error(install_metaflow(version = c("2.19.39", "2.19.40")), class = argument)
  expect_error(install_metaflow("pipx"), "method")
})

test_that("a Python that is missing is an error with advice", {
  expect_error(find_python(character()), "none", class = "gangway_error_python")
  expect_error(find_python("/no/such/python"), "3.10 or newer", class = "gangway_error_python")
  expect_error(find_python("/no/such/python"), "does not start", class = "gangway_error_python")
})

# A file that is started as a Python is.
local_python <- function(..., env = parent.frame()) {
  path <- file.path(withr::local_tempdir(.local_envir = env), "python3")
  writeLines(c("#!/bin/sh", ...), path)
  Sys.chmod(path, "755")
  path
}

test_that("what a Python lacks is named, with the packages that bring it, and the next one is tried", {
  skip_on_os("windows")
  lacking <- local_python("echo has no venv", "echo 'has no headers (Python.h)'")
  said <- expect_error(find_python(c(lacking, local_python("exit 1"))), class = "gangway_error_python")
  said <- gsub("\\s+", " ", conditionMessage(said))
  expect_match(said, "has no venv, has no headers (Python.h)", fixed = TRUE)
  expect_match(said, "does not start", fixed = TRUE)
  expect_match(said, "apt install python3 python3-venv python3-dev build-essential r-base-dev", fixed = TRUE)
  fit <- local_python("exit 0")
  expect_identical(find_python(c(lacking, fit)), fit)
  alias <- paste0(lacking, ".1")
  file.symlink(lacking, alias)
  expect_no_match(conditionMessage(expect_error(find_python(c(lacking, alias)))), alias, fixed = TRUE)
})

test_that("a Python is asked for its version, modules, library, headers and compiler", {
  python <- Sys.getenv("GANGWAY_PYTHON")
  skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  skip_on_os("windows")
  # a build of one's own may have no ssl
  expect_identical(setdiff(python_lacks(python), "has no ssl"), character())
  withr::local_envvar(CC = "/no/such/cc -O2")
  expect_identical(setdiff(python_lacks(python), "has no ssl"), "finds no C compiler (/no/such/cc)")
  expect_match(python_lacks(python, oldest = "3.99"), "^is Python 3[.][0-9]+$")
})

test_that("the Python of this machine is found", {
  fit <- Filter(function(python) !length(python_lacks(python)), python_candidates())
  skip_if(!length(fit), "no Python that has all")
  expect_identical(find_python(), fit[[1L]])
})

test_that("an environment is made where reticulate finds it, or nothing is left", {
  python <- Sys.getenv("GANGWAY_PYTHON")
  skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  withr::local_envvar(WORKON_HOME = withr::local_tempdir())
  path <- make_virtualenv(python)
  expect_true(environment_exists("virtualenv"))
  expect_true(startsWith(reticulate::virtualenv_python(gangway_envname), path))
  unlink(path, recursive = TRUE)
  broken <- local_python('mkdir -p "$3"', "echo no room >&2", "exit 1")
  expect_error(make_virtualenv(broken), "no room", class = "gangway_error_python")
  expect_false(file.exists(path))
})

test_that("the build environment points at this R, and is put back", {
  withr::local_envvar(RPY2_CFFI_MODE = NA, PIP_NO_BINARY = "something")
  path <- Sys.getenv("PATH")
  restore <- set_build_environment()
  expect_identical(Sys.getenv("R_HOME"), R.home())
  expect_true(startsWith(Sys.getenv("PATH"), R.home("bin")))
  expect_identical(Sys.getenv("PIP_NO_BINARY"), "rpy2-rinterface")
  restore()
  expect_identical(Sys.getenv("RPY2_CFFI_MODE", NA), NA_character_)
  expect_identical(Sys.getenv("PIP_NO_BINARY"), "something")
  expect_identical(Sys.getenv("PATH"), path)
})

test_that("rpy2-rinterface is built anew, for the R that runs", {
  withr::local_envvar(PIP_NO_CACHE_DIR = NA, PIP_FORCE_REINSTALL = "0")
  asked <- list()
  install_rebuilt(c("metaflow>=2", "rpy2-rinterface>=3.6.5", "numpy"), function(wanted) {
    asked[[length(asked) + 1L]] <<- c(wanted, Sys.getenv(c("PIP_NO_CACHE_DIR", "PIP_FORCE_REINSTALL"), names = FALSE))
  })
  expect_identical(asked, list(
    c("rpy2-rinterface>=3.6.5", "1", "1"), c("metaflow>=2", "rpy2-rinterface>=3.6.5", "numpy", "", "0")
  ))
  expect_error(install_rebuilt("rpy2-rinterface", function(wanted) stop("no compiler")), "no compiler")
  expect_identical(Sys.getenv("PIP_NO_CACHE_DIR", NA), NA_character_)
  skip_on_os("windows")
  uv <- local_python('echo "$@"')
  said <- utils::capture.output(expect_true(uv_installs("numpy", "/some/python", uv)))
  expect_match(said, "--reinstall-package rpy2-rinterface numpy", fixed = TRUE)
})

test_that("an environment is checked by importing what a task needs", {
  python <- Sys.getenv("GANGWAY_PYTHON")
  skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  expect_identical(verify_python(python), python)
  folder <- withr::local_tempdir()
  bare <- file.path(folder, "venv", "bin", "python")
  processx::run(python, c("-m", "venv", "--without-pip", file.path(folder, "venv")))
  expect_error(verify_python(bare), "does not work", class = "gangway_error_python")
  expect_error(verify_python(bare), "No module named", class = "gangway_error_python")
})

test_that("removing what is not there, or without being able to ask, is an error", {
  root <- withr::local_tempdir()
  withr::local_envvar(WORKON_HOME = root)
  skip_if(environment_exists("conda"), "there is a conda environment")
  wrong <- "gangway_error_python"
  expect_error(remove_metaflow_env(prompt = FALSE), "no environment", class = wrong)
  bin <- file.path(root, "r-gangway", "bin")
  dir.create(bin, recursive = TRUE)
  file.create(file.path(bin, c("activate", "python", "activate_this.py")))
  skip_if_not(environment_exists("virtualenv"), "this reticulate finds its environments otherwise")
  skip_if(interactive())
  expect_error(remove_metaflow_env(), "prompt = FALSE", class = "gangway_error_python")
  expect_error(check_other_environment("conda"), "already", class = "gangway_error_python")
  suppressMessages(utils::capture.output(remove_metaflow_env(prompt = FALSE)))
  expect_false(dir.exists(file.path(root, "r-gangway")))
})
