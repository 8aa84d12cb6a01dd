# An environment folder as a virtual environment lays it out; nothing in it is started.
fake_env <- function(..., config = "home = /usr/bin", env = parent.frame()) {
  home <- withr::local_tempdir(.local_envir = env)
  site <- file.path(home, "lib", "python3.11", "site-packages")
  dir.create(site, recursive = TRUE)
  dir.create(file.path(home, "bin"))
  writeLines(config, file.path(home, "pyvenv.cfg"))
  python <- file.path(home, "bin", "python")
  file.symlink("/bin/true", python)
  for (name in c(...)) dir.create(file.path(site, name), recursive = TRUE)
  python
}
python_error <- function(expr) {
  gsub("\\s+", " ", conditionMessage(expect_error(expr, class = "gangway_error_python")))
}

test_that("the first Python that is there is taken, in the documented order", {
  one <- fake_env()
  two <- fake_env()
  venv <- withr::local_tempdir()
  withr::local_envvar(
    GANGWAY_PYTHON = NA, METAFLOW_PYTHON = NA, RETICULATE_PYTHON = NA, WORKON_HOME = venv, HOME = venv
  )
  withr::local_options(gangway.python = NULL)
  skip_if(!nzchar(Sys.which("python3")))
  expect_equal(gangway_python(), unname(Sys.which("python3")))
  withr::local_envvar(RETICULATE_PYTHON = one)
  expect_equal(gangway_python(), one)
  dir.create(file.path(venv, "r-gangway", "bin"), recursive = TRUE)
  installed <- file.path(venv, "r-gangway", "bin", "python")
  file.symlink("/bin/true", installed)
  expect_equal(gangway_python(), installed)
  withr::local_envvar(METAFLOW_PYTHON = two)
  expect_equal(gangway_python(), two)
  withr::local_envvar(METAFLOW_PYTHON = "/nowhere/python")
  expect_equal(gangway_python(), installed)
  withr::local_envvar(GANGWAY_PYTHON = two)
  expect_equal(gangway_python(), two)
  withr::local_options(gangway.python = one)
  expect_equal(gangway_python(), one)
})

test_that("a Python that was asked for and is not there is an error", {
  withr::local_envvar(GANGWAY_PYTHON = "/nowhere/python")
  expect_match(python_error(gangway_python()), "GANGWAY_PYTHON is .*/nowhere/python.*no such program")
  withr::local_options(gangway.python = "no-such-python-program")
  expect_match(python_error(gangway_python()), "gangway.python")
})

test_that("no Python at all is an error with advice", {
  withr::local_envvar(
    GANGWAY_PYTHON = NA, METAFLOW_PYTHON = NA, RETICULATE_PYTHON = NA, WORKON_HOME = "/nowhere", PATH = "/nowhere",
    HOME = "/nowhere"
  )
  expect_match(python_error(gangway_python()), "install_metaflow")
})

test_that("an environment's versions are read from its folder", {
  python <- fake_env("metaflow-2.19.39.dist-info", "ray-2.60.0.dist-info")
  withr::local_envvar(PYTHONPATH = NA)
  expect_equal(probe_python(python), list(metaflow = "2.19.39", ray = "2.60.0", core = FALSE))
  expect_silent(check_python(python, ray = TRUE))
  with_core <- fake_env("metaflow-2.19.39.dist-info", "metaflow_gangway-0.1.0.dist-info")
  expect_true(probe_python(with_core)$core)
})

test_that("what is missing or too old is named with the way out", {
  old <- fake_env("metaflow-2.18.1.dist-info")
  expect_match(python_error(check_python(old)), "Metaflow 2.18.1, which is too old.*2.19.39")
  expect_match(python_error(check_python(fake_env("metaflow-2.9.9.dist-info"))), "too old")
  expect_silent(check_python(fake_env("metaflow-2.19.39.2+local.dist-info")))
  no_ray <- fake_env("metaflow-2.19.39.dist-info")
  expect_match(python_error(check_python(no_ray, ray = TRUE)), "does not have Ray")
  old_ray <- fake_env("metaflow-2.19.39.dist-info", "ray-2.9.0.dist-info")
  expect_match(python_error(check_python(old_ray, ray = TRUE)), "Ray 2.9.0, which is too old.*2.52.*install_metaflow")
})

test_that("what is newer than gangway was tried with is said once, and used", {
  rlang::reset_warning_verbosity("gangway Metaflow 99.1.0rc1")
  rlang::reset_warning_verbosity("gangway Ray 99.2.0")
  new <- fake_env("metaflow-99.1.0rc1.dist-info", "ray-99.2.0.dist-info")
  warned <- function(...) {
    w <- expect_warning(check_python(new, ...), class = "gangway_warning_untried")
    gsub("\\s+", " ", conditionMessage(w))
  }
  said <- c(warned(), warned(ray = TRUE))
  expect_match(said[1L], "Metaflow 99.1.0rc1 is newer than what this gangway was tried with.*'metaflow<[0-9.]+'")
  expect_match(said[2L], "Ray 99.2.0 is newer.*'ray<[0-9.]+'")
  expect_silent(check_python(new, ray = TRUE))
})

test_that("a Python without an environment of its own is asked itself", {
  python <- Sys.which("python3")
  skip_if(!nzchar(python))
  found <- probe_process(python)
  expect_type(found$metaflow, "character")
  expect_type(found$core, "logical")
  expect_match(python_error(probe_process("/bin/false")), "does not work")
})

test_that("the core is on PYTHONPATH once at most", {
  without <- fake_env("metaflow-2.19.39.dist-info")
  with <- fake_env("metaflow-2.19.39.dist-info", "metaflow_gangway-0.1.0.dist-info")
  withr::local_envvar(PYTHONPATH = "/some/where")
  expect_equal(unname(python_env(without)["PYTHONPATH"]), paste0(core_path(), ":/some/where"))
  expect_equal(unname(python_env(with)["PYTHONPATH"]), "/some/where")
  withr::local_envvar(PYTHONPATH = core_path())
  expect_equal(unname(python_env(without)["PYTHONPATH"]), core_path())
})
