# Code as data, functions by their names, and data masks.
kind("Quoted code, functions by name, data masks")

row("quote() and eval()", setup = nk01 <- 3, code = eval(quote(nk01 * 2)), expect = 6)
row("bquote()", setup = {
  nk02 <- 3
  nh02 <- function(x) x * nk02
}, code = eval(bquote(nh02(.(2)))), expect = 6)
row("expression()", setup = nk03 <- 3, code = eval(expression(nk03 + 1)[[1]]), expect = 4)
row("code quoted at the top", setup = {
  nq04 <- quote(nk04 + 1)
  nk04 <- 3
}, code = eval(nq04), expect = 4)
row("an expression vector made at the top", setup = {
  ne05 <- expression(nk05 + 1, nk05 * 2)
  nk05 <- 3
}, code = vapply(ne05, eval, 0), expect = c(4, 6))
row("call() with a name", setup = nh06 <- function(x) x + 1, code = eval(call("nh06", 2)), expect = 3)
row("as.call() with as.name()",
  setup = nh07 <- function(x) x + 1, code = eval(as.call(list(as.name("nh07"), 2))), expect = 3
)
row("do.call() with a name", setup = nh08 <- function(x) x + 1, code = do.call("nh08", list(2)), expect = 3)
row("sapply() with a name", setup = nh09 <- function(x) x + 1, code = sapply(c(1, 2), "nh09"), expect = c(2, 3))
row("match.fun() with a name", setup = nh10 <- function(x) x + 1, code = match.fun("nh10")(2), expect = 3)
row("Reduce() with a name", setup = nh11 <- function(a, b) a * 10 + b, code = Reduce("nh11", 1:3), expect = 123)
row("Map() and mapply() with names", setup = nh12 <- function(a, b) a - b,
  code = list(Map("nh12", 5, 2)[[1]], mapply("nh12", 5:6, 2)), expect = list(3, c(3, 4))
)
row("outer() with a name", setup = nh13 <- function(a, b) a * 10 + b, code = outer(1:2, 1:2, "nh13"),
  expect = matrix(c(11, 21, 12, 22), 2)
)
row("apply() and tapply() with names", setup = nh14 <- function(x) sum(x) * 2,
  code = list(apply(matrix(1:4, 2), 1, "nh14"), unname(c(tapply(1:4, c(1, 1, 2, 2), "nh14")))),
  expect = list(c(8, 12), c(6, 14))
)
row("a name that is in a variable", setup = {
  nh15 <- function(x) x + 1
  nn15 <- "nh15"
}, code = do.call(nn15, list(2)), expect = 3, named = FALSE)
row("a name in a list of settings", setup = {
  nh16 <- function(x) x + 1
  ns16 <- list(model = list(fun = "nh16"))
}, code = match.fun(ns16$model$fun)(2), expect = 3, named = FALSE)
row("names in a vector, called one by one", setup = {
  nh17a <- function(x) x + 1
  nh17b <- function(x) x * 5
  nv17 <- c("nh17a", "nh17b")
}, code = sapply(nv17, function(f) do.call(f, list(2)), USE.NAMES = FALSE), expect = c(3, 10), named = FALSE)
row("switch() between names", setup = {
  nh18a <- function() "a"
  nh18b <- function() "b"
}, code = do.call(switch("y", x = "nh18a", y = "nh18b"), list()), expect = "b")
row("with() and a variable of the script",
  setup = nk19 <- 100, code = with(data.frame(a = 1:2), a + nk19), expect = c(101, 102)
)
row("subset() and transform() with variables of the script",
  setup = nk20 <- 4, code = list(nrow(subset(mtcars, gear > nk20)), transform(data.frame(a = 1), b = a + nk20)$b),
  expect = list(5L, 5)
)
row("filter() of dplyr with a variable of the script",
  setup = nk21 <- 30, code = nrow(dplyr::filter(mtcars, mpg > nk21)), expect = 4L, needs = "dplyr"
)
row(".env and .data", setup = nk22 <- 30,
  code = nrow(dplyr::filter(mtcars, .data$mpg > .env$nk22)), expect = 4L, needs = "dplyr"
)
row("a helper that embraces its argument",
  setup = nh23 <- function(d, v) dplyr::summarise(d, m = mean({{ v }}))$m,
  code = round(nh23(mtcars, mpg), 4), expect = 20.0906, needs = "dplyr"
)
row("an embraced argument of the function around", setup = nh24 <- function(d, v) {
  inner <- function(fun) dplyr::summarise(d, m = fun({{ v }}))$m
  inner(max)
}, code = nh24(mtcars, mpg), expect = 33.9, needs = "dplyr")
row("a quosure made at the top", setup = {
  nk25 <- 3
  nq25 <- rlang::quo(a * nk25)
}, code = rlang::eval_tidy(nq25, list(a = 2)), expect = 6, needs = "rlang")
row("!! and a symbol in a string", setup = nv26 <- "mpg",
  code = dplyr::pull(dplyr::summarise(mtcars, m = max(!!rlang::sym(nv26)))), expect = 33.9, needs = "dplyr"
)
row("data.table's j with variables of the script", setup = {
  nk27 <- 2
  nh27 <- function(x) sum(x) * nk27
  nd27 <- data.table::data.table(g = c("a", "a", "b"), v = 1:3)
}, code = {
  library(data.table)
  nd27[, list(s = nh27(v)), by = g]$s
}, expect = c(6, 6), needs = "data.table")
row("glue() with a variable of the script",
  setup = nk28 <- 3, code = as.character(glue::glue("{nk28}")), expect = "3", needs = "glue"
)
row("glue() with a call of a helper",
  setup = nh29 <- function(x) toupper(x), code = as.character(glue::glue("<{nh29('a')}>")), expect = "<A>",
  needs = "glue"
)
row("glue() with a template that is a variable", setup = {
  nt30 <- "{nk30} rows"
  nk30 <- 3
}, code = as.character(glue::glue(nt30)), expect = "3 rows", needs = "glue", named = FALSE)
row("str_glue()", setup = nk31 <- "b", code = as.character(stringr::str_glue("a{nk31}")), expect = "ab",
  needs = "stringr")
row("exec() and inject() of rlang", setup = nh32 <- function(...) sum(...),
  code = list(rlang::exec("nh32", 1, 2), rlang::inject(nh32(!!!list(1, 2)))), expect = list(3, 3), needs = "rlang"
)
row("purrr's map() with a position's name", setup = nd33 <- list(list(k = 1), list(k = 2)),
  code = purrr::map_dbl(nd33, "k"), expect = c(1, 2), needs = "purrr"
)
row("substitute() in a helper", setup = nh34 <- function(x) deparse(substitute(x)), code = nh34(a + b),
  expect = "a + b")
row("evalq() and local()", setup = nk35 <- 3, code = list(evalq(nk35, new.env()), local({
  a <- nk35
  a * 2
})), expect = list(3, 6))
row("match.arg() of a helper", setup = nh36 <- function(type = c("one", "two")) match.arg(type),
  code = nh36(), expect = "one")
row("match.call() of a helper evaluated again", setup = {
  nk37 <- 2
  nh37 <- function(a, b) {
    call <- match.call()
    eval(call$b) + a
  }
}, code = nh37(1, nk37 * 3), expect = 7)
row("aggregate() with a name", setup = nh38 <- function(x) length(x) * 10,
  code = aggregate(mtcars$mpg, list(mtcars$am), "nh38")$x, expect = c(190, 130)
)
row("integrate() with a function by name", setup = {
  nk39 <- 2
  nh39 <- function(x) x * nk39
}, code = round(integrate("nh39", 0, 1)$value, 3), expect = 1)
row("a pipe of magrittr into a helper", setup = nh40 <- function(x, by) x * by,
  code = magrittr::`%>%`(2, nh40(5)), expect = 10, needs = "magrittr"
)
