# In a script of their own: they change what the rows of options.R give.
kind("Options and the like", group = "options-more")

row("OutDec", setup = options(OutDec = ","), code = format(1.5), expect = "1,5")
row("max.print", setup = options(max.print = 5), code = length(capture.output(print(1:100))), expect = 2L)
row("RNGkind(), all three of it", setup = suppressWarnings(RNGkind("Wichmann-Hill", "Box-Muller", "Rounding")), code = {
  set.seed(1)
  sample(10, 3)
}, expect = c(2L, 9L, 7L))
row("RNGkind() itself", code = RNGkind(), expect = c("Wichmann-Hill", "Box-Muller", "Rounding"))
row("Sys.setlocale()", setup = Sys.setlocale("LC_COLLATE", "C"), code = {
  sort(c("b", "A", "a", "B"))
}, expect = c("A", "B", "a", "b"))
row("the name of a function", setup = {
  contr.h41 <- function(n, ...) contr.sum(n) * 3
  options(contrasts = c("contr.h41", "contr.poly"))
}, code = unname(contrasts(factor(1:2))[, 1]), expect = c(3, -3))
row("warn = -1, set by the code", code = {
  options(warn = -1)
  as.integer("a")
}, expect = NA_integer_)
