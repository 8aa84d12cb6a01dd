# Values of the script, which arrive as they were.
kind("Values")

row("numbers, strings, NULL and NA", setup = {
  da01 <- 1.5
  db01 <- "text"
  dc01 <- NULL
  dd01 <- NA_character_
}, code = list(da01, db01, dc01, dd01), expect = list(1.5, "text", NULL, NA_character_))
row("a data frame with factors", setup = dd02 <- data.frame(a = 1:2, f = factor(c("x", NA), levels = c("y", "x"))),
  code = list(dd02$a, levels(dd02$f), is.na(dd02$f)), expect = list(1:2, c("y", "x"), c(FALSE, TRUE))
)
row("dates and times", setup = {
  dd03 <- as.Date("2026-03-29")
  dt03 <- as.POSIXct("2026-03-29 12:00:00", tz = "Asia/Tokyo")
}, code = c(format(dd03 + 1), format(dt03, usetz = TRUE)), expect = c("2026-03-30", "2026-03-29 12:00:00 JST"))
row("a difference of times and a POSIXlt", setup = {
  dd04 <- as.difftime(90, units = "mins")
  dl04 <- as.POSIXlt("2026-01-02", tz = "UTC")
}, code = list(format(dd04), dl04$year), expect = list("90 mins", 126L))
row("a name that begins with a dot", setup = .dd05 <- 5, code = .dd05, expect = 5)
row("a name that is no name", setup = `dd 06` <- 6, code = `dd 06` * 2, expect = 12)
row("a name beyond ASCII", setup = assign("d\u00fcne07", 7), code = get("d\u00fcne07"), expect = 7)
row("strings beyond ASCII", setup = ds08 <- c("gr\u00fcn", "\u65e5\u672c"), code = list(nchar(ds08), toupper(ds08[1])),
  expect = list(c(4L, 2L), "GR\u00dcN")
)
row("a variable that shadows a constant of base", setup = letters <- c("x", "y"), code = length(letters), expect = 2L)
row("pi of the script", setup = pi <- 3, code = pi * 2, expect = 6)
row("T and F of the script", setup = T <- 0, code = T + 1, expect = 1)
row("a large vector", setup = dv12 <- as.numeric(1:1e6), code = sum(dv12), expect = 500000500000)
row("a compact sequence", setup = dv13 <- 1:1000000, code = length(dv13), expect = 1000000L)
row("a table and an array with names", setup = {
  dt14 <- table(c("a", "b", "a"))
  da14 <- array(1:8, c(2, 2, 2), list(c("r1", "r2"), NULL, NULL))
}, code = list(dt14[["a"]], unname(da14["r2", 1, 2])), expect = list(2L, 6L))
row("a time series", setup = ds15 <- ts(1:24, start = c(2025, 1), frequency = 12),
  code = c(window(ds15, start = c(2026, 12))), expect = 24L
)
row("calls, symbols and formulas as data", setup = dl16 <- list(quote(a + b), as.name("x"), y ~ x),
  code = vapply(dl16, function(x) paste(deparse(x), collapse = ""), ""), expect = c("a + b", "x", "y ~ x")
)
row("a version and an octal mode", setup = {
  dv17 <- numeric_version("1.10.0")
  dm17 <- as.octmode("644")
}, code = list(dv17 > "1.9", format(dm17)), expect = list(TRUE, "644"))
row("an environment with values", setup = de18 <- list2env(list(a = 1, b = "x")), code = list(de18$a, sort(ls(de18))),
  expect = list(1, c("a", "b"))
)
row("nested lists", setup = dl19 <- list(a = list(b = list(c = 1:3))), code = dl19$a$b$c[2], expect = 2L)
row("raw and complex", setup = {
  dr20 <- as.raw(0:3)
  dc20 <- complex(real = 1, imaginary = -1)
}, code = list(rev(dr20), Conj(dc20)), expect = list(as.raw(3:0), complex(real = 1, imaginary = 1)))
row("NaN, Inf, -0 and the smallest number", setup = dn21 <- c(NaN, Inf, -0, 4.9e-324),
  code = list(is.nan(dn21[1]), 1 / dn21[3], dn21[4] > 0), expect = list(TRUE, -Inf, TRUE)
)
row("a constant that a function has changed", setup = {
  dset22 <- function(v) assign("dv22", v, globalenv())
  dset22(9)
}, code = dv22, expect = 9)
row("data of a package of R", code = nrow(iris) + nrow(datasets::cars), expect = 200L)
row("a function's own data, bound by attributes", setup = df24 <- structure(function() attr(df24, "data"), data = 1:3),
  code = df24(), expect = 1:3
)
