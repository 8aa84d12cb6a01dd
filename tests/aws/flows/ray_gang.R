# An R gang on two machines: squares, and the machines that have computed them.
library(gangway)

train <- function(self) {
  found <- ray_map(1:4, function(i) {
    Sys.sleep(1)
    list(square = i^2, node = Sys.info()[["nodename"]], home = Sys.getenv("HOME"))
  })
  self$squares <- vapply(found, `[[`, 0, "square")
  self$nodes <- sort(unique(vapply(found, `[[`, "", "node")))
  self$cpus <- sum(ray_nodes()$cpus)
}
join <- function(self, inputs) merge_artifacts(self, inputs)
end <- function(self) {
  stopifnot(identical(self$squares, c(1, 4, 9, 16)))
  message("nodes: ", paste(self$nodes, collapse = " "), ", cpus: ", self$cpus)
}

metaflow("RayGangFlow") |>
  step(step = "start", next_step = "train", num_parallel = 2) |>
  step(
    step = "train", decorator("batch", cpu = 1, memory = 2000, shared_memory = 300), decorator("ray_parallel"),
    r_function = train, next_step = "join"
  ) |>
  step(step = "join", join = TRUE, r_function = join, next_step = "end") |>
  step(step = "end", r_function = end) |>
  run()
