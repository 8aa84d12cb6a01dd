hello_script <- c(
  "shift <- 1",
  "add <- function(x) x + shift",
  "metaflow('ScriptFlow') |>",
  "  parameter('alpha', default = 0.3) |>",
  "  parameter('fail', default = FALSE) |>",
  "  step(step = 'start', next_step = 'end', r_function = function(self) {",
  "    cat('alpha is', self$alpha, '\\n')",
  "    self$y <- add(self$alpha)",
  "  }) |>",
  "  step(step = 'end', r_function = function(self) if (self$fail) stop('told to')) |>",
  "  run()"
)

test_that("a run gives its artifacts back, with their types, and leaves nothing", {
  folder <- local_run_folder()
  offset <- 10
  flow <- metaflow("TypesFlow") |>
    parameter("count", type = "integer", default = 1L) |>
    parameter("alpha", default = 0.3) |>
    parameter("on", default = TRUE) |>
    parameter("label", default = "a") |>
    parameter("grid", default = list(a = 1)) |>
    parameter("seed", type = "integer", default = function() 7L) |>
    step(step = "start", next_step = "end", r_function = function(self) {
      self$seen <- list(self$count, self$alpha, self$on, self$label, self$seed)
      self$keys <- names(self$grid)
      self$sum <- self$count + offset
    }) |>
    step(step = "end", r_function = function(self) self$factor <- factor(c("u", "v")))
  label <- "--x 'y' \"z\" $HOME; gr\u00fcn"
  result <- quiet_run(flow, count = 3, alpha = 1 / 3, on = FALSE, label = label, grid = list(p = 1:2, q = "x"))
  expect_s3_class(result, "gangway_run")
  info <- attr(result, "run")
  expect_equal(info$status, "ok")
  expect_equal(info$flow, "TypesFlow")
  expect_match(info$run_id, "^[0-9]+$")
  expect_gt(info$seconds, 0)
  expect_identical(result$seen, list(3L, 1 / 3, FALSE, label, 7L))
  expect_identical(result$sum, 13)
  expect_identical(result$factor, factor(c("u", "v")))
  expect_identical(result[["keys"]], c("p", "q"))
  expect_true(all(c("seen", "sum", "factor", "keys") %in% names(result)))
  expect_error(result$nothing_like_it, class = "gangway_error_client")
  expect_error(result$sum <- 1, class = "gangway_error_client")
  text <- format(result)
  expect_match(text[1], paste0("TypesFlow/", info$run_id, ": ok"))
  expect_match(text[2], "start +1 task +[0-9.]+ s")
  expect_length(text, 3)
  again <- latest_run("TypesFlow")
  expect_identical(again$sum, 13)
  expect_identical(attr(again, "run")$run_id, info$run_id)
  expect_equal(list.files(tempdir(), "^gangway-"), character())
  expect_nothing_left(folder)
})

test_that("a failed run is an error with step, message and traceback", {
  local_run_folder()
  broken <- function(x) stop("no {such} thing: ", x)
  flow <- metaflow("BrokenFlow") |>
    step(step = "start", next_step = "middle") |>
    step(step = "middle", r_function = function(self) broken("a"), next_step = "end") |>
    step(step = "end")
  cnd <- expect_error(quiet_run(flow, quiet = TRUE), class = "gangway_error_run")
  text <- conditionMessage(cnd)
  expect_match(text, "failed in step \"middle\" (BrokenFlow/", fixed = TRUE)
  expect_match(text, "no {such} thing: a", fixed = TRUE)
  expect_match(text, "broken(\"a\")", fixed = TRUE)
  expect_match(text, sprintf("log: run(flow, logs = \"%s/middle/2\")", cnd$run_id), fixed = TRUE)
  expect_match(text, sprintf("  run(flow, resume = TRUE, origin_run_id = \"%s\")", cnd$run_id), fixed = TRUE)
  expect_match(cnd$run_id, "^[0-9]+$")
  expect_equal(cnd$failed[[1]]$step, "middle")
  expect_true(any(grepl("broken", unlist(cnd$failed[[1]]$traceback))))
})

test_that("what is wrong is found before anything starts", {
  folder <- local_run_folder()
  flow <- metaflow("NotStarted") |>
    parameter("alpha", default = 1) |>
    step(step = "start", next_step = "end", r_function = function(self) no_such_thing + 1) |>
    step(step = "end")
  expect_error(run(flow, alhpa = 1), "alpha", class = "gangway_error_argument")
  expect_error(run(flow, alpha = "x"), class = "gangway_error_parameter")
  expect_error(run(flow), "no_such_thing", class = "gangway_error_bundle")
  expect_error(run(1), class = "gangway_error_flow")
  expect_equal(list.files(folder, all.files = TRUE, no.. = TRUE), character())
})

test_that("a working folder that cannot be written to is an error", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  run_python_path()
  withr::local_envvar(METAFLOW_DATASTORE_SYSROOT_LOCAL = "/proc/self")
  flow <- metaflow("NoFolder") |> step(step = "start", next_step = "end") |> step(step = "end")
  expect_error(quiet_run(flow), "cannot be written to", class = "gangway_error_run")
  expect_equal(local_store("", "/nowhere/at/all"), "/nowhere/at/all")
  parent <- withr::local_tempdir()
  dir.create(file.path(parent, ".metaflow"))
  dir.create(file.path(parent, "below"))
  expect_equal(local_store("", file.path(parent, "below")), file.path(parent, ".metaflow"))
})

test_that("Rscript passes its command line on and has the flow's exit status", {
  folder <- local_run_folder()
  out <- rscript(hello_script, c("run", "--alpha", "0.5"))
  expect_equal(out$status, 0)
  expect_match(out$stdout, "alpha is 0.5")
  expect_match(out$stdout, "Done!")
  out <- rscript(hello_script)
  expect_equal(out$status, 0)
  expect_match(out$stdout, "alpha is 0.3")
  out <- rscript(hello_script, c("run", "--fail", "True"))
  expect_equal(out$status, 1)
  expect_match(paste(out$stdout, out$stderr), "told to")
  out <- rscript(hello_script, "show")
  expect_equal(out$status, 0)
  expect_match(out$stdout, "Step start")
  out <- rscript(hello_script, c("run", "--alhpa", "1"))
  expect_equal(out$status, 2)
  expect_match(out$stderr, "no such option", ignore.case = TRUE)
  out <- rscript(hello_script, c("run", "--help"))
  expect_match(out$stdout, "--alpha")
  out <- rscript(hello_script, c("resume", "end"))
  expect_equal(out$status, 1)
  expect_nothing_left(folder)
})

test_that("a failed flow without arguments is an R error of the script", {
  local_run_folder()
  out <- rscript(sub("run()", "run(fail = TRUE)", hello_script, fixed = TRUE))
  expect_equal(out$status, 1)
  expect_match(out$stderr, "failed in step \"end\"")
  expect_match(out$stderr, "told to")
})

endless <- c(
  "metaflow('EndlessFlow') |>",
  "  step(step = 'start', next_step = 'work', r_function = function(self) self$n <- 1:2, foreach = 'n') |>",
  "  step(step = 'work', next_step = 'join', r_function = function(self) {",
  "    cat('at work\\n')",
  "    if (self$input == 1) Sys.sleep(600) else while (TRUE) {}",
  "  }) |>",
  "  step(step = 'join', join = TRUE, next_step = 'end') |>",
  "  step(step = 'end') |>",
  "  run()"
)

# Starts the endless flow, waits until both tasks work, does something to R, and waits for its end.
end_endless <- function(act, folder) {
  file <- withr::local_tempfile(fileext = ".R")
  writeLines(c("suppressPackageStartupMessages(library(gangway))", endless), file)
  process <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("--vanilla", file),
    stdout = "|", stderr = "2>&1", env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  on.exit(process$kill_tree())
  text <- ""
  end <- Sys.time() + 200
  while (lengths(regmatches(text, gregexpr("at work", text))) < 2L && Sys.time() < end) {
    process$poll_io(500)
    text <- paste0(text, process$read_output())
  }
  started <- Sys.time()
  act(process)
  process$wait(120000)
  expect_false(process$is_alive())
  # kill() closes the pipe.
  text <- paste0(text, tryCatch(process$read_output(), error = function(e) ""))
  expect_nothing_left(folder, within = 60)
  list(status = process$get_exit_status(), seconds = as.numeric(Sys.time() - started, units = "secs"), text = text)
}

test_that("Ctrl-C stops tasks that sleep or spin, and leaves nothing", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- local_run_folder()
  ended <- end_endless(function(process) process$interrupt(), folder)
  expect_match(ended$text, "at work")
  expect_true(ended$status != 0)
  expect_lt(ended$seconds, 60)
})

test_that("when R is killed the run ends as well", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- local_run_folder()
  withr::local_envvar(TMPDIR = folder)
  ended <- end_endless(function(process) process$kill(), folder)
  expect_equal(list.files(folder, "^(gangway-|Rtmp)", recursive = TRUE, include.dirs = TRUE), character())
  expect_lt(ended$seconds, 60)
})

test_that("when the run's own process is killed it is named", {
  folder <- local_run_folder()
  ended <- end_endless(function(process) {
    ps::ps_kill(ps::ps_children(ps::ps_handle(process$get_pid()))[[1L]])
  }, folder)
  expect_match(ended$text, "The run's own process was killed by SIGKILL")
  expect_no_match(ended$text, "reason stands above")
  expect_true(ended$status != 0)
})

test_that("what a killed run has left may clean up after itself, and is killed if it does not end", {
  skip_if(!dir.exists("/proc"), "there is no /proc")
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  mark <- run_mark(folder)
  start <- function(left) {
    processx::process$new("sh", c("-c", paste(left, "& kill -9 $$")), env = c("current", stats::setNames("YES", mark)),
      cleanup_tree = TRUE)
  }
  process <- start("(sleep 2; touch cleaned)")
  process$wait()
  stop_process(process, NULL, mark, left_behind = 60)
  expect_true(file.exists("cleaned"))
  process <- start("sleep 600")
  process$wait()
  expect_length(ps::ps_find_tree(mark), 1L)
  stop_process(process, NULL, mark, left_behind = 0.5)
  end <- Sys.time() + 40
  while (length(ps::ps_find_tree(mark)) && Sys.time() < end) Sys.sleep(0.1)
  expect_length(ps::ps_find_tree(mark), 0L)
})

test_that("in the C locale a parameter arrives as it was given, by whatever way", {
  local_run_folder()
  withr::local_envvar(LC_ALL = "C", METAFLOW_RUN_VARIABLE = "z\u00fcrich $x")
  lines <- c(
    "check <- function(self) {",
    "  given <- list(self$line, self$session, self$variable, self$other, self$made, self$json$a, self$plain)",
    "  stopifnot(vapply(given, identical, NA, 'z\\u00fcrich $x'))",
    "  stopifnot(identical(self$literal, 'z\\u00fcrich $x'), 't\\u00e4g' %in% current('tags'))",
    "}",
    "flow <- metaflow('CLocaleFlow')",
    "for (p in c('line', 'session', 'variable', 'other')) flow <- parameter(flow, p, default = '')",
    "flow <- flow |> parameter('json', default = list()) |> parameter('plain', default = 'z\u00fcrich $x') |>",
    "  parameter('made', type = 'character', default = function() 'z\u00fcrich $x') |>",
    "  step(step = 'start', r_function = function(self) self$literal <- 'z\u00fcrich $x', next_step = 'end') |>",
    "  step(step = 'end', r_function = check)",
    "args <- list(flow, session = 'z\u00fcrich $x', json = list(a = 'z\\u00fcrich $x'), tag = 't\u00e4g',",
    "  other_args = '--other \"z\u00fcrich $x\"')",
    "result <- do.call(run, args)",
    "stopifnot(identical(result$session, 'z\\u00fcrich $x'))",
    "cat('all the same')"
  )
  out <- rscript(lines, c("run", "--line", "z\u00fcrich $x"))
  expect_match(out$stdout, "all the same$", info = paste(out$stdout, out$stderr))
  expect_no_match(paste(out$stdout, out$stderr), "cannot be translated")
})

test_that("tasks start warm, or by an option each on its own", {
  skip_if_not(identical(Sys.info()[["sysname"]], "Linux"))
  local_run_folder()
  expect_identical(lapply(list(TRUE, FALSE, NULL, "yes"), warm_start_env), list(
    c(GANGWAY_WARM_START = "1"), c(GANGWAY_WARM_START = "0"), NULL, NULL
  ))
  withr::local_envvar(GANGWAY_WARM_START = NA)
  # The process that has started a task's, and whether its group is its own: a forked one's is.
  parent <- function() strsplit(sub(".*[)] ", "", readLines("/proc/self/stat")), " ")[[1]][2:3]
  flow <- metaflow("WarmFlow") |>
    step(step = "start", next_step = "end", r_function = function(self) self$first <- parent()) |>
    step(step = "end", r_function = function(self) {
      self$parents <- c(self$first[1], parent()[1])
      self$group <- parent()[2] == Sys.getpid()
    })
  warm <- quiet_run(flow)
  expect_length(unique(warm$parents), 1L)
  expect_true(warm$group)
  withr::local_options(gangway.warm_start = FALSE)
  cold <- quiet_run(flow)
  expect_length(unique(cold$parents), 1L)
  expect_false(cold$group)
})
