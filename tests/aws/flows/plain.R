# A flow whose middle step runs on Batch: it uses a file beside the script, a helper, and text beyond ASCII.
library(gangway)

source("helpers.R")

start <- function(self) {
  self$words <- c("Zürich", "naïve", "日本")
  self$frame <- data.frame(x = 1:3, f = factor(c("a", "b", "a")))
}
middle <- function(self) {
  self$prices <- read.csv("data/prices.csv")
  self$twice <- twice(self$frame$x)
  self$there <- sort(list.files(".", recursive = TRUE))
  self$here <- list(
    node = Sys.info()[["nodename"]], folder = getwd(), home = Sys.getenv("HOME"), utf8 = l10n_info()[["UTF-8"]],
    upper = toupper("zürich"), zone = Sys.timezone(), time = format(ISOdate(2026, 7, 1, 12), tz = "Europe/Zurich")
  )
  self$secrets <- c(Sys.getenv("DB_USER"), nchar(Sys.getenv("TOKEN")))
  message("words: ", paste(self$words, collapse = " "))
}
end <- function(self) stopifnot(identical(self$twice, c(2, 4, 6)), is.factor(self$frame$f), self$prices$price[2] == 2.5)

metaflow("CloudFlow") |>
  step(step = "start", r_function = start, next_step = "middle") |>
  step(
    decorator("batch", cpu = 1, memory = 2000), secrets("cloud.db", TOKEN = "cloud/token"),
    step = "middle", r_function = middle, next_step = "end"
  ) |>
  step(step = "end", r_function = end) |>
  run()
