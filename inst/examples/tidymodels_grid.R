# A tidymodels grid search on a Ray cluster that exists for one step. The only line about Ray is the one that says where
# the search runs. grid_fan_out.R is the same search without tidymodels, one task of the flow for each fit.
#
#   Rscript tidymodels_grid.R
#   Rscript tidymodels_grid.R run --trees 500 --n_folds 10
#
# Needs ranger, and tidymodels (its packages modeldata, parsnip, rsample, tibble, tune, workflows, yardstick).

library(gangway)

prepare <- function(self) {
  columns <- c("Sale_Price", "Longitude", "Latitude", "Gr_Liv_Area", "Year_Built", "Lot_Area", "Overall_Cond")
  houses <- modeldata::ames[columns]
  houses$Sale_Price <- log10(houses$Sale_Price)
  set.seed(1)
  self$folds <- rsample::vfold_cv(houses, v = self$n_folds)
  self$grid <- tibble::as_tibble(expand.grid(mtry = c(2L, 4L), min_n = c(3L, 10L, 30L)))
}

search <- function(self) {
  # tune uses foreach before version 1.2, and future from then on.
  if (utils::packageVersion("tune") < "1.2") registerDoRay() else future::plan(ray)

  # `!!`: parsnip looks at its arguments only when it fits, on a worker, where there is no `self`.
  forest <- parsnip::rand_forest(mtry = tune::tune(), min_n = tune::tune(), trees = !!self$trees) |>
    parsnip::set_engine("ranger", num.threads = 1) |>
    parsnip::set_mode("regression")
  set.seed(1)
  self$results <- tune::tune_grid(
    workflows::workflow(Sale_Price ~ ., forest),
    resamples = self$folds, grid = self$grid,
    metrics = yardstick::metric_set(yardstick::rmse),
    control = tune::control_grid(parallel_over = "everything")
  )
}

pick <- function(self, inputs) {
  merge_artifacts(self, inputs)
  self$best <- tune::show_best(self$results, metric = "rmse", n = 3)
}

result <- metaflow("TidymodelsGrid") |>
  parameter("n_folds", help = "Folds of the cross-validation", default = 5L) |>
  parameter("trees", help = "Trees in a forest", default = 100L) |>
  step(step = "start", r_function = prepare, next_step = "search", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "search", r_function = search, next_step = "pick") |>
  step(step = "pick", join = TRUE, r_function = pick, next_step = "end") |>
  step(step = "end", r_function = function(self) print(tibble::as_tibble(self$best))) |>
  run()
