# A card: a page that a step leaves behind, with text, a table and a picture.
#
#   Rscript card.R
#   Rscript card.R card view end     # in the browser
#
# Needs the package ggplot2.

library(gangway)

draw <- function(self) {
  card <- current("card")
  card$append("# Fuel and weight\nCars of the years 1973 and 1974.")
  self$means <- aggregate(cbind(mpg, wt) ~ cyl, mtcars, mean)
  card$append(self$means)
  card$append(
    ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg, colour = factor(cyl))) +
      ggplot2::geom_point() +
      ggplot2::labs(x = "weight (1,000 pounds)", y = "miles per gallon", colour = "cylinders")
  )
}

result <- metaflow("CardFlow") |>
  step(step = "start", next_step = "end") |>
  step(decorator("card", type = "blank"), step = "end", r_function = draw) |>
  run()

print(result$means, digits = 3)
