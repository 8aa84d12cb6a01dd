# mirai on a gang: one daemon for each core of each node, and code that knows nothing of Ray.
#
#   Rscript mirai_gang.R
#
# Needs the package mirai.

library(gangway)

bootstrap <- function(self) {
  ray_daemons(seed = 1) # in place of mirai::daemons()
  slopes <- mirai::mirai_map(seq_len(self$replicates), function(i) {
    cars <- mtcars[sample(nrow(mtcars), replace = TRUE), ]
    c(slope = coef(lm(mpg ~ wt, cars))[["wt"]], worker = Sys.getpid())
  })[]
  mirai::daemons(0)
  self$slopes <- do.call(rbind, slopes)
}

result <- metaflow("MiraiGang") |>
  parameter("replicates", help = "Replicates", default = 200L) |>
  step(step = "start", next_step = "bootstrap", num_parallel = 2) |>
  step(decorator("ray_parallel"), step = "bootstrap", r_function = bootstrap, next_step = "gather") |>
  step(
    step = "gather", join = TRUE, next_step = "end",
    r_function = function(self, inputs) merge_artifacts(self, inputs)
  ) |>
  step(step = "end", r_function = function(self) {
    cat(nrow(self$slopes), "replicates by", length(unique(self$slopes[, "worker"])), "daemons\n")
    cat("95% interval of the slope:", round(quantile(self$slopes[, "slope"], c(0.025, 0.975)), 2), "\n")
  }) |>
  run()
