# Mixed models by groups: the growth of chicks, one model with random slopes for each diet, in a task of its own. A
# model that does not converge is tried again with another optimizer.
#
#   Rscript mixed_models.R
#
# Needs the package nlme, which comes with R.

library(gangway)

split_diets <- function(self) self$diets <- split(as.data.frame(ChickWeight), ChickWeight$Diet)

fit <- function(self) {
  grown <- subset(self$input, Time > 0)
  fit_with <- function(optimizer) {
    nlme::lme(log(weight) ~ Time,
      random = ~ Time | Chick, data = grown,
      control = nlme::lmeControl(opt = optimizer)
    )
  }
  self$model <- tryCatch(fit_with("nlminb"), error = function(e) fit_with("optim"))
  self$growth <- data.frame(
    diet = as.character(grown$Diet[1]), chicks = length(unique(grown$Chick)),
    percent_a_day = 100 * expm1(nlme::fixef(self$model)[["Time"]]),
    sd_of_chicks = 100 * as.numeric(nlme::VarCorr(self$model)["Time", "StdDev"])
  )
}

gather <- function(self, inputs) {
  self$models <- gather_inputs(inputs, "model") # the fitted models themselves are artifacts
  self$growth <- do.call(rbind, gather_inputs(inputs, "growth"))
}

result <- metaflow("MixedModels") |>
  step(step = "start", r_function = split_diets, next_step = "fit", foreach = "diets") |>
  step(step = "fit", r_function = fit, next_step = "gather") |>
  step(step = "gather", join = TRUE, r_function = gather, next_step = "end") |>
  step(step = "end", r_function = function(self) print(self$growth, digits = 3, row.names = FALSE)) |>
  run()
