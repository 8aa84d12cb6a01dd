# S7: methods for R's own generics are registered, and lie in no environment of the script.
kind("S7", group = "s7")

row("a method for format()", setup = {
  YDog01 <- new_class("YDog01", properties = list(name = class_character))
  method(format, YDog01) <- function(x, ...) paste0("<dog ", x@name, ">")
}, code = format(YDog01(name = "A")), expect = "<dog A>", attach = "S7")
row("a method for +", setup = {
  YAge02 <- new_class("YAge02", properties = list(age = class_double))
  method(`+`, list(YAge02, class_double)) <- function(e1, e2) e1@age + e2
}, code = YAge02(age = 1) + 2, expect = 3, attach = "S7")
row("an object of the script, and length()", setup = {
  YBox03 <- new_class("YBox03", properties = list(n = class_integer))
  method(length, YBox03) <- function(x) x@n
  ybox03 <- YBox03(n = 77L)
}, code = length(ybox03), expect = 77L, attach = "S7")
row("a generic of the script, and a parent", setup = {
  yk04 <- "!"
  ysay04 <- new_generic("ysay04", "x")
  YPet04 <- new_class("YPet04", properties = list(name = class_character))
  YCat04 <- new_class("YCat04", parent = YPet04)
  method(ysay04, YPet04) <- function(x) paste0(x@name, yk04)
}, code = ysay04(YCat04(name = "B")), expect = "B!", attach = "S7")
row("a validator", setup = {
  ylimit05 <- 10
  YNum05 <- new_class("YNum05", properties = list(n = class_double), validator = function(self) {
    if (self@n > ylimit05) "too large"
  })
}, code = tryCatch(YNum05(n = 11)@n, error = function(e) grepl("too large", conditionMessage(e))), expect = TRUE,
attach = "S7")
