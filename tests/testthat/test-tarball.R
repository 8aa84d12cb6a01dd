# What `R CMD build` packs: a tarball without the Python core installs fine and fails at the first run.

tarball <- function() {
  given <- Sys.getenv("CHECKS_TARBALL")
  if (nzchar(given)) {
    return(given)
  }
  root <- normalizePath(test_path("..", ".."))
  skip_if_not(
    file.exists(file.path(root, "DESCRIPTION")) && dir.exists(file.path(root, "python")),
    "not in a checkout of the project"
  )
  folder <- withr::local_tempdir(.local_envir = parent.frame())
  processx::run(file.path(R.home("bin"), "R"), c("CMD", "build", "--no-build-vignettes", root),
    wd = folder
  )
  list.files(folder, pattern = "^gangway_.*[.]tar[.]gz$", full.names = TRUE)
}

packed <- function(envir = parent.frame()) {
  sub("^gangway/", "", utils::untar(tarball(), list = TRUE, tar = "internal"))
}

test_that("the tarball holds the Python core, whole", {
  root <- normalizePath(test_path("..", ".."))
  files <- packed()
  source <- list.files(file.path(root, "python", "metaflow_extensions"), recursive = TRUE)
  source <- grep("__pycache__|[.]pyc$", source, value = TRUE, invert = TRUE)
  expect_gt(length(source), 0)
  expect_setequal(
    grep("^inst/python/.*[^/]$", files, value = TRUE),
    file.path("inst/python/metaflow_extensions", source)
  )
})

test_that("the tarball holds nothing compiled, no hidden file, nothing of the workshop", {
  files <- packed()
  expect_identical(grep("__pycache__|[.]pyc$|[.]egg-info|[.]s?o$", files, value = TRUE), character())
  expect_identical(setdiff(grep("(^|/)[.]", files, value = TRUE), ".Rinstignore"), character())
  top <- unique(sub("/.*", "", files[nzchar(files)]))
  allowed <- c(
    ".Rinstignore", "DESCRIPTION", "NAMESPACE", "LICENSE", "NEWS.md", "R", "inst", "man", "src",
    "tests", "build", "data", "vignettes"
  )
  expect_identical(setdiff(top, allowed), character())
})

test_that("the installed package carries the Python core", {
  core <- system.file("python", "metaflow_extensions", "gangway", package = "gangway")
  expect_true(dir.exists(core))
  expect_identical(list.files(core, pattern = "[.]pyc$", recursive = TRUE), character())
})
