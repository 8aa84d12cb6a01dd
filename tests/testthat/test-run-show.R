# What is shown of a log: no run here, but lines as Metaflow writes them.

said <- function(task, ..., pid = " (pid 7)") sprintf("2026-11-30 16:55:09.533 [17/%s%s] %s", task, pid, c(...))

wide_flow <- function() {
  metaflow("WideFlow") |>
    step(step = "start", next_step = "each", foreach = "n", r_function = noop) |>
    step(step = "each", next_step = "inner", r_function = noop) |>
    step(step = "inner", next_step = "join", r_function = noop) |>
    step(step = "join", join = TRUE, next_step = "end") |>
    step(step = "end")
}

wide_log <- function(n) {
  ids <- paste0("each/", seq_len(n) + 1L)
  c(
    "2026-11-30 16:55:06.528 Workflow starting (run-id 17):",
    said("start/1", "Task is starting.", sprintf("Foreach yields %d child steps.", n), "Task finished successfully."),
    unlist(lapply(ids, function(id) said(id, "Task is starting.", paste("hello {from}", id)))),
    said(ids[[1L]], "Error in each(self): first", "Task failed."), said(ids[[1L]], "Task is starting (retry)."),
    said(ids[[2L]], "@catch caught an exception from <flow>"),
    unlist(lapply(ids, function(id) said(id, "Task finished successfully."))),
    said("inner/99", "Task is starting."), "2026-11-30 17:00:06.528 1 task is running: inner (1 running; 0 done)."
  )
}

# What is printed, by cat() and by cli.
shown <- function(flow, mode, pieces) {
  show <- log_shower(flow, mode)
  by_cli <- NULL
  printed <- utils::capture.output({
    by_cli <- cli::cli_fmt({
      for (piece in pieces) show$add(piece)
      show$end()
    })
  })
  list(printed = printed, by_cli = by_cli)
}

test_that("tasks are counted by what Metaflow says of them", {
  tally <- tally_log(wide_log(25L))
  expect_identical(tally$counts$each, c(running = 0L, done = 24L, failed = 1L))
  expect_identical(counts_text(tally$counts$each), "24 of 25 tasks done, 1 failed")
  expect_identical(counts_text(tally$counts$inner, 25L), "0 of 25 tasks done, 1 running")
  expect_identical(counts_text(tally$counts$start), "1 task done")
  cloned <- tally_log(said("each/4", "Cloning previously run task 16/each/4", pid = ""))
  expect_identical(cloned$counts$each[["done"]], 1L)
  expect_length(tally_log("] Task is starting.")$counts, 0L)
  expect_length(tally_log("\xff\xfe] Task is starting.")$counts, 0L)
})

test_that("of a flow it is known which steps a foreach multiplies", {
  in_foreach <- foreach_of_steps(every_transition())
  expect_identical(in_foreach[sort(names(in_foreach))],
    c(each = "left", inner = "each", inner_join = "left"))
  expect_true(all(names(in_foreach) %in% attr(in_foreach, "certain")))
  expect_false(any(c("a", "b") %in% attr(in_foreach, "certain")))
})

test_that("a wide foreach is one line, with the log of what fails; a narrow one is its lines", {
  withr::local_options(cli.progress_show_after = 1000)
  text <- paste0(wide_log(25L), "\n", collapse = "")
  cut <- floor(nchar(text) / 2)
  bar <- shown(wide_flow(), "bar", c(substr(text, 1, cut), substr(text, cut + 1, nchar(text))))
  expect_identical(bar$printed[1:4], wide_log(25L)[1:4])
  expect_match(bar$printed[5], "^each, inner: 24 of 50 tasks done, 1 running, 1 failed in ")
  expect_length(bar$printed, 5L)
  # The first try of task 2, and task 3, which @catch caught.
  expect_identical(sub(".*[]] ", "", bar$by_cli), c("Task is starting.", "hello {from} each/2",
    "Error in each(self): first", "Task failed.", "Task is starting.", "hello {from} each/3",
    "@catch caught an exception from <flow>", "Task finished successfully."))

  narrow <- paste0(wide_log(5L), "\n", collapse = "")
  expect_identical(shown(wide_flow(), "bar", narrow)$printed, wide_log(5L))
  expect_identical(shown(wide_flow(), "lines", narrow)$printed, wide_log(5L))
  quiet <- shown(wide_flow(), "quiet", paste0(narrow, "    no such option"))
  expect_identical(sub(".*[]] ", "", quiet$printed), c(sub(".*[]] ", "", bar$by_cli), "    no such option"))
})

test_that("many tasks that are cloned are one line, and so is a foreach of which nobody says how wide it is", {
  withr::local_options(cli.progress_show_after = 1000)
  cloned <- said(paste0("each/", 1:30), "Cloning previously run task 16/each/1", pid = "")
  again <- unlist(lapply(31:60, function(i) {
    said(paste0("each/", i), "Task is starting.", "Task finished successfully.")
  }))
  bar <- shown(wide_flow(), "bar", paste0(c(cloned, again), "\n", collapse = ""))
  expect_match(bar$printed[1], "^each: 30 tasks are cloned$")
  expect_match(bar$printed[2], "^each: 60 tasks done in ")
  expect_length(bar$printed, 2L)
})

test_that("no run fails because of how it is shown", {
  show <- log_shower(wide_flow(), "bar")
  environment(show$add)$shower$tally <- NULL
  expect_output(show$add(paste0(said("start/1", "hello"), "\n")), "hello")
})

test_that("how a log is shown is the user's choice", {
  expect_identical(vapply(list(TRUE, FALSE, NULL), log_mode, ""), c("quiet", "lines", "lines"))
})
