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

test_that("a Python that is too old or has no venv is named", {
  folder <- withr::local_tempdir()
  old <- file.path(folder, "python3")
  writeLines(c("#!/bin/sh", "echo 3.8"), old)
  Sys.chmod(old, "755")
  expect_error(find_python(old), "3.8", class = "gangway_error_python")
  writeLines(c("#!/bin/sh", "exit 1"), old)
  expect_error(find_python(old), class = "gangway_error_python")
})

test_that("the Python of this machine is found", {
  usable <- !is.na(vapply(python_candidates(), python_version, ""))
  skip_if(!any(usable), "no Python with venv and ssl")
  expect_true(find_python() %in% python_candidates()[usable])
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
