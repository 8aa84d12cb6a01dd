# What the script sets for all that follows.
kind("Options and the like", group = "options")

row("contrasts", setup = options(contrasts = c("contr.sum", "contr.poly")),
  code = round(unname(coef(lm(weight ~ group, PlantGrowth))), 4), expect = c(5.073, -0.041, -0.412)
)
row("na.action", setup = options(na.action = "na.exclude"), code = length(resid(lm(Ozone ~ Wind, airquality))),
  expect = 153L
)
row("scipen", setup = options(scipen = 999), code = format(1e15), expect = "1000000000000000")
row("digits", setup = options(digits = 4), code = format(22 / 7), expect = "3.143")
row("digits.secs", setup = options(digits.secs = 3), code = format(as.POSIXct(0.5, origin = "1970-01-01", tz = "UTC")),
  expect = "1970-01-01 00:00:00.5"
)
row("width", setup = options(width = 40), code = length(capture.output(print(1:40))), expect = 4L)
row("warn", setup = options(warn = 2), code = tryCatch({
  (function() as.integer("x"))()
  "went on"
}, error = function(e) "stopped", warning = function(w) "warned"), expect = "warned")
row("warnPartialMatchDollar", setup = options(warnPartialMatchDollar = TRUE), code = tryCatch(
  list(abc = 1)$ab, warning = function(w) "partial"), expect = "partial")
row("an option of one's own", setup = options(mypkg.url = "https://example.org"), code = getOption("mypkg.url"),
  expect = "https://example.org"
)
row("an option that is a function", setup = {
  ik11 <- 3
  options(mypkg.hook = function(x) x * ik11)
}, code = getOption("mypkg.hook")(2), expect = 6)
row("an option that a helper reads", setup = {
  options(mypkg.rate = 0.2)
  ih12 <- function(x) x * getOption("mypkg.rate", 1)
}, code = ih12(10), expect = 2)
row("stringsAsFactors of a helper", setup = options(mypkg.factors = TRUE),
  code = class(data.frame(a = "x", stringsAsFactors = getOption("mypkg.factors", FALSE))$a), expect = "factor"
)
row("scipen of an exponent with paste()", setup = ix13 <- 1e-10, code = paste(ix13), expect = "0.0000000001")
row("ts.eps and expressions as numbers", setup = options(ts.eps = 1e-3, expressions = 4000),
  code = c(getOption("ts.eps"), getOption("expressions")), expect = c(1e-3, 4000)
)
row("a function", setup = {
  ok40 <- structure(numeric(3e5), class = "large")
  options(mine.fun40 = function() length(unclass(ok40)))
}, code = getOption("mine.fun40")(), expect = 300000L)
row("an option that a package sets when it is loaded", code = {
  library(data.table)
  nrow(as.data.table(mtcars)[, .(m = mean(mpg)), by = cyl])
}, expect = 3L, needs = "data.table")
row("the same, loaded before", code = {
  library(data.table)
  ncol(as.data.table(mtcars)[, c("mpg", "cyl")])
}, expect = 2L, needs = "data.table")
