# run(wait = FALSE): several runs beside the session, and what becomes of them when it ends.

# Its start waits until the file `go` is there.
waiting_code <- c(
  "flow <- metaflow('WaitingFlow') |>",
  "  parameter('n', default = 1) |> parameter('go', default = '') |> parameter('fail', default = FALSE) |>",
  "  step(step = 'start', next_step = 'end', r_function = function(self) {",
  "    cat('waiting for', self$n, '\\n')",
  "    while (nzchar(self$go) && !file.exists(self$go)) Sys.sleep(0.05)",
  "  }) |>",
  "  step(step = 'end', r_function = function(self) if (self$fail) stop('told to') else self$double <- 2 * self$n)"
)

wait_until <- function(ready, within = 120) {
  end <- Sys.time() + within
  while (!ready() && Sys.time() < end) Sys.sleep(0.1)
  expect_true(ready())
}

test_that("runs go on beside the session: status, log, result, error, stop", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- local_run_folder()
  eval(parse(text = waiting_code))
  go <- file.path(folder, "go")
  expect_error(run(flow, wait = "no"), "TRUE or FALSE", class = "gangway_error_argument")
  expect_error(run(flow, wait = FALSE, show = TRUE), "is for runs", class = "gangway_error_argument")
  expect_error(run(flow, wait = FALSE, n = "x"), class = "gangway_error_parameter")
  # What only Metaflow finds is an error of run() as well, with what Metaflow says.
  error <- expect_error(run(flow, wait = FALSE, with = "no_such"), class = "gangway_error_run")
  expect_match(conditionMessage(error), "Unknown step decorator.*no_such")

  well <- run(flow, n = 2, go = go, wait = FALSE)
  badly <- run(flow, n = 3, go = go, fail = TRUE, wait = FALSE)
  stopped <- run(flow, n = 4, go = file.path(folder, "never"), wait = FALSE)
  job <- well$.__enclos_env__$private$job
  invisible(gc())
  expect_identical(vapply(list(well, badly, stopped), function(run) run$status, ""), rep("running", 3L))
  expect_identical(well$wait(timeout = 0)$status, "running")
  expect_length(well$failed, 0L)
  expect_length(unique(c(well$run_id, badly$run_id, stopped$run_id)), 3L)
  wait_until(function() any(grepl("waiting for 2", well$log())))
  expect_match(well$format()[1], paste0("^<background run> WaitingFlow/", well$run_id, ": running, "))
  expect_identical(well$format()[2], "  start  0 of 1 task done, 1 running")
  expect_error(well$log(all = 1), class = "gangway_error_argument")

  wait_until(function() any(grepl("waiting for 4", stopped$log())))
  expect_identical(stopped$stop()$status, "stopped")
  expect_error(stopped$result(), "was stopped before its end", class = "gangway_error_run")

  file.create(go)
  result <- well$result()
  expect_s3_class(result, "gangway_run")
  expect_identical(result$double, 4)
  expect_identical(well$status, "ok")
  expect_gt(well$seconds, 0)
  expect_identical(well$seconds, well$seconds)
  expect_identical(well$format()[3], "  end    1 task done")
  expect_output(expect_identical(well$log(follow = TRUE), well), "waiting for 2.*Done!")
  expect_match(well$log(stderr = TRUE)[1], "^Metaflow .* executing WaitingFlow")
  expect_true(all(well$log(stderr = TRUE) %in% well$log(all = TRUE)))

  error <- tryCatch(badly$result(), error = identity)
  expect_s3_class(error, "gangway_error_run")
  expect_match(conditionMessage(error), "failed in step \"end\".*told to")
  expect_match(conditionMessage(error), sprintf("run(flow, resume = TRUE, origin_run_id = \"%s\")", badly$run_id),
    fixed = TRUE)
  expect_identical(badly$status, "failed")
  expect_identical(badly$failed[[1L]]$step, "end")
  expect_identical(badly$format()[4], "  told to")
  log <- badly$log()
  expect_length(log, 20L)
  expect_match(format(log)[1], "lines before")
  expect_gt(length(badly$log(all = TRUE)), 20L)
  # Of the folder only the log is left.
  expect_setequal(list.files(job$folder, all.files = TRUE, no.. = TRUE), c("log.txt", "stderr.txt"))
  expect_nothing_left(folder)
})

# The code of a session that starts a run in the background, which prints its number.
start_code <- function(folder, n, go = "never") {
  sprintf("run_%d <- run(flow, n = %d, go = '%s', wait = FALSE)", n, n, file.path(folder, go))
}

test_that("runs end with the session, and go on if they are told to", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- local_run_folder()
  withr::local_envvar(TMPDIR = folder)
  ended <- rscript(c(waiting_code, start_code(folder, 1), start_code(folder, 2, "go"), "run_2$detach()",
    start_code(folder, 3), "while (!any(grepl('waiting', run_3$log()))) Sys.sleep(0.1)", "stop('the script fails')"))
  expect_identical(ended$status, 1L)
  expect_match(ended$stderr, "R ends, and with it the runs WaitingFlow/[0-9]+, WaitingFlow/[0-9]+[.]")
  left <- list.files(folder, "^gangway-", full.names = TRUE)
  expect_length(left, 1L)
  log <- file.path(left, "log.txt")
  expect_match(gsub("\\s", "", ended$stderr), gsub("\\s", "", log), fixed = TRUE)
  file.create(file.path(folder, "go"))
  expect_nothing_left(folder, within = 100)
  expect_match(readLines(log), "Done!$", all = FALSE)
  expect_setequal(list.files(left), c("log.txt", "stderr.txt"))
  expect_setequal(list.files(folder), c(basename(left), "go"))
})

# R in a terminal: `type()` what a person types, `until()` waits for output.
local_terminal <- function(env = parent.frame()) {
  process <- processx::process$new(file.path(R.home("bin"), "R"),
    c("--vanilla", "--quiet", "--no-readline", "--interactive"), pty = TRUE,
    pty_options = list(echo = FALSE, rows = 40L, cols = 120L),
    env = c("current", R_LIBS = paste(.libPaths(), collapse = ":"), TERM = "xterm"))
  withr::defer(process$kill_tree(), env)
  shown <- ""
  list(
    process = process,
    type = function(text) process$write_input(text),
    until = function(pattern, within = 120) {
      end <- Sys.time() + within
      while (!grepl(pattern, shown) && Sys.time() < end && process$is_alive()) {
        process$poll_io(200)
        shown <<- paste0(shown, process$read_output())
      }
      expect_match(shown, pattern)
      before <- shown
      shown <<- ""
      invisible(before)
    }
  )
}

test_that("in a terminal Ctrl-C leaves runs alone, a wide foreach is one line, and R's death is a run's end", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- local_run_folder()
  withr::local_envvar(TMPDIR = folder)
  script <- file.path(folder, "script.R")
  writeLines(c(
    "suppressPackageStartupMessages(library(gangway))", waiting_code, start_code(folder, 1),
    "wide <- metaflow('WideFlow') |>",
    "  step(step = 'start', next_step = 'each', foreach = 'k', r_function = function(self) self$k <- 1:20) |>",
    "  step(step = 'each', next_step = 'join', r_function = function(self) {",
    "    cat('hidden', 'line\\n')",
    "    if (self$input == 3) stop('the third') else Sys.sleep(0.3)",
    "  }) |>",
    "  step(step = 'join', join = TRUE, next_step = 'end') |> step(step = 'end')"
  ), script)
  terminal <- local_terminal()
  terminal$type(sprintf("source('%s'); cat('rea', 'dy\\n', sep = '')\n", script))
  terminal$until("ready")
  terminal$type("cat('wait', 'ing\\n', sep = ''); run_1$wait()\n")
  terminal$until("waiting\r")
  Sys.sleep(0.5) # wait() is in progress by now, or the interrupt comes just before it
  terminal$type("\003")
  terminal$type("cat('it is', run_1$status, '\\n')\n")
  terminal$until("it is running")
  terminal$type("options(cli.progress_show_after = 0); run(wide, max_workers = 2)\n")
  text <- terminal$until("To go on where it ended.*origin_run_id[^\n]*\n.*> $")
  expect_match(text, "each: .* [0-9]+ of 20 tasks done, [12] running")
  expect_match(text, "each: [0-9]+ of 20 tasks done.*1 failed in")
  expect_match(text, "run(wide, logs = \"", fixed = TRUE)
  expect_match(text, "Error in each(self): the third", fixed = TRUE)
  expect_lte(lengths(regmatches(text, gregexpr("hidden line", text))), 1L)
  terminal$process$kill()
  expect_nothing_left(folder, within = 60)
  expect_equal(list.files(folder, "^gangway-", recursive = TRUE, include.dirs = TRUE), character())
})
