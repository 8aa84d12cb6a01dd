# A step that runs again until its result is good enough: a switch.
#
#   Rscript until_good.R
#   Rscript until_good.R run --error 0.001

library(gangway)

begin <- function(self) {
  set.seed(1)
  self$draws <- numeric()
}

simulate <- function(self) {
  self$draws <- c(self$draws, rexp(2000))
  self$spread <- sd(self$draws) / sqrt(length(self$draws))
  self$good <- self$spread < self$error
}

result <- metaflow("UntilGood") |>
  parameter("error", help = "Standard error of the mean that is good enough", default = 0.012) |>
  step(step = "start", r_function = begin, next_step = "simulate") |>
  step(
    step = "simulate", r_function = simulate,
    next_step = c("TRUE" = "end", "FALSE" = "simulate"), condition = "good"
  ) |>
  step(step = "end", r_function = function(self) {
    cat(sprintf("%d draws: mean %.3f, standard error %.4f\n", length(self$draws), mean(self$draws), self$spread))
  }) |>
  run()
