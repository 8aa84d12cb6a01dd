# Parameters, a Ray gang whose worker's pod dies once, and a fan over vectors, deployed to Argo.
library(gangway)

train <- function(self) {
  if (current("retry_count") == 0) {
    message("the gang is up")
    Sys.sleep(600)
  }
  self$squares <- unlist(ray_map(1:4, function(i) i^2))
  self$nodes <- nrow(ray_nodes())
}
join <- function(self, inputs) merge_artifacts(self, inputs)
letters_of <- function(self) self$parts <- c("c", "a", "b")
each <- function(self) self$part <- paste0(self$input, self$alpha)
gather <- function(self, inputs) self$parts <- unlist(gather_inputs(inputs, "part"))

metaflow("KubeFaultsFlow") |>
  parameter("alpha", default = 1L) |>
  step(step = "start", next_step = "train", num_parallel = 2) |>
  step(
    decorator("kubernetes", cpu = 1, memory = 2000, shared_memory = 300), decorator("retry", times = 1),
    decorator("ray_parallel"), step = "train", r_function = train, next_step = "join"
  ) |>
  step(step = "join", join = TRUE, r_function = join, next_step = "split") |>
  step(step = "split", r_function = letters_of, next_step = "each", foreach = "parts") |>
  step(step = "each", r_function = each, next_step = "gather") |>
  step(step = "gather", join = TRUE, r_function = gather, next_step = "end") |>
  step(step = "end", r_function = function(self) cat("parts:", self$parts, "\n")) |>
  run()
