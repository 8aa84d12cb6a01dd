test_that("versions are those of the packages", {
  expect_identical(r_version(), as.character(utils::packageVersion("gangway")))
})

test_that("metaflow_location() gives full paths", {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  file.create("flow.RDS")
  where <- metaflow_location("flow.RDS")
  expect_named(where, c("package", "flow", "wd"))
  expect_identical(where$flow, normalizePath(file.path(folder, "flow.RDS")))
  expect_identical(where$wd, normalizePath(folder))
})

test_that("simple values are stored as they are, others as R's serialization", {
  expect_identical(mf_serialize(1:3), 1:3)
  expect_identical(mf_serialize(list(a = 1, b = list("x", NULL))), list(a = 1, b = list("x", NULL)))
  model <- stats::lm(mpg ~ wt, mtcars)
  expect_type(mf_serialize(model), "raw")
  expect_identical(stats::coef(mf_deserialize(mf_serialize(model))), stats::coef(model))
  expect_identical(mf_deserialize(mf_serialize(mean)), mean)
  expect_identical(mf_deserialize("text"), "text")
})

test_that("a damaged serialization is an error, other bytes are not", {
  stored <- mf_serialize(globalenv)
  expect_error(mf_deserialize(stored[1:20]), "truncated", class = "gangway_error_argument")
  bytes <- as.raw(c(1, 2, 3))
  expect_identical(mf_deserialize(bytes), bytes)
  expect_identical(mf_deserialize(raw(0)), raw(0))
  text <- charToRaw("A\nB\nC\n")
  expect_identical(mf_deserialize(text), text)
  for (ascii in c(FALSE, TRUE)) for (xdr in c(FALSE, TRUE)) for (version in 2:3) {
    bytes <- serialize(factor("a"), NULL, ascii = ascii, xdr = xdr, version = version)
    expect_identical(mf_deserialize(bytes), factor("a"))
  }
})

test_that("the examples are copied, and nothing is overwritten", {
  skip_if(!nzchar(system.file("examples", package = "gangway")), "no examples installed")
  withr::local_dir(withr::local_tempdir())
  to <- suppressMessages(pull_tutorials())
  files <- list.files(to)
  expect_setequal(files, list.files(system.file("examples", package = "gangway")))
  skip_if(!length(files))
  writeLines("mine", file.path(to, files[[1]]))
  suppressMessages(pull_tutorials())
  expect_identical(readLines(file.path(to, files[[1]])), "mine")
})
