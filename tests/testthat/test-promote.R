# A flow with less to do in place of the project's, as a script and in this session.
quick_flow <- function(fail = FALSE) {
  metaflow("FuelEconomyFlow") |>
    step(step = "start", next_step = "end") |>
    step(step = "end", r_function = if (fail) function(self) stop("told to") else NULL)
}

quick_script <- c(
  "library(gangway)", "metaflow(\"FuelEconomyFlow\") |>", "  step(step = \"start\", next_step = \"end\") |>",
  "  step(step = \"end\") |>", "  run()"
)

quick_project <- function(env = parent.frame()) {
  local_flow_project(env)
  writeLines(quick_script, "flow.R")
  commit_all()
}

quick_run <- function(...) attr(quiet_run(quick_flow(), ...), "run")$run_id

expect_refused <- function(code, reason, pattern = NULL) {
  cnd <- expect_error(suppressMessages(code), pattern, class = "gangway_error_promotion")
  expect_identical(cnd$reason, reason)
  cnd
}

promoted <- function() flow_client$new("FuelEconomyFlow")$runs_with_tags("ready_for_prod")

test_that("the code is what git would commit of the project, by its contents", {
  skip_if_not(nzchar(Sys.which("git")), "git is installed")
  top <- normalizePath(withr::local_tempdir())
  project <- file.path(top, "flows", "tune it")
  dir.create(file.path(project, "R"), recursive = TRUE)
  write <- function(file, text) writeLines(text, file.path(project, file))
  withr::local_dir(top)
  expect_null(code_state(project))
  writeLines("Package: a", file.path(project, "DESCRIPTION"))
  expect_null(code_state(project))
  write("R/gr\u00fcn a.R", "1")
  write("R/b.R", "1")
  write(".gitignore", "*.png")
  writeLines("1", "other")
  local_git_identity()
  processx::run("git", c("init", "--quiet"))
  expect_null(code_state(project))
  commit_all()
  before <- code_state(project)
  expect_identical(before$root, project)
  expect_identical(before$changed, character())
  same <- function() identical(code_state(file.path(project, "R"))$code, before$code)

  # No part of it: what lies outside the project, what git ignores, what no run reads.
  writeLines("2", "other")
  write("plot.png", "2")
  write("README.md", "2")
  expect_true(same())
  commit_all()
  expect_true(same())
  # A part of it: a changed, a new, a deleted, a renamed file; until it is as it was.
  write("R/gr\u00fcn a.R", "2")
  expect_false(same())
  expect_identical(code_state(project)$changed, "R/gr\u00fcn a.R")
  changed <- code_state(project)$code
  commit_all()
  expect_identical(code_state(project)$code, changed)
  expect_identical(differing_files(code_state(project), before$commit), "R/gr\u00fcn a.R")
  write("R/gr\u00fcn a.R", "1")
  expect_true(same())
  write("R/c.R", "1")
  expect_false(same())
  unlink(file.path(project, "R", "c.R"))
  file.rename(file.path(project, "R", "b.R"), file.path(project, "R", "d.R"))
  expect_false(same())
  file.rename(file.path(project, "R", "d.R"), file.path(project, "R", "b.R"))
  expect_true(same())
})

test_that("what is promoted is a run of the committed code, and verified is the newest", {
  path <- local_flow_project()
  made <- run_project(args = c("--folds", "2"))
  expect_identical(made$status, 0L, info = made$log)
  expect_match(made$log, "best: mpg ~ wt")
  expect_refused(verify_promotion("FuelEconomyFlow"), "no_run")

  expect_message(first <- promote_run("FuelEconomyFlow"), "ready_for_prod")
  expect_message(checked <- verify_promotion("FuelEconomyFlow"), "checked out")
  expect_identical(checked, first[c("run", "commit", "code")])
  # From a folder of the project, as another user, at another commit with the same code.
  cat("more\n", file = "README.md", append = TRUE)
  cat("# more\n", file = ".github/workflows/flow.yml", append = TRUE)
  commit_all()
  set_namespace("user:github-actions")
  withr::defer(set_default_namespace())
  suppressMessages(again <- verify_promotion("FuelEconomyFlow", path = "R"))
  expect_identical(again$code, first$code)
  expect_false(identical(again$commit, first$commit))
  expect_identical(get_namespace(), "user:github-actions")
  set_default_namespace()

  # A change of the code: uncommitted, new, committed.
  cat("# more\n", file = "R/steps.R", append = TRUE)
  expect_identical(expect_refused(promote_run("FuelEconomyFlow"), "uncommitted", "R/steps.R")$files, "R/steps.R")
  file.create("R/new file.R")
  expect_refused(verify_promotion("FuelEconomyFlow"), "other_code", "new file.R")
  writeLines(quick_script, "flow.R")
  second <- quick_run()
  commit_all()
  expect_refused(verify_promotion("FuelEconomyFlow"), "other_code", "R/steps.R")
  expect_refused(promote_run("FuelEconomyFlow", sub(".*/", "", first$run)), "other_code", "R/steps.R")

  # The run was made before the commit, with the same contents.
  suppressMessages(moved <- promote_run("FuelEconomyFlow", second))
  expect_identical(moved$untagged, first$run)
  expect_identical(vapply(promoted(), function(run) run$id, ""), second)
  suppressMessages(verify_promotion("FuelEconomyFlow"))
  expect_nothing_left(path)
})

test_that("a run that failed, was resumed, or has no record is refused, also if somebody tagged it", {
  quick_project()
  quick_run()
  expect_error(quiet_run(quick_flow(fail = TRUE)), class = "gangway_error_run")
  expect_refused(promote_run("FuelEconomyFlow"), "not_successful", "has not succeeded")
  failed <- new_run("FuelEconomyFlow", "latest_run")
  failed$get_obj()$add_tag("ready_for_prod")
  expect_refused(verify_promotion("FuelEconomyFlow"), "not_successful", "has not succeeded")
  quiet_run(quick_flow(), resume = "end")
  expect_refused(promote_run("FuelEconomyFlow"), "no_record", "resumed")
  expect_error(promote_run("FuelEconomyFlow", "12"), class = "gangway_error_client")
  expect_error(promote_run("FuelEconomyFlow", tag = ""), class = "gangway_error_argument")
})

test_that("outside a repository nothing is recorded, and nothing promoted", {
  withr::local_envvar(GIT_CEILING_DIRECTORIES = dirname(local_run_folder()))
  quick_run()
  tags <- new_run("FuelEconomyFlow", "latest_run")$tags
  expect_identical(grep("gangway_", tags, value = TRUE), character())
  expect_refused(promote_run("FuelEconomyFlow"), "no_repository", "git init")
})

test_that("a run of the same files that executed other code is refused, and the files are named", {
  local_flow_project()
  script <- withr::local_tempfile(fileext = ".R")
  elsewhere <- function(...) {
    writeLines(c("library(gangway)", "for (file in list.files(\"R\", full.names = TRUE)) source(file)", ...), script)
    made <- run_project(file = script)
    expect_identical(made$status, 0L, info = made$log)
    expect_refused(promote_run("FuelEconomyFlow"), "other_code_ran")
  }
  # The name of the flow and nothing else.
  cnd <- elsewhere("flow <- metaflow(\"FuelEconomyFlow\") |>", quick_script[3:4], "  run()")
  expect_setequal(cnd$files, "R/flow.R")
  expect_true(all(c("step \"fit\"", "parameter \"folds\"") %in% cnd$differences$what))
  # The same flow, with a function that the session has replaced. Somebody tags it by hand.
  cnd <- elsewhere("cross_validate <- function(formula, data, folds) 1", "run(project_flow())")
  expect_identical(cnd$differences, data.frame(what = "cross_validate", file = "R/steps.R"))
  new_run("FuelEconomyFlow", "latest_run")$get_obj()$add_tag("ready_for_prod")
  cnd <- expect_refused(verify_promotion("FuelEconomyFlow"), "other_code_ran", "cross_validate")
  expect_identical(cnd$files, "R/steps.R")
})

test_that("of several tagged runs none is verified, and a tag that moves meanwhile is noticed", {
  quick_project()
  first <- quick_run()
  suppressMessages(promote_run("FuelEconomyFlow"))
  second <- quick_run()
  tag <- function(id) new_run("FuelEconomyFlow", id)$get_obj()
  tag(second)$add_tag("ready_for_prod")
  cnd <- expect_refused(verify_promotion("FuelEconomyFlow"), "several_runs")
  expect_setequal(cnd$runs, paste0("FuelEconomyFlow/", c(first, second)))
  expect_error(promote_run("FuelEconomyFlow", script = "../flow.R"), class = "gangway_error_argument")
  expect_refused(promote_run("FuelEconomyFlow", script = "none.R"), "no_script", "none.R")
  # What the other's promote_run() does while this one looks at the code.
  client <- flow_client$new("FuelEconomyFlow")
  run <- run_client$new(client, second)
  suppressMessages(promote_run("FuelEconomyFlow", second))
  expect_silent(check_unchanged(client, run, "ready_for_prod", "verify_promotion"))
  suppressMessages(promote_run("FuelEconomyFlow", first))
  cnd <- expect_refused(check_unchanged(client, run, "ready_for_prod", "verify_promotion"), "changed", first)
  expect_identical(cnd$runs, paste0("FuelEconomyFlow/", first))
  # What the promoted run has executed stays when the other goes.
  suppressMessages(promote_run("FuelEconomyFlow", second))
  suppressMessages(delete_runs("FuelEconomyFlow", keep = 1, ask = FALSE))
  suppressMessages(verify_promotion("FuelEconomyFlow"))
})

test_that("what runs is compared by code: not by layout, place of the project, image or time", {
  root <- normalizePath(withr::local_tempdir())
  writeLines("Package: a", file.path(root, "DESCRIPTION"))
  withr::local_dir(root)
  told <- function(env, image = "a", cpu = 1) {
    flow <- metaflow("AFlow") |>
      step(step = "start", next_step = "end", r_function = env$first, decorator("batch", image = image, cpu = cpu)) |>
      step(step = "end")
    from_json(what_runs_json(flow, bag_of_flow(flow, stored = TRUE)))
  }
  session <- function(text) {
    env <- new.env(parent = globalenv())
    eval(parse(text = text, keep.source = TRUE), env)
    env
  }
  differ <- function(a, b) code_differences(a, b, root, "AFlow", "flow.R")$what
  code <- function(...) {
    session(c("first <- function(self) second(self$x) + limit", "second <- function(x)  { x }", "limit <- 1", ...))
  }
  here <- told(code())
  expect_identical(differ(told(code("second <- function(x) {", "  # a comment", "  x", "}")), here), character())
  expect_identical(differ(told(code(), image = "b"), here), character())
  expect_identical(differ(told(code(), cpu = 2), here), "step \"start\"")
  expect_identical(differ(told(code("limit <- 2")), here), "limit")
  expect_identical(differ(told(code("second <- function(x) x + 1")), here), "second")
  expect_identical(differ(told(code("first <- function(self) second(1) + limit")), here), "function of step \"start\"")
  expect_identical(differ(told(code("limit <- c(a = 1)")), told(code("limit <- c(b = 1)"))), "limit")
  expect_identical(differ(told(code("limit <- factor(\"a\")")), told(code("limit <- factor(\"b\")"))), "limit")
  expect_identical(differ(told(code("limit <- Sys.time()")), here), character())
  switched <- function(...) {
    metaflow("AFlow") |>
      step(step = "start", condition = "size", next_step = c(...), r_function = function(self) self$size <- "x") |>
      flow_parts(root)
  }
  expect_false(identical(switched(x = "a", y = "b"), switched(y = "a", x = "b")))
  # A secret is not told.
  expect_false(grepl("hush", jsonlite::toJSON(told(code("limit <- \"hush\""))), fixed = TRUE))
  # Files of a code package: one that differs, one that the project has not, one that no run reads.
  packaged <- list(DESCRIPTION = cli::hash_file_sha256(file.path(root, "DESCRIPTION")), "docs/a.R" = "b")
  expect_identical(package_differences(packaged, root), character())
  packaged <- list(DESCRIPTION = strrep("0", 64), "module.py" = strrep("0", 64))
  expect_identical(package_differences(packaged, root), c("DESCRIPTION", "module.py"))
  # The same file of the project, wherever that lies.
  expect_identical(comparable_text(file.path(root, "x"), root), comparable_text("/elsewhere/x", "/elsewhere"))
})
