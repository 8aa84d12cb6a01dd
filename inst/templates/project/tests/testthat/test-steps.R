# A step is a function of `self`, which may be any environment here.
test_that("a model's error is that of rows that it has not seen", {
  self <- new.env()
  prepare(self)
  expect_setequal(names(self$cars), names(datasets::mtcars))
  self$input <- "mpg ~ wt"
  self$folds <- nrow(self$cars)
  fit_one(self)
  # For a linear model leaving one out has a closed form.
  model <- stats::lm(mpg ~ wt, datasets::mtcars)
  expect_equal(self$rmse, sqrt(mean((stats::residuals(model) / (1 - stats::hatvalues(model)))^2)))
})

test_that("the model with the smallest error wins", {
  self <- new.env()
  pick_best(self, list(list(model = "a", rmse = 2), list(model = "b", rmse = 1)))
  expect_identical(self$best, "b")
})
