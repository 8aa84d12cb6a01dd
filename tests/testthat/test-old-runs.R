# Old runs in R: what is listed of them, how a run's state is told, and what delete_runs() says and does. What has to
# stay is tested in tests/python/test_old_runs.py.

inner_code <- c(
  "inner <- metaflow('InnerFlow') |>",
  "  parameter('k', default = 1) |>",
  "  step(step = 'start', r_function = function(self) self$twice <- 2 * self$k, next_step = 'end') |>",
  "  step(step = 'end', r_function = function(self) {",
  "    if (file.exists('fail')) stop('told to')",
  "    if (file.exists('wait')) file.create('waiting')",
  "    while (file.exists('wait')) Sys.sleep(0.05)",
  "  })"
)

test_that("a step asks the client and runs another flow; old runs are listed, told apart and deleted", {
  client_python()
  folder <- local_run_folder()
  withr::defer(reset_default_metadata())
  withr::local_options(width = 80)
  eval(parse(text = inner_code))
  outer <- metaflow("OuterFlow") |>
    step(step = "start", next_step = "end", r_function = function(self) {
      self$where <- get_metadata()
      self$me <- flow_client$new("OuterFlow")$run(current("run_id"))$pathspec
      self$status <- attr(latest_run("OuterFlow"), "run")$status
      self$inner <- run(inner, k = 21)$twice
      self$again <- c(latest_run("InnerFlow")$twice, attr(latest_run("OuterFlow"), "run")$run_id == current("run_id"))
    }) |>
    step(step = "end")
  made <- quiet_run(outer)
  expect_identical(made$where, paste0("local@", folder))
  expect_identical(made$me, paste0("OuterFlow/", attr(made, "run")$run_id))
  expect_identical(made$status, "running")
  expect_identical(made$inner, 42)
  expect_identical(made$again, c(42, 1))

  file.create("fail")
  expect_error(quiet_run(inner, tag = "trial"), "told to", class = "gangway_error_run")
  expect_identical(attr(latest_run("InnerFlow"), "run")$status, "failed")
  unlink("fail")
  resumed <- quiet_run(inner, resume = TRUE)

  # A run under way, and then one that was killed.
  file.create("wait")
  script <- withr::local_tempfile(fileext = ".R")
  writeLines(c("suppressMessages(library(gangway))", inner_code, "run(inner)"), script)
  live <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("--vanilla", script),
    env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")), cleanup_tree = TRUE)
  for (i in 1:600) if (!file.exists("waiting") && live$is_alive()) Sys.sleep(0.1)
  expect_identical(list_runs("InnerFlow")$status, c("running", "ok", "failed", "ok"))
  expect_message(deleted <- delete_runs("InnerFlow", keep = 3, ask = FALSE), "stay while another run is under way")
  expect_identical(nrow(deleted), 1L)
  expect_message(delete_runs("InnerFlow", keep = 0, ask = FALSE, tag = "trial"), "was resumed from it")
  # The run's process first, which would note that a task has failed.
  lapply(ps::ps_children(live$as_ps_handle(), recursive = TRUE), ps::ps_kill)
  live$wait(30000)
  expect_nothing_left(folder)
  unlink("wait")
  aborted <- latest_run("InnerFlow")
  expect_identical(attr(aborted, "run")$status, "aborted")
  expect_match(format(aborted)[1], "aborted, not finished")
  expect_identical(aborted$twice, 2)
  expect_true((aborted == 0) %in% FALSE)

  runs <- list_runs()
  expect_s3_class(runs, if (requireNamespace("tibble", quietly = TRUE)) "tbl_df" else "data.frame")
  expect_named(runs, c("flow", "run_id", "status", "started", "finished", "user", "tags", "size"))
  expect_identical(runs$flow, c(rep("InnerFlow", 3), "OuterFlow"))
  expect_identical(runs$status, c("aborted", "ok", "failed", "ok"))
  expect_identical(runs$tags[[3]], "trial")
  expect_identical(unique(runs$user), "dev")
  expect_s3_class(runs$started, "POSIXct")
  expect_true(all(diff(runs$started[1:3]) < 0))
  expect_true(all(runs$finished[2:4] > runs$started[2:4]) && is.na(runs$finished[1]))
  expect_true(all(runs$size > 1e5))
  expect_identical(nrow(list_runs(inner)), 3L)
  set_namespace("user:anna")
  expect_identical(nrow(list_runs()), 0L)
  set_default_namespace()
  expect_error(list_runs("InerFlow"), "InnerFlow", class = "gangway_error_client")

  # Who is asked: in a session where somebody can answer.
  lines <- c("library(gangway)", "delete_runs('InnerFlow', before = Sys.time(), tag = 'trial')", "2",
    "x <- delete_runs('OuterFlow', keep = 0)", "2",
    "y <- delete_runs('OuterFlow', keep = 0)", "1", "cat('deleted', nrow(x), nrow(y), attr(y, 'freed') > 1e5)")
  input <- withr::local_tempfile(lines = lines)
  said <- processx::run(file.path(R.home("bin"), "R"), c("--vanilla", "--interactive", "--quiet"), stdin = input,
    stderr = "2>&1", env = c("current", R_LIBS = paste(.libPaths(), collapse = ":"), TERM = "dumb"), timeout = 120)
  expect_match(said$stdout, "Delete them?", fixed = TRUE)
  expect_match(said$stdout, "What deleted runs of \"InnerFlow\" have left will be removed", fixed = TRUE)
  expect_match(said$stdout, "1 run of \"OuterFlow\" from ", fixed = TRUE)
  expect_match(said$stdout, "Nothing was deleted", fixed = TRUE)
  expect_match(said$stdout, "deleted 0 1 TRUE", fixed = TRUE)
  expect_identical(unique(list_runs("InnerFlow")$run_id), runs$run_id[1:3])

  expect_message(deleted <- delete_runs("InnerFlow", before = Sys.Date() + 1, keep = 0, ask = FALSE), "Deleted 3 runs")
  expect_identical(deleted$run_id, runs$run_id[1:3])
  expect_gt(attr(deleted, "freed"), 1e5)
  expect_error(list_runs("InnerFlow"), "no runs", class = "gangway_error_client")
  expect_identical(list_runs()$run_id, character())
})

test_that("what cannot be is an error before anything is deleted", {
  argument <- "gangway_error_argument"
  expect_error(delete_runs("AnyFlow", ask = FALSE), "keep = 0", class = argument)
  expect_error(delete_runs("AnyFlow", keep = -1, ask = FALSE), "whole number", class = argument)
  expect_error(delete_runs("AnyFlow", keep = 1:2, ask = FALSE), class = argument)
  expect_error(delete_runs("AnyFlow", tag = 1, ask = FALSE), "strings", class = argument)
  expect_error(delete_runs("AnyFlow", before = "soon", ask = FALSE), "date or a time", class = argument)
  expect_error(delete_runs("AnyFlow", before = 5, ask = FALSE), "date or a time", class = argument)
  expect_error(delete_runs("AnyFlow", keep = 1, ask = NA), class = argument)
  expect_error(delete_runs("AnyFlow", keep = 1), "not interactive", class = "gangway_error_client")
})

test_that("the newest are kept of those with the tags, and a date is a day here", {
  withr::local_timezone("Asia/Tokyo")
  day <- as.POSIXct("2026-11-29")
  runs <- data.frame(started = day + 3600 * c(2, 1, 0, -1))
  runs$tags <- list("a", c("a", "b"), character(), "a")
  old <- function(...) is_old_run(runs, check_choice(...))
  expect_identical(old(as.Date("2026-11-29"), NULL, NULL), c(FALSE, FALSE, FALSE, TRUE))
  expect_identical(old("2026-11-29 01:00", NULL, NULL), c(FALSE, FALSE, TRUE, TRUE))
  expect_identical(old(NULL, 1, NULL), c(FALSE, TRUE, TRUE, TRUE))
  expect_identical(old(NULL, 1, "a"), c(FALSE, TRUE, FALSE, TRUE))
  expect_identical(old(NULL, NULL, c("a", "b")), c(FALSE, TRUE, FALSE, FALSE))
  expect_identical(old(NULL, 0, NULL), rep(TRUE, 4))
})
