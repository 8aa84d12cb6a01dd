# Functions that functions of packages make.
kind("Function operators")

row("Vectorize()", setup = {
  ok01 <- 3
  of01 <- Vectorize(function(x) x * ok01)
}, code = of01(1:3), expect = c(3, 6, 9))
row("Vectorize() of two arguments", setup = {
  oh02 <- function(a, b) if (a > b) a else b
  of02 <- Vectorize(oh02)
}, code = of02(1:3, 2), expect = c(2, 2, 3))
row("Negate()", setup = {
  ok03 <- 3
  of03 <- Negate(function(x) x > ok03)
}, code = of03(2), expect = TRUE)
row("possibly()", setup = {
  ok04 <- 3
  of04 <- purrr::possibly(function(x) x * ok04, NA)
}, code = of04(2), expect = 6, needs = "purrr")
row("safely()", setup = {
  ok05 <- 3
  of05 <- purrr::safely(function(x) x * ok05)
}, code = of05(2)$result, expect = 6, needs = "purrr")
row("quietly()", setup = {
  ok06 <- 3
  of06 <- purrr::quietly(function(x) x * ok06)
}, code = of06(2)$result, expect = 6, needs = "purrr")
row("partial()", setup = {
  ok07 <- 3
  oh07 <- function(a, b) a * b * ok07
  of07 <- purrr::partial(oh07, b = 2)
}, code = of07(1), expect = 6, needs = "purrr")
row("compose()", setup = {
  ok08 <- 3
  of08 <- purrr::compose(function(x) x + 1, function(x) x * ok08)
}, code = of08(2), expect = 7, needs = "purrr")
row("compose() with lambdas", setup = {
  ok09 <- 3
  of09 <- purrr::compose(~ .x + 1, ~ .x * ok09)
}, code = of09(2), expect = 7, needs = "purrr")
row("memoise()", setup = {
  ok10 <- 3
  of10 <- memoise::memoise(function(x) x * ok10)
}, code = of10(2), expect = 6, needs = "memoise")
row("memoise() that has been called", setup = {
  ok11 <- 3
  of11 <- memoise::memoise(function(x) x * ok11)
  of11(2)
}, code = c(of11(2), of11(3)), expect = c(6, 9), needs = "memoise")
row("insistently() and slowly()", setup = {
  ok12 <- 3
  of12a <- purrr::insistently(function(x) x * ok12)
  of12b <- purrr::slowly(function(x) x * ok12, purrr::rate_delay(0.001))
}, code = c(of12a(2), of12b(3)), expect = c(6, 9), needs = "purrr")
row("as_mapper()", setup = {
  ok13 <- 3
  of13 <- purrr::as_mapper(~ .x * ok13)
}, code = of13(2), expect = 6, needs = "purrr")
row("as_function() of rlang", setup = {
  ok14 <- 3
  of14 <- rlang::as_function(~ .x * ok14)
}, code = of14(2), expect = 6, needs = "rlang")
row("new_function() of rlang", setup = {
  ok15 <- 3
  of15 <- rlang::new_function(alist(x = ), quote(x * ok15))
}, code = of15(2), expect = 6, needs = "rlang")
row("ecdf(), approxfun() and splinefun()", setup = {
  of16a <- ecdf(c(1, 2, 3, 4))
  of16b <- approxfun(1:3, c(10, 20, 30))
  of16c <- splinefun(1:3, c(1, 4, 9))
}, code = c(of16a(2), of16b(1.5), of16c(3)), expect = c(0.5, 15, 9))
row("colorRampPalette()", setup = of17 <- grDevices::colorRampPalette(c("red", "blue")), code = of17(2),
  expect = c("#FF0000", "#0000FF")
)
row("deriv() as a function", setup = of18 <- deriv(~ a * x^2, "x", function(x, a = 2) NULL),
  code = c(attr(of18(3), "gradient")), expect = 12
)
row("a magrittr pipeline as a function", setup = {
  ok19 <- 2
  oh19 <- function(x) x * ok19
  of19 <- magrittr::`%>%`(., oh19)
}, code = of19(4), expect = 8, needs = "magrittr")
row("Reduce() over functions", setup = {
  ok20 <- 3
  of20 <- Reduce(function(f, g) function(x) g(f(x)), list(function(x) x + 1, function(x) x * ok20))
}, code = of20(1), expect = 6)
row("an operator in an operator", setup = {
  ok21 <- 3
  of21 <- Vectorize(Negate(function(x) x > ok21))
}, code = of21(2:4), expect = c(TRUE, TRUE, FALSE))
row("an operator in a list", setup = {
  ok22 <- 3
  ol22 <- list(f = Vectorize(function(x) x * ok22))
}, code = ol22$f(2), expect = 6)
row("label_number() of scales", setup = of23 <- scales::label_number(accuracy = 0.1), code = of23(1.25), expect = "1.2",
  needs = "scales"
)
row("negate() of purrr", setup = {
  ok24 <- 3
  of24 <- purrr::negate(function(x) x > ok24)
}, code = of24(4), expect = FALSE, needs = "purrr")
row("an operator of the script", setup = {
  ok25 <- 3
  otwice25 <- function(f) function(...) f(f(...))
  of25 <- otwice25(function(x) x * ok25)
}, code = of25(1), expect = 9)
row("memoise() with a cache of its own", setup = {
  ok26 <- 3
  of26 <- memoise::memoise(function(x) x * ok26, cache = cachem::cache_mem())
}, code = of26(2), expect = 6, needs = c("memoise", "cachem"))
row("match.fun() and Map() of a list of functions", setup = {
  ok27 <- 3
  ofs27 <- list(function(x) x * ok27, sqrt, "abs")
}, code = vapply(ofs27, function(f) match.fun(f)(4), 0), expect = c(12, 2, 4))
