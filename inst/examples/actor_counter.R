# An actor that counts: an R object that lives on the cluster, used by tasks on all nodes at once.
#
#   Rscript actor_counter.R
#   Rscript actor_counter.R run --tasks 500

library(gangway)

new_counter <- function() {
  counts <- integer()
  add <- function(who) {
    counts[who] <<- sum(counts[who], 1L, na.rm = TRUE)
    sum(counts)
  }
  environment()
}

count <- function(self) {
  counter <- ray_actor(new_counter)
  visit <- ray_remote(function(counter) {
    me <- paste("worker", Sys.getpid())
    ray_get(counter$add(me)) # an actor answers one call after the other
  })
  visits <- lapply(seq_len(self$tasks), function(i) visit(counter))
  totals <- unlist(ray_get(visits))
  self$complete <- setequal(totals, seq_len(self$tasks)) # no call was lost, none counted twice
  self$counts <- ray_get(counter$counts())
}

result <- metaflow("ActorCounter") |>
  parameter("tasks", help = "Tasks that count", default = 100L) |>
  step(step = "start", next_step = "count", num_parallel = 2) |>
  # The actor takes a core of its own.
  step(decorator("ray_parallel", num_cpus = 2L), step = "count", r_function = count, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = function(self) {
    print(self$counts)
    cat("every number from 1 to", sum(self$counts), "was given once:", self$complete, "\n")
  }) |>
  run()
