# 20 random forests, one after another and then on a Ray cluster. random_forests.py is the same with scikit-learn.
#
#   Rscript random_forests.R
#   Rscript random_forests.R run --data california_housing.csv --trees 200

library(gangway)

read_data <- function(self) {
  houses <- if (file.exists(self$data)) read.csv(self$data) else modeldata::ames
  names(houses)[names(houses) %in% c("median_house_value", "Sale_Price")] <- "price"
  self$houses <- na.omit(houses)
}

# The out-of-bag R squared of one forest, on one core.
fit_forest <- function(seed, houses, trees) {
  ranger::ranger(price ~ ., data = houses, num.trees = trees, num.threads = 1, seed = seed)$r.squared
}

compare <- function(self) {
  seconds <- function(expr) system.time(expr)[["elapsed"]]
  seeds <- seq_len(self$forests)
  self$one_by_one_s <- seconds(
    one_by_one <- lapply(seeds, fit_forest, houses = self$houses, trees = self$trees)
  )
  self$cluster <- ray_nodes()
  # R and ranger start in the workers; later calls find them there.
  ray_map(seq_len(sum(self$cluster$cpus)), function(i) invisible(loadNamespace("ranger")$ranger), .chunk = 1)
  self$on_ray_s <- seconds(
    on_ray <- ray_map(seeds, fit_forest, houses = self$houses, trees = self$trees, .chunk = 1)
  )
  stopifnot(identical(on_ray, one_by_one)) # the same forests, to the last digit
  self$r_squared <- unlist(on_ray)
}

report <- function(self) {
  cat(length(self$r_squared), "forests of", self$trees, "trees on", nrow(self$houses), "houses\n")
  cat(sprintf("R squared %.3f to %.3f\n", min(self$r_squared), max(self$r_squared)))
  cat(sprintf(
    "one after another %.1f s, on Ray with %g cores %.1f s: %.2f times as fast\n",
    self$one_by_one_s, sum(self$cluster$cpus), self$on_ray_s, self$one_by_one_s / self$on_ray_s
  ))
}

result <- metaflow("RandomForests") |>
  parameter("data",
    help = "California housing as CSV; modeldata's ames where the file is missing",
    default = "../shared/data/california_housing.csv"
  ) |>
  parameter("forests", help = "Forests", default = 20L) |>
  parameter("trees", help = "Trees in a forest", default = 50L) |>
  step(step = "start", r_function = read_data, next_step = "compare", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "compare", r_function = compare, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = report) |>
  run()
