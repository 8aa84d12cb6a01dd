# foreach's loops on a local cluster, against the same one after another.

skip_if_not_installed("foreach")
library(foreach, quietly = TRUE, warn.conflicts = FALSE)

local_backend <- function(env = parent.frame()) {
  skip_without_ray()
  ray_init(cpus = 2)
  registerDoRay()
  withr::defer(registerDoSEQ(), envir = env)
}

# The loop's value on the cluster and here.
expect_same <- function(loop) {
  loop <- substitute(loop)
  env <- parent.frame()
  registerDoSEQ()
  expected <- eval(loop, env)
  registerDoRay()
  testthat::expect_equal(eval(loop, env), expected)
}

test_that("it tells what it is", {
  local_backend()
  expect_true(getDoParRegistered())
  expect_identical(getDoParName(), "doRay")
  expect_identical(getDoParWorkers(), 2L)
  expect_identical(getDoParVersion(), as.character(utils::packageVersion("gangway")))
})

test_that("loops give what they give one after another", {
  local_backend()
  expect_same(foreach(i = 1:5) %dopar% sqrt(i))
  expect_same(foreach(i = 1:2) %dopar% NULL)
  expect_same(foreach(i = 1:7, .combine = c) %dopar% i^2)
  expect_same(foreach(i = 1:250, .combine = `+`, .init = 100) %dopar% i)
  expect_same(foreach(i = 1:3, .combine = rbind, .multicombine = TRUE) %dopar% c(i, i))
  expect_same(foreach(i = 1:3, .final = function(x) sum(unlist(x))) %dopar% i)
  expect_same(foreach(i = 1:3, j = 4:6, .combine = rbind) %dopar% c(i, j))
  expect_same(foreach(i = 1:4, .combine = c, .inorder = FALSE) %dopar% i)
  expect_same(foreach(1:3, .combine = c) %dopar% 7)
  expect_same(foreach(i = list(1, NULL, "a")) %dopar% is.null(i))
  expect_same(foreach(a = 1:3, .combine = cbind) %:% foreach(b = 1:2, .combine = c) %dopar% (a * 10 + b))
  expect_same(foreach(a = 1:6, .combine = c) %:% when(a %% 2 == 0) %dopar% a)
  expect_same(foreach(x = iterators::iter(matrix(1:6, 2), by = "col"), .combine = c) %dopar% sum(x))
  expect_same(foreach(row = iterators::iter(head(mtcars), by = "row"), .combine = c) %dopar% row$mpg)
  expect_same(times(3) %dopar% 1)
})

test_that("a body takes along what it uses", {
  local_backend()
  # As in a script: functions of the global environment, which use each other.
  script <- quote({
    gwr_k <- 10
    gwr_helper <- function(x) x * gwr_k
    foreach(i = 1:3, .combine = c) %dopar% gwr_helper(i)
  })
  withr::defer(rm(list = c("gwr_k", "gwr_helper"), envir = globalenv()))
  expect_equal(eval(script, globalenv()), c(10, 20, 30))

  loops <- function(..., z = 5) {
    local <- function(v) v + z
    list(
      foreach(i = 1:3, .combine = c) %dopar% local(i),
      foreach(i = 1:2, .combine = c) %dopar% sum(i, ...)
    )
  }
  expect_equal(loops(10, 20), list(c(6, 7, 8), c(31, 32)))

  hidden <- "y"
  y <- 3
  expect_equal(foreach(i = 1:2, .combine = c, .export = "y") %dopar% (get(hidden) + i), c(4, 5))
  expect_error(foreach(i = 1, .export = "not_there") %dopar% i, "unable to find variable \"not_there\"")
  kept <- foreach(i = 1:2, .noexport = "y", .errorhandling = "pass") %dopar% (y + i)
  expect_s3_class(kept[[1]], "error")
  attached <- foreach(i = 1, .packages = "splines", .combine = c) %dopar% ("package:splines" %in% search())
  expect_true(attached)
})

test_that("errors are handled in all three ways", {
  local_backend()
  bad <- function(i) if (i == 2) stop("bad ", i) else i
  expect_equal(foreach(i = 1:3, .combine = c, .errorhandling = "remove") %dopar% bad(i), c(1, 3))
  passed <- foreach(i = 1:3, .errorhandling = "pass") %dopar% bad(i)
  expect_identical(conditionMessage(passed[[2]]), "bad 2")
  expect_identical(passed[c(1, 3)], list(1L, 3L))
  failure <- tryCatch(foreach(i = 1:3) %dopar% bad(i), error = identity)
  expect_s3_class(failure, "gangway_error_ray_map")
  expect_match(conditionMessage(failure), "^task 2 failed - \"bad 2\"\n.*element 2 failed on node-0")
  expect_equal(failure$index, 2)
  expect_identical(conditionMessage(failure$parent), "bad 2")
  died <- foreach(i = 1:2, .errorhandling = "pass", .options.ray = list(chunk = 1)) %dopar% {
    if (i == 2) tools::pskill(Sys.getpid(), 9)
    i
  }
  expect_identical(died[[1]], 1L)
  expect_match(conditionMessage(died[[2]]), "worker process died")
})

test_that("what iterations say is said in their order", {
  local_backend()
  said <- character()
  output <- capture.output(withCallingHandlers(
    foreach(i = 1:4, .options.ray = list(chunk = 1)) %dopar% {
      cat("out", i, "\n")
      message("message ", i)
      if (i == 3) warning("careful")
      NULL
    },
    message = function(m) {
      said <<- c(said, conditionMessage(m))
      invokeRestart("muffleMessage")
    },
    warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  ))
  expect_identical(grep("out", output, value = TRUE), paste0("out ", 1:4, " "))
  expect_identical(said, c("message 1\n", "message 2\n", "message 3\n", "careful", "message 4\n"))
})

test_that("loops in loops run in their worker, without a word", {
  local_backend()
  expect_silent(got <- foreach(i = 1:2, .combine = c, .packages = "foreach") %dopar% {
    sum(foreach(j = 1:3, .combine = c) %dopar% (j * i))
  })
  expect_equal(got, c(6, 12))
})

test_that("doRNG's numbers are those of any backend", {
  skip_if_not_installed("doRNG")
  local_backend()
  draw <- function(...) {
    set.seed(1)
    unlist(doRNG::`%dorng%`(foreach(i = 1:5, ...), rnorm(2)))
  }
  registerDoSEQ()
  expected <- draw()
  registerDoRay()
  expect_identical(draw(), expected)
  expect_identical(draw(.options.ray = list(chunk = 1)), expected)
})

test_that("caret trains through foreach", {
  withr::local_envvar(TZ = "UTC") # lubridate asks systemd without it
  skip_if_not_installed("caret")
  local_backend()
  fit <- function() {
    control <- caret::trainControl("cv", 3, seeds = c(lapply(1:3, function(i) 1:3), 1))
    set.seed(3)
    suppressWarnings(caret::train(mpg ~ ., mtcars, method = "rpart", trControl = control, tuneLength = 3))$results
  }
  registerDoSEQ()
  expected <- fit()
  registerDoRay()
  expect_equal(fit(), expected)
})

withr::defer(ray_shutdown(), teardown_env())
