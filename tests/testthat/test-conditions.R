test_that("an error has its own class, the package's class, its fields and the caller", {
  checker <- function(step) {
    gangway_abort(c("Step {.val {step}} is wrong.", i = "Do it right."), "gangway_error_flow", step = step)
  }
  cnd <- tryCatch(checker("a"), error = identity)
  expect_s3_class(cnd, c("gangway_error_flow", "gangway_error", "rlang_error"), exact = FALSE)
  expect_equal(cnd$step, "a")
  expect_equal(as.character(cnd$call[[1]]), "checker")
  expect_match(conditionMessage(cnd), "Step \"a\" is wrong")
})

test_that("the nearest name is found over typing errors, separators and beginnings", {
  options <- c("retry", "resources", "ray_parallel", "max-workers", "num_parallel")
  expect_equal(nearest_name("rety", options), "retry")
  expect_equal(nearest_name("Retry", options), "retry")
  expect_equal(nearest_name("max_workers", options), "max-workers")
  expect_equal(nearest_name("resour", options), "resources")
  expect_equal(nearest_name("rayparallel", options), "ray_parallel")
  expect_null(nearest_name("zebra", options))
  expect_null(nearest_name("a", character()))
})

test_that("without a near name the choices are listed, and braces do not reach glue", {
  expect_match(did_you_mean("rety", "retry"), "Did you mean \"retry\"")
  expect_match(did_you_mean("zebra", c("a{b}", "c"), "steps"), "steps are: \"a\\{\\{b\\}\\}\", \"c\"")
  expect_null(did_you_mean("zebra", c("a", "b")))
  cnd <- tryCatch(gangway_abort(c("x", did_you_mean("zebra", "{oops}", "steps"))), error = identity)
  expect_match(conditionMessage(cnd), "{oops}", fixed = TRUE)
})
