# The steps of the flow: what they assign to `self` is kept, and the next steps find it there.

prepare <- function(self) {
  self$cars <- datasets::mtcars
  self$models <- c("mpg ~ wt", "mpg ~ wt + hp", "mpg ~ wt * hp")
}

fit_one <- function(self) {
  self$model <- self$input
  self$rmse <- cross_validate(stats::as.formula(self$model), self$cars, self$folds)
}

pick_best <- function(self, inputs) {
  self$results <- data.frame(
    model = vapply(inputs, function(input) input$model, ""),
    rmse = vapply(inputs, function(input) input$rmse, 0)
  )
  self$best <- self$results$model[which.min(self$results$rmse)]
}

#' The root mean squared error of a linear model on rows that it has not seen
#' @noRd
cross_validate <- function(formula, data, folds) {
  fold <- rep_len(seq_len(folds), nrow(data))
  errors <- lapply(seq_len(folds), function(i) {
    model <- stats::lm(formula, data[fold != i, ])
    stats::predict(model, data[fold == i, ]) - data[fold == i, all.vars(formula)[1]]
  })
  sqrt(mean(unlist(errors)^2))
}
