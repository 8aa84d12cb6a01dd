# What gangway_sitrep() says of a machine: this one, and those that lack something.

sitrep <- function() {
  report <- NULL
  text <- utils::capture.output(report <- gangway_sitrep())
  expect_s3_class(report, "gangway_sitrep")
  list(text = paste(text, collapse = "\n"), row = function(name) report[report$name == name, ], all = report)
}

test_that("a machine that has everything is told with versions and places", {
  python <- client_python()
  withr::local_dir(withr::local_tempdir())
  withr::local_envvar(
    METAFLOW_DEFAULT_DATASTORE = NA, METAFLOW_BATCH_JOB_QUEUE = NA, METAFLOW_USER = "dev", METAFLOW_PROFILE = NA
  )
  seen <- sitrep()
  for (name in c("R", "gangway", "Python", "metaflow", "ray", "psutil", "rpy2-rinterface", "namespace")) {
    row <- seen$row(name)
    expect_identical(row$problem, NA_character_, info = name)
    expect_true(nzchar(row$value), info = name)
    expect_match(seen$text, paste(name, row$value), fixed = TRUE)
  }
  expect_identical(seen$row("R")$value, format(getRversion()))
  expect_identical(seen$row("Python")$where, python)
  expect_true(dir.exists(seen$row("metaflow")$where))
  expect_identical(seen$row("namespace")$value, "user:dev")
  expect_false("AWS" %in% seen$all$section)
  get_metadata() # starts Python in this session
  expect_identical(sitrep()$row("reticulate")$problem, NA_character_)

  # AWS is asked only where it is configured; without credentials that takes no time.
  withr::local_envvar(
    METAFLOW_DEFAULT_DATASTORE = "s3", AWS_EC2_METADATA_DISABLED = "true", AWS_ACCESS_KEY_ID = NA, AWS_PROFILE = NA,
    AWS_SHARED_CREDENTIALS_FILE = "/nonexistent", AWS_CONFIG_FILE = "/nonexistent", AWS_REGION = "eu-west-1"
  )
  seen <- sitrep()
  expect_match(seen$row("datastore")$mend, "METAFLOW_DATASTORE_SYSROOT_S3")
  expect_match(seen$row("identity")$problem, "credentials|boto3")
  expect_match(seen$text, "2 things to look at")
})

test_that("without Python it does not fail but says so", {
  folder <- withr::local_tempdir()
  withr::local_envvar(GANGWAY_PYTHON = NA, METAFLOW_PYTHON = NA, RETICULATE_PYTHON = NA, WORKON_HOME = folder,
    HOME = folder, PATH = folder)
  withr::local_options(gangway.python = NULL)
  seen <- sitrep()
  expect_match(seen$row("Python")$problem, "no Python")
  expect_match(seen$text, "install_metaflow()", fixed = TRUE)
  withr::local_options(gangway.python = "/nowhere/python")
  expect_match(sitrep()$row("Python")$problem, "/nowhere/python")
  broken <- file.path(folder, "python")
  writeLines(c("#!/bin/sh", "echo 'no libssl here' >&2; exit 3"), broken)
  Sys.chmod(broken, "755")
  withr::local_options(gangway.python = broken)
  expect_match(sitrep()$row("Python")$problem, "no libssl here")
})

test_that("what is too old or missing comes with the line that mends it", {
  withr::local_options(gangway.python = "/a/python")
  has <- list(packages = list(
    metaflow = list(version = "2.12.0", where = "/site"), ray = list(version = "99.1"),
    `rpy2-rinterface` = list(version = "3.6.5")
  ), rpy2 = "libR.so: no such file")
  row <- function(name) as.list(sitrep_package(name, has, "/a/python"))
  expect_match(row("metaflow")$problem, ">=2.19.39", fixed = TRUE)
  expect_match(row("metaflow")$mend, "^/a/python -m pip install \"metaflow>=")
  expect_match(row("ray")$problem, "wants <", fixed = TRUE)
  expect_match(row("ray")$mend, "ray[default]", fixed = TRUE)
  expect_match(row("rpy2-rinterface")$problem, "libR.so")
  expect_match(row("numpy")$problem, "not installed")
  withr::local_options(gangway.python = NULL)
  withr::local_envvar(GANGWAY_PYTHON = NA, METAFLOW_PYTHON = NA)
  expect_identical(row("psutil")$mend, "install_metaflow()")
  aws <- function(...) do.call(rbind, sitrep_aws(list(identity = "arn", region = "r", ...), "q", "python"))
  expect_identical(unname(aws(queue = "ENABLED, VALID")[, "problem"]), rep(NA_character_, 2L))
  expect_match(aws(queue = "missing")[2L, "problem"], "no such queue")
  expect_match(aws(queue = "DISABLED, VALID")[2L, "mend"], "update-job-queue --state ENABLED --job-queue q$")
  expect_match(aws(problem = "AccessDenied")[2L, "problem"], "AccessDenied")
})

test_that("errors about the environment point to it", {
  withr::local_options(gangway.python = "/nowhere/python")
  expect_error(gangway_python(), "gangway_sitrep")
})
