# R6 classes and objects.
kind("R6")

row("a class", setup = {
  rk01 <- 3
  rhlp01 <- function(x) x * rk01
  RCl01 <- R6::R6Class("RCl01", public = list(go = function(x) rhlp01(x)))
}, code = RCl01$new()$go(2), expect = 6, needs = "R6")
row("an object", setup = {
  rk02 <- 3
  rob02 <- R6::R6Class("RCl02", public = list(go = function(x) x * rk02))$new()
}, code = rob02$go(2), expect = 6, needs = "R6")
row("a parent", setup = {
  RBase03 <- R6::R6Class("RBase03", public = list(hi = function() "base"))
  RKid03 <- R6::R6Class("RKid03", inherit = RBase03, public = list(hi = function() paste("kid", super$hi())))
}, code = RKid03$new()$hi(), expect = "kid base", needs = "R6")
row("three generations with a helper", setup = {
  rk04 <- "!"
  RA04 <- R6::R6Class("RA04", public = list(hi = function() paste0("a", rk04)))
  RB04 <- R6::R6Class("RB04", inherit = RA04, public = list(hi = function() paste0("b", super$hi())))
  RC04 <- R6::R6Class("RC04", inherit = RB04, public = list(hi = function() paste0("c", super$hi())))
}, code = RC04$new()$hi(), expect = "cba!", needs = "R6")
row("an object of a class with a parent", setup = {
  rk05 <- 4
  RA05 <- R6::R6Class("RA05", public = list(val = function() rk05))
  robj05 <- R6::R6Class("RB05", inherit = RA05, public = list(twice = function() super$val() * 2))$new()
}, code = robj05$twice(), expect = 8, needs = "R6")
row("active bindings and private members", setup = {
  rk06 <- 2
  RCl06 <- R6::R6Class("RCl06",
    private = list(v = 5, calc = function() private$v * rk06), active = list(now = function() private$calc())
  )
}, code = RCl06$new()$now, expect = 10, needs = "R6")
row("an active binding of an object", setup = {
  rk07 <- 2
  robj07 <- R6::R6Class("RCl07", active = list(now = function() rk07 * 3))$new()
}, code = robj07$now, expect = 6, needs = "R6")
row("clone()", setup = RCl08 <- R6::R6Class("RCl08", public = list(x = 1)), code = {
  a <- RCl08$new()
  b <- a$clone()
  b$x <- 2
  c(a$x, b$x)
}, expect = c(1, 2), needs = "R6")
row("state in an object of the script", setup = {
  RCl09 <- R6::R6Class("RCl09", public = list(n = 0, add = function() {
    self$n <- self$n + 1
    invisible(self)
  }))
  robj09 <- RCl09$new()
  robj09$add()
}, code = robj09$add()$add()$n, expect = 3, needs = "R6")
row("a class that makes objects of another", setup = {
  RIn10 <- R6::R6Class("RIn10", public = list(v = 7))
  ROut10 <- R6::R6Class("ROut10", public = list(inner = NULL, initialize = function() self$inner <- RIn10$new()))
}, code = ROut10$new()$inner$v, expect = 7, needs = "R6")
row("a print method", setup = RCl11 <- R6::R6Class("RCl11", public = list(print = function(...) cat("<rcl11>\n"))),
  code = capture.output(print(RCl11$new())), expect = "<rcl11>", needs = "R6"
)
row("a method added with $set()", setup = {
  rk12 <- 3
  RCl12 <- R6::R6Class("RCl12")
  RCl12$set("public", "go", function(x) x * rk12)
}, code = RCl12$new()$go(2), expect = 6, needs = "R6")
row("a class from a factory", setup = {
  rmake13 <- function(k) R6::R6Class("RCl13", public = list(go = function(x) x * k))
  RCl13 <- rmake13(4)
}, code = RCl13$new()$go(2), expect = 8, needs = "R6")
row("classes in a list", setup = {
  rk14 <- 3
  rl14 <- list(a = R6::R6Class("RCl14", public = list(go = function() rk14)))
}, code = rl14$a$new()$go(), expect = 3, needs = "R6")
row("a field that is a function", setup = {
  rk15 <- 3
  RCl15 <- R6::R6Class("RCl15", public = list(f = NULL, initialize = function(f) self$f <- f))
  robj15 <- RCl15$new(function(x) x * rk15)
}, code = robj15$f(2), expect = 6, needs = "R6")
row("an S3 method for an R6 class", setup = {
  format.RCl16 <- function(x, ...) "formatted"
  RCl16 <- R6::R6Class("RCl16")
}, code = format(RCl16$new()), expect = "formatted", needs = "R6")
row("a default of initialize() from the script", setup = {
  rk17 <- 11
  RCl17 <- R6::R6Class("RCl17", public = list(v = NULL, initialize = function(v = rk17) self$v <- v))
}, code = RCl17$new()$v, expect = 11, needs = "R6")
row("a class whose parent is defined later", setup = {
  RKid18 <- R6::R6Class("RKid18", inherit = RBase18)
  RBase18 <- R6::R6Class("RBase18", public = list(hi = function() "late"))
}, code = RKid18$new()$hi(), expect = "late", needs = "R6")
