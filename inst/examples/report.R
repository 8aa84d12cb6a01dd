# An R Markdown report from a run: the last step renders it with what the steps before have made, and keeps it as an
# artifact, so that each run has its own report: `writeLines(latest_run("ReportFlow")$report, "old.html")`.
#
#   Rscript report.R
#   Rscript report.R run --cylinders 8 --file report.html
#
# Needs the package rmarkdown, with pandoc.

library(gangway)

# In a project this is a file beside the script, report.Rmd.
template <- '---
title: "Cars of `r params$cylinders` cylinders"
output:
  html_document:
    theme: null
params:
  cylinders: NULL
  cars: NULL
  model: NULL
---

`r nrow(params$cars)` cars; a mile per gallon less for each `r round(-1000 / coef(params$model)[["wt"]])` pounds.

```{r, echo = FALSE, fig.width = 5, fig.height = 3}
plot(mpg ~ wt, params$cars, pch = 16, xlab = "weight (1,000 pounds)", ylab = "miles per gallon")
abline(params$model)
```

```{r, echo = FALSE}
knitr::kable(params$cars[order(params$cars$mpg), c("mpg", "wt", "hp")])
```
'

fit <- function(self) {
  self$cars <- subset(mtcars, cyl == self$cylinders)
  self$model <- lm(mpg ~ wt, self$cars)
}

render <- function(self) {
  folder <- tempfile("report")
  dir.create(folder)
  writeLines(template, file.path(folder, "report.Rmd"))
  made <- rmarkdown::render(file.path(folder, "report.Rmd"),
    params = list(cylinders = self$cylinders, cars = self$cars, model = self$model), quiet = TRUE
  )
  self$report <- readLines(made, encoding = "UTF-8")
  if (nzchar(self$file)) writeLines(self$report, self$file, useBytes = TRUE)
  cat("a report of", nrow(self$cars), "cars,", round(sum(nchar(self$report)) / 1e3), "kB\n")
}

result <- metaflow("ReportFlow") |>
  parameter("cylinders", help = "Cylinders of the cars: 4, 6 or 8", default = 4L) |>
  parameter("file", help = "File of the report; only an artifact where it is empty", default = "") |>
  step(step = "start", r_function = fit, next_step = "end") |>
  step(step = "end", r_function = render) |>
  run()
