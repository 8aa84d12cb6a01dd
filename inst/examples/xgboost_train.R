# Distributed XGBoost with Ray Train, from R: Ray's Python libraries run in the step's own process, through
# reticulate, and find the step's cluster by themselves. xgboost_train.py is the same as a Python flow.
#
#   Rscript xgboost_train.R
#   Rscript xgboost_train.R run --data california_housing.csv --rounds 200
#
# Needs, in Python: pip install "ray[train]" xgboost

library(gangway)

label <- "median_house_value"

# What each of Ray Train's workers runs, where there is no R: XGBoost on its share of the rows.
train_loop <- '
def train_loop(config):
    import os
    import tempfile

    import ray.train
    import xgboost

    rows = ray.train.get_dataset_shard("train").materialize().to_pandas()
    matrix = xgboost.DMatrix(rows.drop(columns=config["label"]), rows[config["label"]])
    history = {}
    model = xgboost.train(
        config["params"],
        matrix,
        num_boost_round=config["rounds"],
        evals=[(matrix, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None
        if ray.train.get_context().get_world_rank() == 0:
            model.save_model(os.path.join(folder, "model.ubj"))
            checkpoint = ray.train.Checkpoint.from_directory(folder)
        metrics = {"rmse": history["train"]["rmse"][-1], "rows": len(rows)}
        ray.train.report(metrics, checkpoint=checkpoint)
'

read_data <- function(self) {
  houses <- if (file.exists(self$data)) read.csv(self$data) else modeldata::ames
  names(houses)[names(houses) == "Sale_Price"] <- label
  houses <- na.omit(houses[vapply(houses, is.numeric, NA)])
  houses[[label]] <- houses[[label]] / sd(houses[[label]])
  set.seed(1)
  test <- sample(nrow(houses), nrow(houses) %/% 5)
  self$test <- houses[test, ]
  self$train_rows <- houses[-test, ]
}

train_on_ray <- function(self) {
  ray <- reticulate::import("ray")
  ray$init(log_to_driver = FALSE) # Ray Train's progress would fill the log
  train <- reticulate::import("ray.train")
  xgboost_train <- reticulate::import("ray.train.xgboost")
  trainer <- xgboost_train$XGBoostTrainer(
    reticulate::py_run_string(train_loop)$train_loop,
    train_loop_config = list(
      label = label, rounds = self$rounds,
      params = list(objective = "reg:squarederror", eta = 0.1, nthread = 1L)
    ),
    datasets = list(train = reticulate::import("ray.data")$from_pandas(self$train_rows)),
    scaling_config = train$ScalingConfig(num_workers = self$workers),
    run_config = train$RunConfig(name = "xgboost", storage_path = current("ray_storage_path"))
  )
  result <- trainer$fit()
  self$train_rmse <- result$metrics$rmse
  self$rows_of_a_worker <- result$metrics$rows
  with(result$checkpoint$as_directory(), as = "folder", {
    file <- file.path(folder, "model.ubj")
    self$model <- readBin(file, "raw", file.size(file)) # as R's package xgboost reads it, too
  })
}

score <- function(self, inputs) {
  merge_artifacts(self, inputs)
  xgboost <- reticulate::import("xgboost")
  file <- tempfile(fileext = ".ubj")
  writeBin(self$model, file)
  model <- xgboost$Booster(model_file = file)
  predicted <- model$predict(xgboost$DMatrix(self$test[names(self$test) != label]))
  self$test_rmse <- sqrt(mean((predicted - self$test[[label]])^2))
}

report <- function(self) {
  cat(self$rounds, "trees, grown by", self$workers, "workers of", self$rows_of_a_worker, "rows\n")
  cat(sprintf("error in training %.3f, on held-out rows %.3f\n", self$train_rmse, self$test_rmse))
  cat("(1 is the standard deviation of what is predicted)\n")
}

result <- metaflow("XGBoostTrain") |>
  parameter("data",
    help = "California housing as CSV; modeldata's ames where the file is missing",
    default = "../shared/data/california_housing.csv"
  ) |>
  parameter("rounds", help = "Trees", default = 100L) |>
  parameter("workers", help = "Workers, one a node", default = 2L) |>
  step(step = "start", r_function = read_data, next_step = "train", num_parallel = "workers") |>
  # On each node one core for XGBoost, one for Ray Data.
  step(decorator("ray_parallel", num_cpus = 2L),
    step = "train", r_function = train_on_ray, next_step = "score"
  ) |>
  step(step = "score", join = TRUE, r_function = score, next_step = "end") |>
  step(step = "end", r_function = report) |>
  run()
