# A grid search as a fan-out: one task of the flow for each row of the grid, with its resamples in a list-column. The
# same search on a Ray cluster is tidymodels_grid.R; here each row is a task with its own log, @retry and `resume`.
#
#   Rscript grid_fan_out.R
#   Rscript grid_fan_out.R run --trees 500 --max-workers 8
#
# Needs the packages modeldata, ranger, rsample and tibble.

library(gangway)

prepare <- function(self) {
  columns <- c("Sale_Price", "Longitude", "Latitude", "Gr_Liv_Area", "Year_Built", "Lot_Area", "Overall_Cond")
  houses <- modeldata::ames[columns]
  houses$Sale_Price <- log10(houses$Sale_Price)
  set.seed(1)
  folds <- rsample::vfold_cv(houses, v = self$n_folds)
  grid <- tibble::as_tibble(expand.grid(mtry = c(2L, 4L), min_n = c(3L, 10L, 30L)))
  grid$folds <- rep(list(folds), nrow(grid)) # a list-column: what one task needs is one row
  self$grid <- grid
}

# The error of one fit: trained on a split's analysis rows, measured on its assessment rows.
assess <- function(split, mtry, min_n, trees) {
  forest <- ranger::ranger(Sale_Price ~ .,
    data = rsample::analysis(split), num.trees = trees, mtry = mtry, min.node.size = min_n,
    num.threads = 1, seed = 1
  )
  held_out <- rsample::assessment(split)
  sqrt(mean((predict(forest, held_out)$predictions - held_out$Sale_Price)^2))
}

fit_row <- function(self) {
  row <- self$input
  row$rmse <- list(vapply(row$folds[[1]]$splits, assess, 0, row$mtry, row$min_n, self$trees))
  row$folds <- NULL
  self$row <- row
}

pick <- function(self, inputs) {
  results <- do.call(rbind, gather_inputs(inputs, "row"))
  results$mean <- vapply(results$rmse, mean, 0)
  results$std_err <- vapply(results$rmse, function(x) sd(x) / sqrt(length(x)), 0)
  self$results <- results[order(results$mean), ]
}

result <- metaflow("GridFanOut") |>
  parameter("n_folds", help = "Folds of the cross-validation", default = 5L) |>
  parameter("trees", help = "Trees in a forest", default = 100L) |>
  step(step = "start", r_function = prepare, next_step = "fit_row", foreach = "grid") |>
  step(step = "fit_row", r_function = fit_row, next_step = "pick") |>
  step(step = "pick", join = TRUE, r_function = pick, next_step = "end") |>
  step(step = "end", r_function = function(self) print(tibble::as_tibble(self$results))) |>
  run()
