test_that("a project is made under the names that follow from its folder, or those given", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "sub", "fuel.economy")
  expect_message(create_flow_project(path), "OWNER/gangway")
  description <- read.dcf(file.path(path, "DESCRIPTION"))
  expect_identical(description[, "Package"][[1]], "fuel.economy")
  flow <- readLines(file.path(path, "R", "flow.R"))
  expect_match(flow, "metaflow(\"FuelEconomyFlow\", decorator(\"project\", name = \"fuel_economy\"))", fixed = TRUE,
    all = FALSE)
  other <- file.path(folder, "other")
  suppressMessages(create_flow_project(other, package = "abc", flow = "TuneHousing", deploy = "argo-workflows",
    gangway = "me/gangway@v1"))
  github <- function(...) paste(readLines(file.path(other, ".github", ...)), collapse = "\n")
  workflow <- github("workflows", "flow.yml")
  expect_match(workflow, "uses: me/gangway/.github/workflows/flow-image.yml@v1", fixed = TRUE)
  expect_match(workflow, "SCHEDULER: argo-workflows", fixed = TRUE)
  expect_match(github("gangway.sh"), "--with \"kubernetes:image=$image\" \"$SCHEDULER\"", fixed = TRUE)
  # A variable is handed on by its name: a step's environment is printed in its log.
  expect_no_match(workflow, "toJSON(vars)", fixed = TRUE)
  expect_match(workflow, "gangway::verify_promotion(\"TuneHousing\")", fixed = TRUE)
  left <- unlist(lapply(list.files(other, all.files = TRUE, recursive = TRUE, full.names = TRUE), readLines))
  expect_identical(grep("[{][{][a-z]", gsub("${{ ", "", left, fixed = TRUE), value = TRUE), character())
})

test_that("one name gives a name that each system takes", {
  names_of <- function(...) unname(project_names(...))
  expect_identical(names_of("fuelEconomy"), c(
    "fuelEconomy", "FuelEconomyFlow", "fuel_economy", "fuel-economy", "fuel-economy-branches", "fuel-economy",
    "fuel-economy"
  ))
  expect_identical(
    names_of("Fuel-economy 2")[1:4], c("fuelEconomy2", "FuelEconomy2Flow", "fuel_economy2", "fuel-economy2")
  )
  expect_identical(names_of("fuel.HTTPCosts")[2:4], c("FuelHTTPCostsFlow", "fuel_http_costs", "fuel-http-costs"))
  expect_identical(project_names("x1", repository = "team/x_1")[["branches"]], "team/x_1-branches")
  refused <- function(what, pattern, ...) {
    cnd <- expect_error(project_names(...), pattern, class = "gangway_error_project")
    expect_identical(cnd$name, what)
  }
  refused("package", "stats", "stats")
  refused("package", "1x", "1x")
  refused("package", "gr\u00fcn", "gr\u00fcn")
  refused("flow", "a-b", "ab", flow = "a-b")
  refused("flow", "class", "ab", flow = "class")
  for (bad in list("fuelEconomy", "a//b", "x", "a--b", strrep("a", 257L), 1)) {
    refused("repository", "ECR", "ab", repository = bad)
  }
  refused("branches", "ECR", "ab", repository = strrep("a", 250L))
  refused("project", "50 at most", strrep("a", 51L))
  # All of a long name's limits, whatever comes first.
  expect_error(check_name("role", strrep("a", 58L), "package", NULL), "IAM role")
  expect_error(check_name("account", strrep("a", 64L), "package", NULL), "Kubernetes")
})

test_that("a new project says its names", {
  path <- file.path(withr::local_tempdir(), "fuelEconomy")
  expect_message(create_flow_project(path, gangway = "me/gangway@v1"), '"fuel-economy" and "fuel-economy-branches"')
  expect_match(readLines(file.path(path, "README.md")), "fuel-economy-branches", fixed = TRUE, all = FALSE)
  workflow <- readLines(file.path(path, ".github", "workflows", "flow.yml"))
  expect_match(workflow, "repository: .*fuel-economy", all = FALSE)
})

test_that("those who approve what is deployed are named in CODEOWNERS, or the lack of them is told", {
  folder <- withr::local_tempdir()
  make <- function(name, ...) create_flow_project(file.path(folder, name), gangway = "me/gangway@v1", ...)
  lines <- function(name) readLines(file.path(folder, name, ".github", "CODEOWNERS"))
  expect_message(make("none"), "Nobody has to approve")
  expect_match(lines("none"), "^#")
  told <- testthat::capture_messages(make("ada", owners = c("@ada", "@my-org/data.team")))
  expect_no_match(told, "Nobody")
  expect_identical(utils::tail(lines("ada"), 1L), "* @ada @my-org/data.team")
  for (bad in list("ada", "@a b", NA_character_, 3, "@a/b/c")) {
    cnd <- expect_error(make("bad", owners = bad), "CODEOWNERS", class = "gangway_error_project")
    expect_identical(cnd$name, "owners")
  }
  expect_false(dir.exists(file.path(folder, "bad")))
})

test_that("nothing is overwritten, and names that are not taken are refused", {
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

test_that("a new project passes R CMD check, in which its flow and its gang run", {
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
  expect_match(tests, "FAIL 0 | WARN 0 | SKIP 0 | PASS 12", fixed = TRUE, all = FALSE)
  expect_nothing_left(dirname(path))
})

test_that("keys and local data are ignored by git in a new project", {
  path <- local_flow_project()
  secret <- c(".Renviron", ".env", ".aws/credentials", "local/clients.csv")
  dir.create(".aws")
  dir.create("local")
  file.create(secret)
  expect_identical(processx::run("git", c("check-ignore", secret))$stdout, paste0(secret, "\n", collapse = ""))
  file.create("R/kept.R")
  expect_identical(processx::run("git", c("status", "--porcelain"))$stdout, "?? R/kept.R\n")
})

test_that("devtools::test() passes in a new project, on a laptop without make and Docker", {
  for (package in c("pkgload", "pkgbuild")) skip_if_not(nzchar(system.file(package = package)), package)
  path <- local_flow_project()
  absent <- file.path(dirname(path), "absent")
  dir.create(absent)
  for (program in file.path(absent, c("make", "gmake", "docker", "gcc", "cc"))) {
    writeLines(c("#!/bin/sh", "echo \"$0 is not here\" >&2", "exit 127"), program)
    Sys.chmod(program, "755")
  }
  withr::local_path(absent, action = "prefix")
  withr::local_envvar(MAKE = "make", R_LIBS = paste(.libPaths(), collapse = ":"))
  # What devtools::test() does, without devtools: load_all(), then the tests in the package's namespace.
  said <- processx::run(file.path(R.home("bin"), "Rscript"), c(
    "--vanilla", "-e", "pkgload::load_all('.', quiet = TRUE)", "-e", "best <- run(project_flow(), folds = 2L)$best",
    "-e", "testthat::test_local('.', filter = 'steps', reporter = 'check'); stopifnot(grepl('^mpg ~', best))"
  ), error_on_status = FALSE, timeout = 280)
  expect_identical(said$status, 0L, info = said$stderr)
  expect_match(said$stdout, "FAIL 0 | WARN 0 | SKIP 0 | PASS 6", fixed = TRUE)
})

test_that("a folder called metaflow in a project is not Python's Metaflow", {
  local_run_folder()
  dir.create("metaflow")
  writeLines("a = 1", "metaflow/__init__.py")
  flow <- metaflow("FolderFlow") |>
    step(step = "start", r_function = function(self) self$x <- 1, next_step = "end") |>
    step(step = "end")
  utils::capture.output(result <- run(flow))
  expect_identical(result$x, 1)
  expect_no_match(unlist(sitrep_settings(gangway_python())), "cannot be read")
  withr::local_envvar(AWS_DEFAULT_REGION = "us-east-1", AWS_ACCESS_KEY_ID = "x", AWS_SECRET_ACCESS_KEY = "x",
    AWS_ENDPOINT_URL = "http://127.0.0.1:9", AWS_MAX_ATTEMPTS = "1")
  for (asks in list(deployed_flow, deploy)) {
    cnd <- expect_error(utils::capture.output(asks(flow, "step_functions")), class = "gangway_error")
    expect_no_match(conditionMessage(cnd), "Python failed|ModuleNotFound|cannot import")
  }
})
