test_that("remote tasks get the files beside the script", {
  folder <- withr::local_tempdir()
  dir.create(file.path(folder, "flows"))
  script <- file.path(folder, "flows", "a flow.R")
  file.create(script)
  script <- normalizePath(script)
  folder <- normalizePath(folder)

  expect_identical(files_folder(NULL, folder), folder)
  expect_identical(files_folder(script, folder), dirname(script))
  # A project's relative paths begin at its own folder.
  file.create(file.path(folder, "renv.lock"))
  expect_identical(files_folder(script, folder), folder)
  expect_identical(files_folder(script, dirname(folder)), dirname(script))
})

test_that("the script is known from R's arguments", {
  expect_identical(script_path(c("R", "--no-echo", "--file=a~+~flow.R", "--args", "run")), "a flow.R")
  expect_null(script_path(c("R", "--no-echo")))
})
