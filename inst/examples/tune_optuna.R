# A search for XGBoost's settings with Ray Tune and Optuna, from R: both run in the step's own process, through
# reticulate, and use the step's cluster. tune_optuna.py is the same as a Python flow.
#
#   Rscript tune_optuna.R
#   Rscript tune_optuna.R run --data california_housing.csv --trials 50
#
# Needs, in Python: pip install "ray[tune]" optuna xgboost

library(gangway)

label <- "median_house_value"

# What Ray Tune runs for each point, on one core: the cross-validated error.
trial <- '
def trial(config, rows, label, folds):
    import ray.tune
    import xgboost

    matrix = xgboost.DMatrix(rows.drop(columns=label), rows[label])
    params = {**config, "objective": "reg:squarederror", "nthread": 1}
    scores = xgboost.cv(params, matrix, num_boost_round=50, nfold=folds, seed=1)
    ray.tune.report({"rmse": scores["test-rmse-mean"].iloc[-1]})
'

read_data <- function(self) {
  houses <- if (file.exists(self$data)) read.csv(self$data) else modeldata::ames
  names(houses)[names(houses) == "Sale_Price"] <- label
  houses <- na.omit(houses[vapply(houses, is.numeric, NA)])
  houses[[label]] <- houses[[label]] / sd(houses[[label]])
  set.seed(1)
  self$rows <- houses[sample(nrow(houses), min(nrow(houses), 4000)), ]
}

search_on_ray <- function(self) {
  ray <- reticulate::import("ray")
  ray$init(log_to_driver = FALSE)
  tune <- reticulate::import("ray.tune")
  search <- reticulate::import("ray.tune.search")
  optuna <- reticulate::import("ray.tune.search.optuna")$OptunaSearch(metric = "rmse", mode = "min", seed = 1L)
  tuner <- tune$Tuner(
    tune$with_parameters(reticulate::py_run_string(trial)$trial, rows = self$rows, label = label, folds = 3L),
    param_space = list(
      eta = tune$loguniform(0.02, 0.5),
      max_depth = tune$randint(2L, 9L),
      subsample = tune$uniform(0.5, 1)
    ),
    tune_config = tune$TuneConfig(
      num_samples = self$trials,
      search_alg = search$ConcurrencyLimiter(optuna, max_concurrent = as.integer(sum(ray_nodes()$cpus)))
    ),
    run_config = tune$RunConfig(name = "optuna", storage_path = current("ray_storage_path"), verbose = 0L)
  )
  results <- tuner$fit()
  if (results$num_errors > 0L) stop(results$errors[[1]])
  points <- reticulate::import_builtins()$list(results)
  scores <- do.call(rbind, lapply(points, function(point) data.frame(rmse = point$metrics$rmse, point$config)))
  self$scores <- scores[order(scores$rmse), ]
}

result <- metaflow("TuneOptuna") |>
  parameter("data",
    help = "California housing as CSV; modeldata's ames where the file is missing",
    default = "../shared/data/california_housing.csv"
  ) |>
  parameter("trials", help = "Points to try", default = 16L) |>
  step(step = "start", r_function = read_data, next_step = "search", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "search", r_function = search_on_ray, next_step = "pick") |>
  step(step = "pick", join = TRUE, next_step = "end", r_function = function(self, inputs) {
    merge_artifacts(self, inputs)
    self$best <- self$scores[1, ]
  }) |>
  step(step = "end", r_function = function(self) {
    cat(nrow(self$scores), "points tried; the best three:\n")
    print(head(self$scores, 3), digits = 3, row.names = FALSE)
  }) |>
  run()
