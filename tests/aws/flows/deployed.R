# A flow whose parameters, tag and namespace hold what shells and JSON change: the same text as the default, and as it is given later.
library(gangway)

hard <- "z\u00fcrich $HOME `id` \"q\" 's' \\n \\u00e9 %s \u65e5\u672c\nend!"

frame <- data.frame(n = c(1, NA), s = c("\u00fc", NA), d = as.Date(c(NA, "2026-01-01")), f = factor(c("b", "a")))
writeLines(c("cpu: 1", "alpha: 0.25"), "config.yml")
writeBin(charToRaw(enc2utf8("a,b\r\n1,\u00fc\n")), "table.csv")

start <- function(self) {
  for (name in c("default", "made", "given")) {
    if (!identical(self[[name]], hard)) stop(name, " arrived as ", dQuote(self[[name]], FALSE))
  }
  stopifnot(identical(self$json, list(a = hard, b = list(1, NULL, TRUE))), identical(self$json_given, list(x = hard)))
  stopifnot(identical(self$number, 0.1), identical(self$whole, 7L), isTRUE(self$yes), is.null(self$nothing))
  stopifnot(
    identical(self$day, as.Date("2026-11-29")), identical(self$day_made, as.Date("2026-01-02")),
    identical(self$day_given, as.Date("2028-02-29")),
    identical(self$at, structure(1796000000.25, class = c("POSIXct", "POSIXt"), tzone = "UTC")),
    identical(self$frame, frame), identical(self$frame_made, frame),
    identical(self$frame_given, data.frame(a = 1:2, b = c("x", NA))),
    identical(self$file, "a,b\r\n1,\u00fc\n"), identical(self$table, data.frame(a = 1L, b = "\u00fc")),
    identical(self$cfg, list(cpu = 1L, alpha = 0.25)), identical(self$of_config, 0.25)
  )
  stopifnot(hard %in% current("tags"))
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
  config("cfg", default = "config.yml") |>
  parameter("day", default = as.Date("2026-11-29")) |>
  parameter("day_made", type = "Date", default = function() as.Date("2026-01-02")) |>
  parameter("day_given", type = "Date") |>
  parameter("at", default = structure(1796000000.25, class = c("POSIXct", "POSIXt"))) |>
  parameter("frame", default = frame) |>
  parameter("frame_made", type = "data.frame", default = function() frame) |>
  parameter("frame_given", type = "data.frame") |>
  parameter("file", type = "file", default = "table.csv") |>
  parameter("table", type = "file", default = "table.csv",
    parser = function(path) read.csv(path, encoding = "UTF-8")) |>
  parameter("of_config", default = config_expr("cfg.alpha")) |>
  step(resources(cpu = config_expr("cfg.cpu")), step = "start", r_function = start, next_step = "end") |>
  step(step = "end") |>
  run()
