# Names inside formulas, lambdas of purrr, and formulas made at the script's top.
kind("Formulas and lambdas")

row(
  "a lambda of purrr calls a helper",
  setup = {
    fk01 <- 10
    fh01 <- function(x) x + fk01
  },
  code = purrr::map_dbl(1:2, ~ fh01(.x)), expect = c(11, 12), needs = "purrr"
)
row(
  "a lambda of two arguments",
  setup = fk02 <- 100,
  code = purrr::map2_dbl(1:2, 3:4, ~ .x * .y + fk02), expect = c(103, 108), needs = "purrr"
)
row(
  "a lambda in a lambda",
  setup = fk03 <- 2,
  code = purrr::map_dbl(1:2, ~ sum(purrr::map_dbl(1:3, ~ .x * fk03))), expect = c(12, 12), needs = "purrr"
)
row(
  "a lambda made at the top",
  setup = {
    fk04 <- 5
    fl04 <- ~ .x + fk04
  },
  code = purrr::map_dbl(1:2, fl04), expect = c(6, 7), needs = "purrr"
)
row(
  "a list of lambdas made at the top",
  setup = {
    fk05 <- 5
    fl05 <- list(a = ~ .x + fk05, b = ~ .x * fk05)
  },
  code = vapply(fl05, function(l) rlang::as_function(l)(2), 0), expect = c(a = 7, b = 10), needs = "rlang"
)
row(
  "lm() with a variable in its formula",
  setup = fk06 <- 2,
  code = length(coef(lm(mpg ~ poly(wt, fk06), mtcars))), expect = 3L
)
row(
  "a formula made at the top before its variable",
  setup = {
    ff07 <- mpg ~ poly(wt, fk07)
    fk07 <- 2
  },
  code = length(coef(lm(ff07, mtcars))), expect = 3L
)
row(
  "a formula whose variables are the script's",
  setup = {
    fx08 <- 1:20
    fy08 <- 2 * fx08
    ff08 <- fy08 ~ fx08
  },
  code = round(unname(coef(lm(ff08))), 6), expect = c(0, 2)
)
row(
  "a formula from a string",
  setup = {
    fk09 <- 2
    fs09 <- "mpg ~ I(wt^fk09)"
  },
  code = names(coef(lm(as.formula(fs09), mtcars))), expect = c("(Intercept)", "I(wt^fk09)"),
  named = FALSE
)
row(
  "a formula with a function of the script",
  setup = fcube10 <- function(x) x^3,
  code = names(coef(lm(mpg ~ fcube10(wt), mtcars))), expect = c("(Intercept)", "fcube10(wt)")
)
row(
  "a formula made in a function, with its local variable",
  setup = {
    fmake11 <- function(degree) mpg ~ poly(wt, degree)
    ff11 <- fmake11(3)
  },
  code = length(coef(lm(ff11, mtcars))), expect = 4L
)
row(
  "formulas in a list",
  setup = {
    fk12 <- 2
    fl12 <- list(mpg ~ wt, mpg ~ poly(wt, fk12))
  },
  code = vapply(fl12, function(f) length(coef(lm(f, mtcars))), 0L), expect = c(2L, 3L)
)
row(
  "predict() of a fit whose formula has a variable",
  setup = {
    fk13 <- 2
    ffit13 <- lm(mpg ~ I(wt * fk13), mtcars)
  },
  code = round(unname(predict(ffit13, data.frame(wt = 3))), 4), expect = 21.2517
)
row(
  "update() of a fit",
  setup = {
    fk14 <- 2
    ffit14 <- lm(mpg ~ wt, mtcars)
  },
  code = names(coef(update(ffit14, . ~ . + I(hp^fk14)))), expect = c("(Intercept)", "wt", "I(hp^fk14)")
)
row(
  "aggregate() with a formula and a function of the script",
  setup = fspan15 <- function(x) max(x) - min(x),
  code = round(aggregate(mpg ~ am, mtcars, fspan15)$mpg, 1), expect = c(14, 18.9)
)
row(
  "nls() with a function of the script",
  setup = {
    fcurve16 <- function(x, a) a * x
    fx16 <- 1:10
    fy16 <- c(2.1, 3.9, 6.1, 7.9, 10.1, 11.9, 14.1, 15.9, 18.1, 19.9)
  },
  code = round(unname(coef(nls(fy16 ~ fcurve16(fx16, a), start = list(a = 1)))), 3), expect = 1.999
)
row(
  "a lambda as an argument's default",
  setup = {
    fk17 <- 3
    ffun17 <- function(x, f = ~ .x * fk17) purrr::map_dbl(x, f)
  },
  code = ffun17(1:2), expect = c(3, 6), needs = "purrr"
)
row(
  "across() with a lambda",
  setup = {
    fk18 <- 10
    fh18 <- function(x) x / fk18
  },
  code = dplyr::mutate(data.frame(a = 10, b = 20), dplyr::across(c(a, b), ~ fh18(.x)))$b, expect = 2, needs = "dplyr"
)
row(
  "reduce(), keep() and imap() with lambdas",
  setup = fk19 <- 2,
  code = list(
    purrr::reduce(1:3, ~ .x + .y * fk19), purrr::keep(1:4, ~ .x > fk19), purrr::imap_dbl(c(a = 1), ~ .x + fk19)
  ),
  expect = list(11, 3:4, c(a = 3)), needs = "purrr"
)
row(
  "glm() with weights and an offset of the script",
  setup = {
    fw20 <- rep(1:2, 16)
    fo20 <- rep(0.1, 32)
  },
  code = length(coef(glm(am ~ wt, binomial, mtcars, weights = fw20, offset = fo20))), expect = 2L
)
row(
  "a formula in an attribute",
  setup = {
    fk21 <- 2
    fa21 <- structure(1, model = mpg ~ poly(wt, fk21))
  },
  code = length(coef(lm(attr(fa21, "model"), mtcars))), expect = 3L
)
row(
  "reformulate() with a term that is a call",
  setup = fsq22 <- function(x) x^2,
  code = round(unname(coef(lm(reformulate("fsq22(wt)", "mpg"), mtcars)))[2], 4), expect = -0.7058,
  named = FALSE
)
