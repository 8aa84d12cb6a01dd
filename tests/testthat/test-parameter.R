line <- function(...) {
  flow <- metaflow("F") |> parameter("p", ...)
  sub("^ *p = (File)?Parameter\\(\"p\"(, )?", "(", parameter_line(flow$parameters$p, identity))
}

test_that("the type is inferred from the default", {
  expect_equal(line(default = 1L), "(default=1, type=int)")
  expect_equal(line(default = 1), "(default=1.0, type=float)")
  expect_equal(line(default = TRUE), "(default=True, type=bool)")
  expect_equal(line(default = "it's \"x\""), "(default=\"it's \\\"x\\\"\", type=str)")
  expect_equal(line(default = c(1, 2)), "(default='[1.0, 2.0]', type=JSONType)")
  expect_equal(line(default = list(a = 1L, b = "it's")), "(default='{\"a\": 1, \"b\": \"it\\'s\"}', type=JSONType)")
  expect_equal(line(default = factor("a")), "(default=\"a\", type=str)")
  expect_equal(line(), "()")
})

test_that("types have R's names and Python's", {
  for (type in c("int", "integer")) expect_equal(line(type = type), "(type=int)")
  for (type in c("float", "double", "numeric")) expect_equal(line(type = type), "(type=float)")
  for (type in c("bool", "logical")) expect_equal(line(type = type), "(type=bool)")
  for (type in c("str", "character")) expect_equal(line(type = type), "(type=str)")
  for (type in c("JSONType", "json")) expect_equal(line(type = type), "(type=JSONType)")
})

test_that("a default takes the type that was asked for, where nothing is lost", {
  expect_equal(line(default = 2, type = "int"), "(default=2, type=int)")
  expect_equal(line(default = 2L, type = "double"), "(default=2.0, type=float)")
  expect_equal(line(default = "[1]", type = "json"), "(default=\"[1]\", type=JSONType)")
  expect_equal(line(default = 3L, type = "json"), "(default='3', type=JSONType)")
  expect_error(line(default = 2.5, type = "int"), class = "gangway_error_parameter")
  expect_error(line(default = "x", type = "float"), class = "gangway_error_parameter")
})

test_that("the other arguments are passed on", {
  expect_equal(line(required = TRUE, help = "a\nb"), "(help=\"a\\nb\", required=True)")
  expect_equal(line(separator = ",", default = c("a", "b")), "(default=\"a,b\", type=str, separator=\",\")")
  expect_equal(line(is_flag = TRUE), "(default=False, type=bool, is_flag=True)")
  expect_equal(line(default = function() 1L, type = "int"), "(default=R.default(\"p\"), type=int)")
})

test_that("dates, times, data frames and files have texts of their own", {
  time <- structure(1796000000.25, class = c("POSIXct", "POSIXt"), tzone = "Asia/Tokyo")
  expect_equal(line(default = as.Date("0999-01-05")), "(default=\"0999-01-05\", type=DateType)")
  expect_equal(line(default = "2026-11-29", type = "Date"), "(default=\"2026-11-29\", type=DateType)")
  expect_equal(line(default = time), "(default=\"2026-11-30T00:53:20.250000Z\", type=TimeType)")
  expect_equal(line(default = "2026-11-29 08:30 +0100", type = "POSIXct"),
    "(default=\"2026-11-29 08:30 +0100\", type=TimeType)")
  df <- data.frame(a = c(1, NaN, NA), b = c(NA, "x", "it's"), n = NA_integer_, d = as.Date(c(NA, NA, 1), "1970-01-01"))
  expect_equal(line(default = df), paste0(
    "(default='{\"a\": [1.0, NaN, null], \"b\": [null, \"x\", \"it\\'s\"], \"n\": [null, null, null], ",
    "\"d\": [null, null, \"1970-01-02\"], \"_types\": {\"n\": \"integer\", \"d\": \"Date\"}}', type=DataFrameType)"
  ))
  expect_equal(line(default = data.frame(f = factor("u", c("v", "u")), row.names = "r"), type = "tibble"),
    "(default='{\"f\": [\"u\"], \"_row\": [\"r\"], \"_types\": {\"f\": [\"v\", \"u\"]}}', type=TibbleType)")
  expect_equal(line(default = "a.csv", type = "file"), "(default=\"a.csv\")")
  expect_equal(line(type = "file", parser = readRDS), "(is_text=False)")
  wrong <- function(...) conditionMessage(expect_error(line(...), class = "gangway_error_parameter"))
  expect_match(wrong(default = as.Date(NA)), "has to be a date")
  expect_match(wrong(default = structure(1.5, class = "Date")), "has to be a date")
  expect_match(wrong(default = "2026-02-30", type = "Date"), "has to be a date")
  expect_match(wrong(default = 5, type = "Date"), "has to be a date")
  expect_match(wrong(default = "2026-11-29 25:00", type = "POSIXct"), "has to be a time")
  expect_match(wrong(default = Sys.time() + 0:1), "has to be a time")
  expect_match(wrong(default = data.frame(a = I(list(1)))), "column a is a AsIs")
  expect_match(wrong(default = data.frame(a = ordered("x"))), "column a is a ordered")
  expect_match(wrong(default = structure(data.frame(a = 1), class = c("sf", "data.frame"))), "makes one of a sf")
  expect_match(wrong(default = data.frame(`_row` = 1, check.names = FALSE)), "names of their own")
  expect_match(wrong(default = data.frame(a = 1), type = "json"), "kept as a data frame")
  expect_match(wrong(default = 1, type = "data.frame"), "has to be a data frame")
  expect_match(wrong(default = 1, type = "file"), "path of a file")
  expect_match(wrong(default = "a", parser = read.csv), "type = \"file\"")
  expect_match(wrong(type = "file", parser = "read.csv"), "a function that reads a file")
})

test_that("bad parameters are errors that name the parameter and the flow", {
  flow <- hello_flow() |> parameter("alpha", default = 1)
  expect_snapshot(error = TRUE, {
    parameter(flow, "alpha")
    parameter(flow, "Alpha")
    parameter(flow, "start")
    parameter(flow, "max_workers")
    parameter(flow, "a.b")
    parameter(flow)
    parameter(flow, "p", type = "integr")
    parameter(flow, "p", default = NA)
    parameter(flow, "p", default = list(a = mean))
    parameter(flow, "p", default = 1, separator = ",")
    parameter(flow, "p", default = c("a,b", "c"), separator = ",")
    parameter(flow, "p", default = "x", is_flag = TRUE)
    parameter(flow, "p", required = "yes")
    parameter(flow, "p", help = 1)
    parameter("flow", "p")
  })
})
