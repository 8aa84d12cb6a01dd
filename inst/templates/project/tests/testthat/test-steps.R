# call_step() calls a step's function as a run does, with a `self` that refuses what a run refuses, and starts nothing.
test_that("one model after the other is fitted", {
  start <- call_step(project_flow(), "start")
  expect_setequal(names(start$artifacts$cars), names(datasets::mtcars))
  expect_identical(unlist(start$foreach), start$artifacts$models)
  expect_identical(start$next_step, "fit")
})

test_that("a model's error is that of rows that it has not seen", {
  cars <- datasets::mtcars
  fit <- call_step(project_flow(), "fit",
    artifacts = list(cars = cars), parameters = list(folds = nrow(cars)), input = "mpg ~ wt"
  )
  expect_identical(fit$artifacts$model, "mpg ~ wt")
  # For a linear model leaving one out has a closed form.
  model <- stats::lm(mpg ~ wt, cars)
  expect_equal(fit$artifacts$rmse, sqrt(mean((stats::residuals(model) / (1 - stats::hatvalues(model)))^2)))
})

test_that("the model with the smallest error wins", {
  fits <- list(list(model = "a", rmse = 2), list(model = "b", rmse = 1))
  expect_identical(call_step(project_flow(), "pick", inputs = fits)$artifacts$best, "b")
})
