# S4 and reference classes.
kind("S4 and reference classes")

row("a class and a method", setup = {
  gk01 <- 3
  setClass("G01", representation(a = "numeric"))
  setGeneric("gvol01", function(o) standardGeneric("gvol01"))
  setMethod("gvol01", "G01", function(o) o@a * gk01)
}, code = gvol01(new("G01", a = 2)), expect = 6)
row("an object of the script", setup = {
  setClass("G02", representation(a = "numeric"))
  setGeneric("gvol02", function(o, ...) standardGeneric("gvol02"))
  setMethod("gvol02", "G02", function(o, ...) o@a * 2)
  gobj02 <- new("G02", a = 4)
}, code = gvol02(gobj02), expect = 8)
row("Arith", setup = {
  setClass("G03", representation(a = "numeric"))
  setMethod("Arith", signature("G03", "G03"), function(e1, e2) new("G03", a = callGeneric(e1@a, e2@a)))
}, code = (new("G03", a = 2) * new("G03", a = 5))@a, expect = 10)
row("+ alone", setup = {
  setClass("G04", representation(a = "numeric"))
  setMethod("+", signature("G04", "G04"), function(e1, e2) new("G04", a = e1@a + e2@a))
}, code = (new("G04", a = 2) + new("G04", a = 5))@a, expect = 7)
row("length()", setup = {
  setClass("G05", representation(a = "numeric"))
  setMethod("length", "G05", function(x) 77L)
}, code = length(new("G05", a = 1)), expect = 77L)
row("show()", setup = {
  setClass("G06", representation(a = "numeric"))
  setMethod("show", "G06", function(object) cat("<G06>\n"))
}, code = capture.output(print(new("G06", a = 1))), expect = "<G06>")
row("[ and $", setup = {
  setClass("G07", representation(a = "list"))
  setMethod("[", "G07", function(x, i, ...) paste("element", i))
  setMethod("$", "G07", function(x, name) x@a[[name]])
}, code = {
  x <- new("G07", a = list(b = 5))
  list(x[2], x$b)
}, expect = list("element 2", 5))
row("initialize() and callNextMethod()", setup = {
  setClass("G08", representation(a = "numeric"))
  setMethod("initialize", "G08", function(.Object, ..., a = 1) callNextMethod(.Object, ..., a = a * 10))
}, code = new("G08", a = 2)@a, expect = 20)
row("validity", setup = {
  glimit09 <- 10
  setClass("G09", representation(a = "numeric"), validity = function(object) {
    if (object@a > glimit09) "too large" else TRUE
  })
}, code = tryCatch(new("G09", a = 11)@a, error = function(e) sub(".*: ", "", conditionMessage(e))),
  expect = "too large")
row("inheritance", setup = {
  setClass("G10a", representation("VIRTUAL", n = "character"))
  setClass("G10b", contains = "G10a")
  setGeneric("ghi10", function(o) standardGeneric("ghi10"))
  setMethod("ghi10", "G10a", function(o) paste("a", o@n))
  setMethod("ghi10", "G10b", function(o) paste("b", callNextMethod()))
}, code = ghi10(new("G10b", n = "x")), expect = "b a x")
row("a class that is a vector", setup = setClass("G11", contains = "numeric", slots = c(unit = "character")),
  code = {
    x <- new("G11", c(1, 2), unit = "m")
    list(sum(x), x@unit, is(x, "numeric"))
  }, expect = list(3, "m", TRUE)
)
row("a generator", setup = G12 <- setClass("G12", slots = c(a = "numeric"), prototype = list(a = 5)),
  code = c(G12()@a, G12(a = 6)@a), expect = c(5, 6)
)
row("a generator in a list", setup = gl13 <- list(make = setClass("G13", slots = c(a = "numeric"))),
  code = gl13$make(a = 3)@a, expect = 3
)
row("setAs()", setup = {
  setClass("G14", slots = c(a = "numeric"))
  setAs("G14", "character", function(from) paste("G14", from@a))
}, code = as(new("G14", a = 1), "character"), expect = "G14 1")
row("a class union", setup = {
  setClassUnion("GU15", c("numeric", "character"))
  setClass("G15", slots = c(a = "GU15"))
}, code = list(new("G15", a = "x")@a, is(1, "GU15")), expect = list("x", TRUE))
row("a replacement method", setup = {
  setClass("G16", slots = c(a = "numeric"))
  setGeneric("gval16<-", function(o, value) standardGeneric("gval16<-"))
  setReplaceMethod("gval16", "G16", function(o, value) {
    o@a <- value * 2
    o
  })
}, code = {
  x <- new("G16", a = 1)
  gval16(x) <- 4
  x@a
}, expect = 8)
row("a generic made from summary()", setup = {
  setClass("G17", slots = c(a = "numeric"))
  setMethod("summary", "G17", function(object, ...) paste("G17 of", object@a))
}, code = summary(new("G17", a = 1)), expect = "G17 of 1")
row("two arguments decide", setup = {
  setGeneric("gmeet18", function(a, b) standardGeneric("gmeet18"))
  setMethod("gmeet18", signature("numeric", "character"), function(a, b) "nc")
  setMethod("gmeet18", signature("character", "ANY"), function(a, b) "ca")
}, code = c(gmeet18(1, "a"), gmeet18("a", 1)), expect = c("nc", "ca"))
row("a method for an S3 class", setup = {
  setOldClass("gold19")
  setGeneric("gkind19", function(x) standardGeneric("gkind19"))
  setMethod("gkind19", "gold19", function(x) "old")
}, code = gkind19(structure(list(), class = "gold19")), expect = "old")
row("isVirtualClass(), existsMethod() and slotNames()", setup = {
  setClass("G20", slots = c(a = "numeric", b = "character"))
  setGeneric("gany20", function(x) standardGeneric("gany20"))
  setMethod("gany20", "G20", function(x) 1)
}, code = list(isVirtualClass("G20"), existsMethod("gany20", "G20"), slotNames("G20")),
expect = list(FALSE, TRUE, c("a", "b")))
row("a slot that is a function", setup = {
  gk21 <- 3
  setClass("G21", slots = c(f = "function"))
  gobj21 <- new("G21", f = function(x) x * gk21)
}, code = gobj21@f(2), expect = 6)
row("objects in a list", setup = {
  setClass("G22", slots = c(a = "numeric"))
  setGeneric("ga22", function(o) standardGeneric("ga22"))
  setMethod("ga22", "G22", function(o) o@a)
  gl22 <- list(new("G22", a = 1), new("G22", a = 2))
}, code = vapply(gl22, ga22, 0), expect = c(1, 2))
row("a reference class", setup = {
  gk23 <- 3
  GAcc23 <- setRefClass("GAcc23", fields = list(b = "numeric"), methods = list(dep = function(x) {
    b <<- b + x * gk23
    invisible(.self)
  }))
}, code = {
  a <- GAcc23$new(b = 1)
  a$dep(1)$dep(1)
  a$b
}, expect = 7)
row("an object of a reference class", setup = {
  GAcc24 <- setRefClass("GAcc24", fields = list(b = "numeric"), methods = list(get = function() b * 2))
  gacc24 <- GAcc24$new(b = 4)
}, code = gacc24$get(), expect = 8)
row("a reference class with a parent", setup = {
  GBase25 <- setRefClass("GBase25", fields = list(n = "character"), methods = list(hi = function() paste("base", n)))
  GKid25 <- setRefClass("GKid25", contains = "GBase25", methods = list(hi = function() paste("kid", callSuper())))
}, code = GKid25$new(n = "x")$hi(), expect = "kid base x")
row("copy() and show() of a reference class", setup = GPt26 <- setRefClass("GPt26", fields = list(x = "numeric"),
  methods = list(show = function() cat("<pt", x, ">\n"))), code = {
  a <- GPt26$new(x = 1)
  b <- a$copy()
  b$x <- 2
  c(a$x, b$x, capture.output(print(b)))
}, expect = c("1", "2", "<pt 2 >"))
row("methods added to a reference class", setup = {
  GAdd27 <- setRefClass("GAdd27", fields = list(x = "numeric"))
  GAdd27$methods(twice = function() x * 2)
}, code = GAdd27$new(x = 3)$twice(), expect = 6)
row("a field that is a function of others", setup = GFld28 <- setRefClass("GFld28",
  fields = list(x = "numeric", half = function(v) if (missing(v)) x / 2 else x <<- v * 2)), code = {
  a <- GFld28$new(x = 8)
  before <- a$half
  a$half <- 1
  c(before, a$x)
}, expect = c(4, 2))
