# A Ray cluster of two nodes on AWS Batch: each computes.
library(gangway)

train <- function(self) {
  self$nodes <- unique(unlist(ray_map(1:8, function(i) {
    Sys.sleep(1)
    Sys.info()[["nodename"]]
  })))
}
join <- function(self, inputs) merge_artifacts(self, inputs)
end <- function(self) {
  stopifnot(length(self$nodes) == 2)
  cat("two nodes have computed\n")
}

metaflow("CloudGang") |>
  step(step = "start", next_step = "train", num_parallel = 2) |>
  step(
    decorator("batch", cpu = 1, memory = 2000, shared_memory = 300), decorator("ray_parallel"), step = "train",
    r_function = train, next_step = "join"
  ) |>
  step(step = "join", join = TRUE, r_function = join, next_step = "end") |>
  step(step = "end", r_function = end) |>
  run()
