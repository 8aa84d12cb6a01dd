# Futures on a local cluster, with whatever version of future is installed.

skip_if_not_installed("future")

local_plan <- function(strategy = ray, ..., env = parent.frame()) {
  skip_without_ray()
  ray_init(cpus = 2)
  old <- future::plan(strategy, ...)
  withr::defer(future::plan(old), envir = env)
}

future <- future::future
value <- future::value
resolved <- future::resolved

# Runs code and notes what it says, in order.
heard <- function(code) {
  said <- list()
  note <- function(restart) {
    function(c) {
      said[[length(said) + 1L]] <<- conditionMessage(c)
      tryInvokeRestart(restart)
    }
  }
  output <- utils::capture.output(
    value <- withCallingHandlers(code, message = note("muffleMessage"), warning = note("muffleWarning"))
  )
  list(value = value, output = output, said = unlist(said))
}

test_that("without a cluster it says what to do", {
  skip_without_ray()
  ray_shutdown() # of the files before
  expect_error(future::plan(ray), "ray_init")
  future::plan(future::sequential)
})

test_that("a future takes along what it uses, and gives what it says and its value", {
  local_plan()
  k <- 10
  f <- function(x) x * k
  got <- heard(value(future({
    cat("out\n")
    message("a message")
    warning("a warning")
    f(4)
  })))
  expect_identical(got, list(value = 40, output = "out", said = c("a message\n", "a warning")))
  pid <- value(future(Sys.getpid()))
  expect_false(pid == Sys.getpid())
  expect_null(value(future(NULL)))
  expect_true(value(future("package:splines" %in% search(), packages = "splines")))
  lazy <- future(k + 1, lazy = TRUE)
  expect_identical(value(lazy), 11)
  expect_identical(value(list(future(1), future(2))), list(1, 2))
})

test_that("of where globals were found nothing travels", {
  local_plan()
  found_beside <- function() {
    con <- textConnection("what no worker can have")
    on.exit(close(con))
    x <- 1
    value(future(x + 1))
  }
  expect_identical(found_beside(), 2)
  origins <- list(frame = environment(), given = emptyenv(), script = globalenv(), base = baseenv())
  left <- without_origins(structure(as.list(1:4), where = origins))
  expect_identical(attr(left, "where"), replace(origins, "frame", list(baseenv())))
  expect_identical(without_origins(list(1)), list(1))
})

test_that("a session keeps no future that has ended", {
  local_plan()
  before <- length(running_futures())
  futures <- list(future(1), future(stop("an error")))
  expect_length(launched, before + 2)
  value(futures[[1]])
  expect_length(launched, before + 1)
  expect_error(value(futures[[2]]), "an error")
  expect_length(launched, before)
})

test_that("futures leave nothing in their worker", {
  local_plan(workers = 1)
  old <- value(future({
    gwr_left <<- 1
    options(gwr.option = TRUE)
    setwd(tempdir())
    set.seed(1)
    getwd()
  }, seed = TRUE))
  left <- value(lapply(1:4, function(i) {
    future(list(exists("gwr_left"), exists(".Random.seed", globalenv()), getwd()), seed = NULL)
  }))
  for (found in left) {
    expect_false(found[[1]])
    expect_false(found[[2]])
    expect_false(identical(found[[3]], old))
  }
})

test_that("errors are the code's own, with their class and call", {
  local_plan()
  f <- future(stop(structure(class = c("my_error", "error", "condition"), list(message = "mine", call = quote(f(x))))))
  failure <- tryCatch(value(f), error = identity)
  expect_s3_class(failure, "my_error")
  expect_identical(conditionCall(failure), quote(f(x)))
  expect_error(value(f), "mine")
})

test_that("random numbers depend on the seed alone", {
  skip_if_not_installed("future.apply")
  draw <- function(...) future.apply::future_lapply(1:7, function(i) rnorm(2), future.seed = 42, ...)
  expected <- draw()
  local_plan()
  expect_identical(draw(), expected)
  expect_identical(draw(future.chunk.size = 1), expected)
  set.seed(3, kind = "L'Ecuyer-CMRG")
  withr::defer(RNGkind("default"))
  a <- value(future(rnorm(1), seed = TRUE))
  set.seed(3, kind = "L'Ecuyer-CMRG")
  future::plan(future::sequential)
  expect_identical(value(future(rnorm(1), seed = TRUE)), a)
})

test_that("workers are counted, asked for and waited for", {
  local_plan()
  expect_identical(as.integer(future::nbrOfWorkers()), 2L)
  gate <- withr::local_tempfile()
  slow <- lapply(1:2, function(i) future(while (!file.exists(gate)) Sys.sleep(0.05)))
  expect_false(resolved(slow[[1]]))
  expect_identical(as.integer(future::nbrOfFreeWorkers()), 0L)
  opener <- processx::process$new("sh", c("-c", sprintf("sleep 1; touch '%s'", gate)))
  third <- future(3) # waits for room
  opener$wait()
  expect_true(any(vapply(slow, resolved, NA)))
  expect_identical(value(third), 3)
  invisible(value(slow))
  expect_identical(as.integer(future::nbrOfFreeWorkers()), 2L)
  future::plan(ray, cpus = 2)
  expect_identical(as.integer(future::nbrOfWorkers()), 1L)
  expect_identical(value(future(1)), 1)
  refused <- "would never start, no node has that: cpus = 64"
  # By plan() itself where future tries one there.
  expect_error({
    future::plan(ray, cpus = 64)
    value(future(1))
  }, refused)
  future::plan(ray, workers = 3)
  expect_identical(as.integer(future::nbrOfWorkers()), 3L)
  expect_error(future::plan(ray, workers = 0), "number from 1 on", class = "gangway_error")
})

test_that("a worker that dies is an error that says so, and the plan goes on", {
  local_plan(max_retries = 1)
  failure <- tryCatch(value(future(tools::pskill(Sys.getpid(), 9))), error = identity)
  expect_s3_class(failure, "FutureError")
  expect_match(conditionMessage(failure), "worker process died.*tried again")
  file <- withr::local_tempfile()
  again <- future({
    if (!file.exists(file)) {
      file.create(file)
      tools::pskill(Sys.getpid(), 9)
    }
    "second time"
  })
  expect_identical(value(again), "second time")
})

test_that("conditions of class immediateCondition are heard while the future runs", {
  local_plan()
  times <- numeric()
  f <- future({
    for (i in 1:3) {
      signalCondition(structure(class = c("immediateCondition", "condition"), list(message = i, call = NULL)))
      Sys.sleep(0.7)
    }
    "end"
  })
  got <- withCallingHandlers(value(f), immediateCondition = function(c) times <<- c(times, proc.time()[[3]]))
  expect_identical(got, "end")
  expect_length(times, 3)
  expect_gt(proc.time()[[3]] - times[1], 1)
})

test_that("progressr hears of the elements", {
  skip_if_not_installed("progressr")
  skip_if_not_installed("future.apply")
  local_plan()
  steps <- 0
  progressr::with_progress(
    {
      p <- progressr::progressor(6)
      got <- future.apply::future_lapply(1:6, function(i) {
        p()
        i
      })
    },
    handlers = progressr::make_progression_handler("count", reporter = list(
      update = function(config, state, progression, ...) steps <<- state$step
    ), enable = TRUE, intrusiveness = 0, interval = 0),
    enable = TRUE
  )
  expect_identical(got, as.list(1:6))
  expect_gte(steps, 5)
})

test_that("futures in futures", {
  local_plan(list(ray, future::sequential))
  expect_true(value(future(value(future::future(Sys.getpid())) == Sys.getpid(), packages = "future")))
  future::plan(list(ray, ray))
  got <- value(future(list(future::nbrOfWorkers(), future::value(future::future(Sys.getpid())), Sys.getpid())))
  expect_equal(got[[1]], 2)
  expect_false(got[[2]] == got[[3]])
})

test_that("a future is cancelled where future can", {
  skip_if_not_installed("future", "1.49.0")
  local_plan()
  f <- future(Sys.sleep(120))
  Sys.sleep(1)
  future::cancel(f)
  expect_error(value(f), class = "FutureInterruptError")
  expect_identical(value(future(2)), 2)
  expect_equal(future::nbrOfFreeWorkers(), 2)
})

test_that("furrr maps, in chunks", {
  skip_if_not_installed("furrr")
  local_plan()
  expect_identical(furrr::future_map_int(1:2000, function(i) i * 2L), 2L * 1:2000)
})

test_that("future's own conformance tests pass", {
  skip_if_not_installed("future.tests")
  local_plan()
  withr::local_options(cli.num_colors = 1L, crayon.enabled = FALSE)
  # Not here, where run() is gangway's.
  envir <- new.env(parent = globalenv())
  utils::capture.output(results <- suppressMessages(future.tests::check(
    plan = "gangway::ray", settings = FALSE, exit_value = FALSE, envir = envir, .args = character()
  )))
  results <- unlist(unlist(results, recursive = FALSE), recursive = FALSE)
  failed <- Filter(function(result) inherits(result$error, "error"), results)
  expect_identical(vapply(failed, function(r) paste(r$test$title, conditionMessage(r$error)), ""), character())
  expect_gt(length(results), 50)
})

withr::defer(ray_shutdown(), teardown_env())
