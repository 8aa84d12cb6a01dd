# Random forests for the price of diamonds, tuned on a Ray cluster that exists for one step.
#
#   Rscript tune_diamonds.R
#   Rscript tune_diamonds.R run --rows 40000 --trees 200

library(gangway)

split_data <- function(self) {
  set.seed(self$seed)
  diamonds <- ggplot2::diamonds
  diamonds$price <- log(diamonds$price)
  rows <- sample(nrow(diamonds), min(self$rows, nrow(diamonds)))
  test <- seq_len(length(rows) %/% 5)
  self$test <- diamonds[rows[test], ]
  self$train <- diamonds[rows[-test], ]
  self$grid <- tibble::as_tibble(expand.grid(mtry = c(2, 4, 6, 8), min_node_size = c(3, 30)))
}

fit_forest <- function(point, data, trees, seed) {
  ranger::ranger(price ~ .,
    data = data, num.trees = trees, mtry = point$mtry,
    min.node.size = point$min_node_size, num.threads = 1, seed = seed
  )
}

# The out-of-bag error of one point of the grid.
score_forest <- function(point, data, trees, seed) {
  sqrt(fit_forest(point, data, trees, seed)$prediction.error)
}

tune_on_ray <- function(self) {
  self$formed <- current("gang_formed_seconds")
  self$nodes <- ray_nodes()
  warm_up <- function(i) invisible(is.environment(loadNamespace("ranger"))) # R and ranger in the workers
  ray_map(seq_len(nrow(self$nodes)), warm_up, .chunk = 1)
  seconds <- function(expr) system.time(expr)[["elapsed"]]
  self$on_ray <- seconds(
    scores <- ray_map(split(self$grid, seq_len(nrow(self$grid))), score_forest,
      data = self$train, trees = self$trees, seed = self$seed, .chunk = 1
    )
  )
  self$scores <- tibble::add_column(self$grid, rmse = unlist(scores))
  # The same on one core, one point after another, while the cluster is idle.
  self$one_core <- seconds(
    for (i in seq_len(nrow(self$grid))) score_forest(self$grid[i, ], self$train, self$trees, self$seed)
  )
}

pick_best <- function(self, inputs) {
  merge_artifacts(self, inputs)
  best <- self$scores[which.min(self$scores$rmse), ]
  self$best <- best
  self$model <- fit_forest(best, self$train, self$trees, self$seed)
  predicted <- predict(self$model, self$test)$predictions
  self$test_rmse <- sqrt(mean((predicted - self$test$price)^2))
}

draw_scores <- function(self) {
  library(ggplot2)
  plot <- ggplot(self$scores, aes(mtry, rmse, colour = factor(min_node_size))) +
    geom_line() +
    geom_point(size = 3) +
    labs(
      title = "Random forests on ggplot2::diamonds",
      y = "out-of-bag error of log(price)", colour = "min. node size"
    )
  ggsave(self$plot, plot, width = 6, height = 4, dpi = 120)
}

result <- metaflow("TuneDiamonds") |>
  parameter("rows", help = "Rows of the data to use", default = 20000L) |>
  parameter("trees", help = "Trees in a forest", default = 50L) |>
  parameter("seed", help = "Seed of the split and the forests", default = 1L) |>
  parameter("plot", help = "File of the plot", default = "tune_diamonds.png") |>
  step(step = "start", r_function = split_data, next_step = "tune", num_parallel = 2) |>
  step(decorator("ray_parallel"),
    step = "tune", r_function = tune_on_ray, next_step = "pick"
  ) |>
  step(step = "pick", join = TRUE, r_function = pick_best, next_step = "end") |>
  step(step = "end", r_function = draw_scores) |>
  run()

cat(sprintf("\nThe cluster, which came together in %.1f s:\n", result$formed))
print(tibble::as_tibble(result$nodes))
cat("\nThe grid:\n")
print(tibble::as_tibble(result$scores))
cat(sprintf(
  "\nBest: mtry %g, minimal node size %g; error of log(price) on held-out rows: %.4f\n",
  result$best$mtry, result$best$min_node_size, result$test_rmse
))
cat(sprintf(
  "The grid took %.1f s on the cluster and %.1f s on one core: speed-up %.2f\n",
  result$on_ray, result$one_core, result$one_core / result$on_ray
))
cat("Plot: ", result$plot, "\n", sep = "")
