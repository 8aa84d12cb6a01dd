# What steps and the client see of parameters, files and configurations, however they were given.

frame <- data.frame(
  i = c(1L, NA), d = c(NaN, NA), s = c("z\u00fc", NA), l = c(NA, TRUE), none = NA_real_,
  day = as.Date(c(NA, "2026-01-03")), f = factor(c("b", NA), levels = c("b", "a")),
  at = structure(c(NA, 1796000000.25), class = c("POSIXct", "POSIXt"), tzone = "UTC")
)

typed_values <- function() {
  metaflow("ValuesFlow", decorator("project", name = config_expr("cfg.project"))) |>
    config("cfg", default = "cfg.yml") |>
    config("given", default_value = list(x = 1)) |>
    parameter("day", default = as.Date("2020-02-29")) |>
    parameter("made", type = "Date", default = function() as.Date("2026-01-02")) |>
    parameter("at", type = "POSIXct") |>
    parameter("df", type = "data.frame") |>
    parameter("made_df", type = "data.frame", default = function(context) frame) |>
    parameter("rows", type = "data.frame") |>
    parameter("cars", default = utils::head(mtcars, 2L)) |>
    parameter("part", default = frame[2, 1:2]) |>
    parameter("tbl", default = structure(list(a = 1), class = c("tbl_df", "tbl", "data.frame"), row.names = 1L)) |>
    parameter("list", default = list(a = c(1, 2), b = list(1L, "x"), c = NULL)) |>
    parameter("text", type = "file", default = "text.txt") |>
    parameter("object", type = "file", default = "object.rds",
      parser = function(path) list(basename(path), readRDS(path))) |>
    parameter("no_file", type = "file", parser = readRDS) |>
    parameter("rate", default = config_expr("cfg.train.rate")) |>
    parameter("of_day", type = "Date", default = config_expr("cfg.day")) |>
    step(retry(times = config_expr("cfg.retries")), step = "start", next_step = "each", foreach = "df",
      r_function = look) |>
    step(step = "each", r_function = function(self) self$row <- self$input, next_step = "join") |>
    step(step = "join", join = TRUE, next_step = "end", r_function = function(self, inputs) {
      self$all <- do.call(rbind, gather_inputs(inputs, "row"))
      self$from_start <- inputs[[1]]$seen
    }) |>
    step(step = "end", r_function = function(self) {
      self$again <- look_again(self)
      if (!file.exists("go")) stop("not yet")
    })
}

look <- function(self) self$seen <- look_again(self)
look_again <- function(self) {
  names <- c("day", "made", "at", "df", "made_df", "rows", "cars", "part", "tbl", "list", "text", "object", "no_file",
    "rate", "of_day", "cfg", "given")
  sapply(names, function(name) self[[name]], simplify = FALSE)
}

test_that("values arrive as they were given, in steps, in a resumed run and in the client", {
  local_run_folder()
  config <- c("project: p", "retries: 0", "day: 2026-11-29", "train: {rate: 0.25, words: [a, b]}", "on: [1, null]")
  writeLines(config, "cfg.yml")
  writeBin(charToRaw("one\r\ntwo \xc3\xbc"), "text.txt")
  saveRDS(1:3, "object.rds")
  text <- "one\r\ntwo \u00fc"
  withr::local_envvar(METAFLOW_RUN_ROWS = "[{\"a\": 1, \"b\": \"x\"}, {\"a\": 2.5}]")
  expect_error(
    quiet_run(typed_values(), df = frame, at = "2026-11-30 01:53:20.25+01", given = list(y = "z")), "not yet",
    class = "gangway_error_run"
  )
  # All of it is that of the first run, whatever has become of the files.
  withr::local_envvar(METAFLOW_RUN_ROWS = NA)
  writeLines("project: other", "cfg.yml")
  writeLines("other", "text.txt")
  unlink("object.rds")
  file.create("go")
  result <- quiet_run(typed_values(), resume = "end")
  seen <- result$from_start
  expect_identical(seen, result$again)
  expect_identical(seen$day, as.Date("2020-02-29"))
  expect_identical(seen$made, as.Date("2026-01-02"))
  expect_identical(seen$at, structure(1796000000.25, class = c("POSIXct", "POSIXt"), tzone = "UTC"))
  expect_identical(seen$df, frame)
  expect_identical(seen$made_df, frame)
  expect_identical(result$all, frame)
  expect_identical(seen$rows, data.frame(a = c(1, 2.5), b = c("x", NA)))
  expect_identical(seen$cars, utils::head(mtcars, 2L))
  expect_identical(seen$part, frame[2, 1:2])
  expect_identical(seen$tbl, structure(list(a = 1), class = c("tbl_df", "tbl", "data.frame"), row.names = 1L))
  expect_identical(seen$list, list(a = c(1, 2), b = list(1L, "x"), c = NULL))
  expect_identical(seen$text, text)
  expect_identical(seen$object, list("object.rds", 1:3))
  expect_null(seen$no_file)
  expect_identical(seen$rate, 0.25)
  expect_identical(seen$of_day, as.Date("2026-11-29"))
  expect_identical(seen$cfg[c("project", "day", "train")],
    list(project = "p", day = "2026-11-29", train = list(rate = 0.25, words = c("a", "b"))))
  expect_identical(seen$given, list(y = "z"))
  expect_identical(result$day, seen$day)
  expect_identical(result$df, frame)
  expect_identical(result$text, gsub("\r", "", text)) # as Metaflow's client has it
  expect_identical(result$cfg, seen$cfg)
})

test_that("what is wrong is refused before the run, and the error says what", {
  local_run_folder()
  writeLines("project: p", "cfg.yml")
  writeLines("a", "text.txt")
  saveRDS(1, "object.rds")
  withr::local_envvar(METAFLOW_RUN_AT = "yesterday")
  given <- list(project = "p", retries = 1, train = list(rate = 1), day = "2026-01-01")
  error <- expect_error(quiet_run(typed_values(), cfg = given), class = "gangway_error_run")
  expect_match(conditionMessage(error), "before its first task: wrong command line.*'yesterday' is not a time")
  error <- expect_error(quiet_run(typed_values()), class = "gangway_error_run")
  expect_match(conditionMessage(error), "wrong configuration.*has no value.*AttributeError: .*cfg holds project")
  expect_length(list.files(".metaflow/ValuesFlow", "^[0-9]"), 0L)
})
