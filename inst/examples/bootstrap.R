# A bootstrap of 1,000 replicates with furrr: the code is what it is on one's own machine, only the plan says Ray.
#
#   Rscript bootstrap.R
#   Rscript bootstrap.R run --replicates 10000
#
# Needs the packages furrr and modeldata.

library(gangway)

# What a square foot adds to the price of a house, on rows drawn with replacement.
replicate_slope <- function(i, houses) {
  rows <- sample(nrow(houses), replace = TRUE)
  coef(lm(Sale_Price ~ Gr_Liv_Area + Overall_Cond + Year_Built, data = houses[rows, ]))[["Gr_Liv_Area"]]
}

bootstrap <- function(self) {
  houses <- modeldata::ames
  future::plan(ray)
  self$slopes <- furrr::future_map_dbl(seq_len(self$replicates), replicate_slope,
    houses = houses,
    .options = furrr::furrr_options(seed = 1L) # the same draws on any number of workers
  )
  future::plan(future::sequential)
  self$same <- identical(
    self$slopes[1:10],
    furrr::future_map_dbl(seq_len(self$replicates), function(i) if (i <= 10) replicate_slope(i, houses) else 0,
      .options = furrr::furrr_options(seed = 1L)
    )[1:10]
  )
}

report <- function(self) {
  cat(length(self$slopes), "replicates; a square foot adds", sprintf("%.1f dollars,", mean(self$slopes)))
  cat(sprintf(" 95%% interval %.1f to %.1f\n", quantile(self$slopes, 0.025), quantile(self$slopes, 0.975)))
  cat("The first ten are the same in one R process:", self$same, "\n")
}

result <- metaflow("Bootstrap") |>
  parameter("replicates", help = "Replicates", default = 1000L) |>
  step(step = "start", next_step = "bootstrap", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "bootstrap", r_function = bootstrap, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = report) |>
  run()
