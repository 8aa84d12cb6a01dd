test_that("a project is made under the names that follow from its folder, or those given", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "sub", "fuel.economy")
  expect_message(create_flow_project(path), "OWNER/gangway")
  description <- read.dcf(file.path(path, "DESCRIPTION"))
  expect_identical(description[, "Package"][[1]], "fuel.economy")
  expect_match(readLines(file.path(path, "R", "flow.R")), "metaflow(\"FuelEconomyFlow\")", fixed = TRUE, all = FALSE)
  other <- file.path(folder, "other")
  suppressMessages(create_flow_project(other, package = "abc", flow = "TuneHousing", deploy = "argo-workflows",
    gangway = "me/gangway@v1"))
  workflow <- paste(readLines(file.path(other, ".github", "workflows", "flow.yml")), collapse = "\n")
  expect_match(workflow, "uses: me/gangway/.github/workflows/flow-image.yml@v1", fixed = TRUE)
  expect_match(workflow, "gangway flow.R argo-workflows create --tag \"git_sha:$GITHUB_SHA\"", fixed = TRUE)
  expect_match(workflow, "gangway::verify_promotion(\"TuneHousing\")", fixed = TRUE)
  left <- unlist(lapply(list.files(other, all.files = TRUE, recursive = TRUE, full.names = TRUE), readLines))
  expect_identical(grep("[{][{][a-z]", gsub("${{ ", "", left, fixed = TRUE), value = TRUE), character())
})

test_that("nothing is overwritten, and names that R or Python does not take are refused", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "fuel")
  dir.create(path)
  writeLines("mine", file.path(path, "renv.lock"))
  cnd <- expect_error(create_flow_project(path), "renv.lock", class = "gangway_error_project")
  expect_identical(cnd$files, "renv.lock")
  expect_identical(list.files(path), "renv.lock")
  expect_error(create_flow_project(file.path(folder, "1x")), "1x", class = "gangway_error_project")
  expect_error(create_flow_project(file.path(folder, "ab"), flow = "a-b"), "a-b", class = "gangway_error_project")
  expect_error(create_flow_project(file.path(folder, "ab"), gangway = "here"), "owner", class = "gangway_error_project")
  expect_error(create_flow_project(5), class = "gangway_error_project")
  file.create(file.path(folder, "file"))
  expect_error(suppressMessages(create_flow_project(file.path(folder, "file", "ab"))), class = "gangway_error_project")
})

test_that("a new project passes R CMD check, in which its flow runs", {
  path <- local_flow_project()
  r <- function(...) {
    processx::run(file.path(R.home("bin"), "R"), c("CMD", ...), wd = dirname(path), error_on_status = FALSE,
      timeout = 300,
      env = c("current", R_LIBS = paste(.libPaths(), collapse = ":"), "_R_CHECK_FORCE_SUGGESTS_" = "false"))
  }
  expect_identical(r("build", "--no-build-vignettes", basename(path))$status, 0L)
  # What needs a mirror of CRAN, or is the same for any package, is left out.
  checked <- r("check", "--no-manual", "--no-codoc", "--no-examples", "fuelEconomy_0.1.0.tar.gz")
  log <- readLines(file.path(dirname(path), "fuelEconomy.Rcheck", "00check.log"))
  expect_match(log, "^Status: OK", all = FALSE)
  tests <- readLines(file.path(dirname(path), "fuelEconomy.Rcheck", "tests", "testthat.Rout"))
  expect_match(tests, "FAIL 0 | WARN 0 | SKIP 0 | PASS 5", fixed = TRUE, all = FALSE)
  expect_nothing_left(dirname(path))
})
