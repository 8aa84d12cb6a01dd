#' The flow
#'
#' Compares models of the fuel consumption of cars by cross-validation, each in a task of its own.
#' @return A flow, for [gangway::run()].
#' @import gangway
#' @export
#' @examples
#' project_flow()
project_flow <- function() {
  # Each branch of the repository has a deployment of its own, and production is one that no branch can overwrite.
  metaflow("{{flow}}", decorator("project", name = "{{project}}")) |>
    parameter("folds", help = "Folds of the cross-validation", type = "integer", default = 5L) |>
    step(step = "start", r_function = prepare, next_step = "fit", foreach = "models") |>
    step(step = "fit", r_function = fit_one, next_step = "pick") |>
    step(step = "pick", join = TRUE, r_function = pick_best, next_step = "end") |>
    step(step = "end", r_function = function(self) cat("best:", self$best, "\n"))
}
