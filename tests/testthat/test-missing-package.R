# An object whose class has its methods in a package that the task that reads it does not have.

install_model_package <- function(library) {
  dir.create("pkmodel/R", recursive = TRUE)
  dir.create(library)
  write <- function(file, ...) writeLines(c(...), file.path("pkmodel", file))
  write("DESCRIPTION", "Package: pkmodel", "Version: 0.1", "Title: T", "Description: D.", "License: GPL-3")
  write("NAMESPACE", "S3method(predict, pk_fit)", "importFrom(stats, predict)")
  write("R/code.R", "predict.pk_fit <- function(object, ...) object$value")
  arguments <- c("CMD", "INSTALL", "--no-test-load", "--no-docs", "-l", library, "pkmodel")
  processx::run(file.path(R.home("bin"), "R"), arguments, timeout = 280)
}

test_that("an object is given without its package, and the first method that is missed names it", {
  local_run_folder()
  library <- file.path(getwd(), "library")
  install_model_package(library)
  made <- function(self) {
    loadNamespace("pkmodel", lib.loc = library)
    self$fit <- structure(list(value = 42), class = "pk_fit")
    stopifnot(predict(self$fit) == 42)
  }
  read <- function(self) {
    self$value <- self$fit$value
    predict(self$fit)
  }
  flow <- metaflow("MissingFlow") |>
    step(step = "start", r_function = made, next_step = "read") |>
    step(step = "read", r_function = read, next_step = "end") |>
    step(step = "end")
  error <- tryCatch(quiet_run(flow), gangway_error_run = identity)
  expect_identical(error$failed[[1L]]$step, "read")
  expect_match(conditionMessage(error), "no applicable method for 'predict'", fixed = TRUE)
  expect_match(conditionMessage(error), "R package pkmodel, which has the methods of an object's class", fixed = TRUE)
})

test_that("a package that is there, and needs one that the image lacks, is named with it", {
  local_run_folder()
  withr::local_libpaths(getwd(), action = "prefix")
  install <- function(name, needs, exports) {
    dir.create(file.path("sources", name, "R"), recursive = TRUE)
    write <- function(file, ...) writeLines(c(...), file.path("sources", name, file))
    about <- c("Version: 0.1", "Title: T", "Description: D.", "License: GPL-3", needs)
    write("DESCRIPTION", paste("Package:", name), about)
    write("NAMESPACE", exports)
    write("R/code.R", "f <- function() 1")
    arguments <- c("CMD", "INSTALL", "--no-test-load", "--no-docs", "-l", ".", file.path("sources", name))
    processx::run(file.path(R.home("bin"), "R"), arguments, env = c("current", R_LIBS = getwd()), timeout = 280)
  }
  install("pkrecommended", character(), "export(f)")
  install("pkuser", "Imports: pkrecommended (>= 0.1), stats", "importFrom(pkrecommended, f)")
  unlink("pkrecommended", recursive = TRUE)
  expect_error(
    task_runtime()$follow_plan(list(list(package = "pkuser"))),
    "not installed .*: pkuser \\(which needs pkrecommended\\)"
  )
})
