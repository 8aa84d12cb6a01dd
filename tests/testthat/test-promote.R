# The flow of the project under a shorter body: what a run records is the code of the folder, whatever the steps do.
quick_flow <- function(fail = FALSE) {
  metaflow("FuelEconomyFlow") |>
    step(step = "start", next_step = "end") |>
    step(step = "end", r_function = if (fail) function(self) stop("told to") else NULL)
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
  local_flow_project()
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
