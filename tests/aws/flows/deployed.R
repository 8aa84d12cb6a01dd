# A flow whose parameters hold what shells and JSON change: the same text as the default, and as it is given later.
library(gangway)

hard <- "z\u00fcrich $HOME `id` \"q\" 's' \\n \\u00e9 %s \u65e5\u672c\nend!"

start <- function(self) {
  for (name in c("default", "made", "given")) {
    if (!identical(self[[name]], hard)) stop(name, " arrived as ", dQuote(self[[name]], FALSE))
  }
  stopifnot(identical(self$json, list(a = hard, b = list(1, NULL, TRUE))), identical(self$json_given, list(x = hard)))
  stopifnot(identical(self$number, 0.1), identical(self$whole, 7L), isTRUE(self$yes), is.null(self$nothing))
  cat("all parameters have arrived\n")
}

metaflow("DeployedFlow") |>
  parameter("default", default = hard) |>
  parameter("made", type = "character", default = function() hard) |>
  parameter("given", default = "not this") |>
  parameter("json", default = list(a = hard, b = list(1, NULL, TRUE))) |>
  parameter("json_given", default = list(x = 1)) |>
  parameter("number", default = 0.1) |>
  parameter("whole", default = 7L) |>
  parameter("yes", default = TRUE) |>
  parameter("nothing", type = "character") |>
  step(step = "start", r_function = start, next_step = "end") |>
  step(step = "end") |>
  run()
