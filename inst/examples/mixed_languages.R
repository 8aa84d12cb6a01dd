# R and Python in one flow: R prepares, Python clusters, R looks at the result. Each reads the other's artifacts as its
# own kind of object; mixed_languages.py beside this script has the Python step.
#
#   Rscript mixed_languages.R
#
# Needs, in Python: pip install scikit-learn pandas

library(gangway)

prepare <- function(self) {
  self$flowers <- iris # in Python a pandas.DataFrame, Species as a Categorical
  self$columns <- c("Petal.Length", "Petal.Width")
}

compare <- function(self) {
  # self$clusters was made by Python: an integer vector here.
  self$table <- table(species = self$flowers$Species, cluster = self$clusters)
  print(self$table)
  print(round(self$centres, 2))
}

result <- metaflow("MixedLanguages") |>
  parameter("k", help = "Clusters", default = 3L) |>
  step(step = "start", r_function = prepare, next_step = "cluster") |>
  step(step = "cluster", py_function = "mixed_languages:cluster", next_step = "end") |>
  step(step = "end", r_function = compare) |>
  run()
