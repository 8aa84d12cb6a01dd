#' A flow with a gang
#'
#' The confidence interval of a slope by the bootstrap, on a Ray cluster of two nodes that exists for one step.
#' @return A flow, for [gangway::run()].
#' @export
#' @examples
#' bootstrap_flow()
bootstrap_flow <- function() {
  metaflow("{{flow}}Bootstrap") |>
    parameter("replicates", help = "Replicates of the bootstrap", type = "integer", default = 1000L) |>
    step(step = "start", next_step = "bootstrap", num_parallel = 2) |>
    step(decorator("ray_parallel"), step = "bootstrap", r_function = bootstrap, next_step = "gather") |>
    step(step = "gather", join = TRUE, r_function = gather, next_step = "end") |>
    step(step = "end", r_function = function(self) cat("95% interval:", self$interval, "\n"))
}

# Runs once, on the first node; ray_map() works on all.
bootstrap <- function(self) {
  # The same draws on any number of nodes.
  slopes <- ray_map(seq_len(self$replicates), resampled_slope, cars = datasets::mtcars, .seed = 1)
  self$slopes <- unlist(slopes)
}

gather <- function(self, inputs) {
  merge_artifacts(self, inputs)
  self$interval <- interval(self$slopes)
}

#' What 1000 lbs more cost in miles per gallon, on rows drawn with replacement
#' @noRd
resampled_slope <- function(i, cars) {
  rows <- sample(nrow(cars), replace = TRUE)
  stats::coef(stats::lm(mpg ~ wt, cars[rows, ]))[["wt"]]
}

interval <- function(slopes) stats::quantile(slopes, c(0.025, 0.975), names = FALSE)
