# Pi, by random points on a Ray cluster of two nodes that exists for one step.
#
#   Rscript pi.R
#   Rscript pi.R run --n 1e7

library(gangway)

simulate <- function(self) {
  draws <- ray_map(1:8, function(i, n) mean(runif(n)^2 + runif(n)^2 <= 1), n = self$n, .seed = 1)
  self$pi <- 4 * mean(unlist(draws))
  self$nodes <- ray_nodes()
}

result <- metaflow("PiFlow") |>
  parameter("n", help = "Points a task", default = 1e6) |>
  step(step = "start", next_step = "simulate", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "simulate", r_function = simulate, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = function(self) cat("pi is about", self$pi, "\n")) |>
  run()
