# One step on Batch, in the project's own image: R there, the packages of its lock file, and Python through reticulate.
library(gangway)

look <- function(self) {
  self$r <- as.character(getRversion())
  self$libraries <- .libPaths()
  self$fit <- unname(stats::predict(ranger::ranger(mpg ~ wt, mtcars, seed = 1), mtcars[1:2, ])$predictions)
  self$frame <- dplyr::count(tibble::as_tibble(mtcars), cyl)
  self$user <- system2("id", "-un", stdout = TRUE)
  self$python <- reticulate::py_config()$python
}

metaflow("ImageFlow") |>
  step(step = "start", next_step = "look") |>
  step(step = "look", decorator("batch", memory = 2000), r_function = look, next_step = "end") |>
  step(step = "end", r_function = function(self) print(self$frame)) |>
  run()
