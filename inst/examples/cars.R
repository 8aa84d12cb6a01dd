# A flow of ten lines, without a cluster: one task for each group of cars.
#
#   Rscript cars.R

library(gangway)

result <- metaflow("CarsFlow") |>
  step(
    step = "start", next_step = "fit", foreach = "cars",
    r_function = function(self) self$cars <- split(mtcars, mtcars$cyl)
  ) |>
  step(
    step = "fit", next_step = "gather",
    r_function = function(self) self$slope <- coef(lm(mpg ~ wt, self$input))[["wt"]]
  ) |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) self$slopes <- unlist(gather_inputs(inputs, "slope"))
  ) |>
  step(step = "end") |>
  run()

print(result$slopes)
