# How a session on Ray ends, and how a map in it is interrupted: R processes of their own.

ray_session <- function(lines, env = parent.frame()) {
  skip_if(!nzchar(Sys.getenv("GANGWAY_PYTHON")), "GANGWAY_PYTHON is not set")
  skip_if(!nzchar(probe_python(Sys.getenv("GANGWAY_PYTHON"))$ray), "Ray is not installed")
  folder <- withr::local_tempdir("gwr", tmpdir = "/tmp", .local_envir = env)
  file <- file.path(folder, "script.R")
  writeLines(c("suppressPackageStartupMessages(library(gangway))", lines), file)
  process <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("--vanilla", file),
    stdout = "|", stderr = "2>&1", env = c("current", TMPDIR = folder, R_LIBS = paste(.libPaths(), collapse = ":"))
  )
  withr::defer(
    {
      process$kill()
      # Ray's processes make their folders anew for as long as they live.
      end <- Sys.time() + 60
      while (length(processes_with(folder)) && Sys.time() < end) Sys.sleep(0.1)
    },
    envir = env
  )
  said <- character()
  list(
    folder = folder, process = process,
    forget = function() said <<- character(),
    wait_for = function(text, seconds = 200) {
      end <- Sys.time() + seconds
      while (!any(grepl(text, said, fixed = TRUE))) {
        process$poll_io(500)
        said <<- c(said, process$read_output_lines())
        if (Sys.time() > end || !(process$is_alive() || process$is_incomplete_output())) break
      }
      said
    }
  )
}

expect_no_ray <- function(session, within = 60) {
  left <- function() {
    c(processes_with(session$folder), list.files(session$folder, "^gw-"))
  }
  end <- Sys.time() + within
  while (length(left()) && Sys.time() < end) Sys.sleep(0.2)
  expect_identical(left(), character())
}

test_that("a raylet that ends while a session's cluster starts is started once more", {
  session <- ray_session("invisible(ray_init(cpus = 1)); cat('sum', ray_get(ray_remote(sum)(1, 2)), '\\n')")
  # By their names first, which is quick: it shall not come up meanwhile.
  is_raylet <- function(pid) {
    # Left at a warning, `how` would keep its connection open.
    read <- function(file, how) suppressWarnings(tryCatch(how(file.path("/proc", pid, file)), error = identity))
    identical(read("comm", readLines), "raylet") && {
      environment <- read("environ", function(file) readBin(file, "raw", 1e6))
      is.raw(environment) && length(grepRaw(session$folder, environment, fixed = TRUE)) > 0L
    }
  }
  end <- Sys.time() + 120
  while (!length(raylet <- Filter(is_raylet, list.files("/proc", "^[0-9]+$"))) && Sys.time() < end) Sys.sleep(0.005)
  # Stopped, so that it does not come up before it is killed: its launcher shall have seen it, or Ray itself tells after
  # half a minute what has happened.
  expect_true(tools::pskill(as.integer(raylet), tools::SIGSTOP))
  Sys.sleep(1)
  expect_true(tools::pskill(as.integer(raylet), tools::SIGKILL))
  expect_match(session$wait_for("sum"), "sum 3", all = FALSE)
  session$wait_for("the end")
  expect_no_ray(session)
})

test_that("a session that ends, or is ended, leaves nothing", {
  endings <- list(
    list(code = "quit(status = 0)", signal = NULL),
    list(code = "stop('an error')", signal = NULL),
    list(code = "Sys.sleep(600)", signal = tools::SIGTERM),
    list(code = "ray_map(1:4, function(i) Sys.sleep(600))", signal = tools::SIGKILL)
  )
  # `make test-cases` tries them all.
  if (!nzchar(Sys.getenv("GANGWAY_CASES"))) endings <- endings[-2]
  for (ending in endings) {
    session <- ray_session(c("invisible(ray_init(cpus = 2)); ray_get(ray_put(1)); cat('ready\\n')", ending$code))
    expect_match(session$wait_for("ready"), "ready", all = FALSE)
    if (!is.null(ending$signal)) {
      Sys.sleep(1)
      session$process$signal(ending$signal)
    }
    session$process$wait(120000)
    expect_false(session$process$is_alive())
    expect_no_ray(session)
  }
})

test_that("an interrupt ends a map, and the cluster stays usable", {
  session <- ray_session(c(
    "invisible(ray_init(cpus = 2))",
    "stopped <- function(e) 'interrupted'",
    "interrupted <- function(code) {",
    "  cat('ready\\n')",
    "  cat('then', tryCatch(code, interrupt = stopped, FutureError = stopped), '\\n')",
    "}",
    "interrupted(ray_map(1:8, function(i) { Sys.sleep(600); i }, .chunk = 1))",
    "print(unlist(ray_map(1:4, function(i) i * 2, .chunk = 1)))",
    "interrupted(ray_get(ref <- ray_remote(function() { Sys.sleep(600); 1 })()))",
    "invisible(ray_cancel(ref))",
    "print(unlist(ray_map(1:4, function(i) i * 3, .chunk = 1)))",
    "if (requireNamespace('future.apply', quietly = TRUE)) {",
    "  future::plan(ray)",
    "  interrupted(suppressWarnings(future.apply::future_lapply(1:2, function(i) Sys.sleep(600))))",
    "  print(future::value(future::future(22)))",
    "}"
  ))
  futures <- requireNamespace("future.apply", quietly = TRUE)
  for (said in c("[1] 2 4 6 8", "[1]  3  6  9 12", if (futures) "[1] 22")) {
    session$wait_for("ready")
    Sys.sleep(2)
    session$process$interrupt()
    expect_match(session$wait_for("then", 15), "then interrupted", all = FALSE)
    expect_match(session$wait_for(said), said, fixed = TRUE, all = FALSE)
    session$forget()
  }
  session$process$wait(120000)
  expect_no_ray(session)
})

test_that("attaching the package starts no Python, and a cluster can follow another", {
  session <- ray_session(c(
    "cat(isNamespaceLoaded('reticulate') && reticulate::py_available(), '\\n')",
    "ref <- NULL",
    "for (i in 1:2) {",
    "  ray_init(cpus = i)",
    "  ref <- ray_put(i)",
    "  print(c(ray_get(ref), ray_nodes()$cpus))",
    "  ray_shutdown()",
    "}",
    "cat(tryCatch(ray_get(ref), error = function(e) class(e)[1]), '\\n')",
    "cat(nzchar(Sys.getenv('RAY_AUTH_TOKEN')), 'end\\n')"
  ))
  # Ray itself complains on a busy machine that its driver has left.
  said <- grep("task_manager.cc", session$wait_for("end"), value = TRUE, invert = TRUE)
  expect_identical(said, c("FALSE ", "[1] 1 1", "[1] 2 2", "gangway_error_ray_argument ", "FALSE end"))
  session$process$wait(120000)
  expect_no_ray(session)
})

# src/signals.c says why.
test_that("no thread that Python and Ray start takes a signal from R's", {
  skip_on_os(c("mac", "windows", "solaris"))
  session <- ray_session(c(
    "exposed <- function() {",
    "  threads <- setdiff(list.files('/proc/self/task'), Sys.getpid())",
    "  blocked <- vapply(file.path('/proc/self/task', threads, 'status'), function(file) {",
    "    sub('.*\\t', '', grep('^SigBlk', readLines(file), value = TRUE))",
    "  }, '')",
    "  both <- 0x10002L # SIGINT and SIGCHLD",
    "  sum(bitwAnd(strtoi(substring(blocked, 12), 16L), both) != both)",
    "}",
    "first <- exposed()", # R's own, where its BLAS has some
    "invisible(ray_init(cpus = 2))",
    "invisible(ray_map(1:4, identity))",
    "cat('threads:', exposed() - first, 'of', length(list.files('/proc/self/task')) > 10, '\\n')",
    "ray_shutdown()",
    "cat('after:', exposed() - first, '\\n')"
  ))
  expect_match(session$wait_for("after:"), "threads: 0 of TRUE", all = FALSE)
  expect_match(session$wait_for("after:"), "after: 0", all = FALSE)
})

test_that("a session with Python takes interrupt after interrupt, while R sleeps", {
  session <- ray_session(c(
    "invisible(ray_init(cpus = 1))",
    "kill <- sprintf('while [ ! -e now ]; do sleep 0.02; done; rm now; kill -INT %d', Sys.getpid())",
    "for (i in 1:15) {",
    "  killer <- processx::process$new('sh', c('-c', kill), wd = tempdir())",
    "  got <- tryCatch({",
    "    file.create(file.path(tempdir(), 'now'))",
    "    repeat Sys.sleep(0.01)",
    "  }, interrupt = function(e) 'interrupted')",
    "  stopifnot(identical(got, 'interrupted'))",
    "  killer$wait()",
    "}",
    "cat('all', ray_get(ray_put(15)), 'interrupts\\n')"
  ))
  expect_match(session$wait_for("interrupts", 280), "all 15 interrupts", all = FALSE)
})
