# Functions made by functions, and where functions lie.
kind("Closures, and functions inside data")

# future's own work, before gangway sees anything.
by_future <- function() differs(
  c("future_lapply()", "future_map()"), "an error, as with every plan: future evaluates all that code names",
  error = "Identified global objects", maybe = TRUE
)
by_future_apply <- function() differs(
  "future_lapply()", "an error, as with every plan: future.apply hands these dots to its own function",
  error = "unused argument", maybe = TRUE
)

row("a factory's variable", setup = {
  lmake01 <- function(k) function(x) x * k
  lf01 <- lmake01(3)
}, code = lf01(2), expect = 6)
row("a factory whose argument is not yet evaluated", setup = {
  lk02 <- 3
  lmake02 <- function(k) function(x) x * k
  lf02 <- lmake02(lk02 + 1)
}, code = lf02(2), expect = 8)
row("... of the function around", setup = {
  lmake03 <- function(...) function(x) sum(x, ...)
  lf03 <- lmake03(10, 1)
}, code = lf03(1), expect = 12, except = by_future_apply())
row("..1 and ...length() of the function around", setup = {
  lmake04 <- function(...) function() c(..1, ..2, ...length())
  lf04 <- lmake04(10, 20)
}, code = lf04(), expect = c(10, 20, 2))
row("names of ... of the function around", setup = {
  lmake05 <- function(...) function() names(list(...))
  lf05 <- lmake05(a = 1, b = 2)
}, code = lf05(), expect = c("a", "b"), except = by_future_apply())
row("an argument of the function around that is missing and not needed", setup = {
  lmake06 <- function(a, b) function(there) if (there) b else a
  lf06 <- lmake06(2)
}, code = lf06(FALSE), expect = 2, except = by_future())
row("an argument of the function around that must not be evaluated", setup = {
  lmake07 <- function(a, b) function() a
  lf07 <- lmake07(2, stop("evaluated"))
}, code = lf07(), expect = 2)
row("a loop's closures", setup = {
  lfs08 <- list()
  for (l08 in 1:3) lfs08[[l08]] <- local({
    here <- l08
    function() here
  })
}, code = vapply(lfs08, function(f) f(), 0L), expect = 1:3)
row("two functions that share a variable", setup = {
  lmake09 <- function() {
    n <- 0
    list(add = function() n <<- n + 1, get = function() n)
  }
  lc09 <- lmake09()
}, code = {
  lc09$add()
  lc09$add()
  lc09$get()
}, expect = 2)
row("a counter with state", setup = {
  lmake10 <- function() {
    n <- 0
    function() {
      n <<- n + 1
      n
    }
  }
  lcount10 <- lmake10()
  lcount10()
}, code = lcount10(), expect = 2)
row("recursion", setup = lfact11 <- function(n) if (n < 2) 1 else n * lfact11(n - 1), code = lfact11(5), expect = 120)
row("two functions that call each other", setup = {
  leven12 <- function(n) if (n == 0) TRUE else lodd12(n - 1)
  lodd12 <- function(n) if (n == 0) FALSE else leven12(n - 1)
}, code = leven12(10), expect = TRUE)
row("a default that calls a helper", setup = {
  lk13 <- 7
  lh13 <- function() lk13
  lf13 <- function(x = lh13()) x
}, code = lf13(), expect = 7)
row("a chain of helpers", setup = {
  lk14 <- 1
  la14 <- function(x) x + lk14
  lb14 <- function(x) la14(x) * 2
  lc14 <- function(x) lb14(x) * 2
}, code = lc14(1), expect = 8)
row("a function in an environment", setup = {
  lreg15 <- new.env()
  lreg15$h <- function(x) x * lk15
  lk15 <- 3
}, code = lreg15$h(1), expect = 3)
row("a function in a nested list", setup = {
  lnest16 <- list(m = list(f = function(x) x * lk16))
  lk16 <- 3
}, code = lnest16$m$f(1), expect = 3)
row("a function in an attribute", setup = {
  lat17 <- structure(1, f = function(x) x * lk17)
  lk17 <- 3
}, code = attr(lat17, "f")(1), expect = 3)
row("a function in a data frame's column", setup = {
  lk18 <- 3
  ltab18 <- data.frame(id = 1)
  ltab18$f <- list(function(x) x * lk18)
}, code = ltab18$f[[1]](2), expect = 6)
row("a function in an environment in a list", setup = {
  lk19 <- 3
  ldeep19 <- list(e = list2env(list(f = function(x) x * lk19)))
}, code = ldeep19$e$f(2), expect = 6)
row("a function with a class", setup = {
  lk20 <- 3
  lf20 <- structure(function(x) x * lk20, class = "special")
}, code = lf20(2), expect = 6)
row("an infix operator", setup = `%l21%` <- function(a, b) paste0(a, b), code = "a" %l21% "b", expect = "ab")
row("a replacement function", setup = `lsecond22<-` <- function(x, value) {
  x[2] <- value
  x
}, code = {
  v <- 1:3
  lsecond22(v) <- 9L
  v
}, expect = c(1L, 9L, 3L))
row("a replacement in a replacement", setup = {
  `lpart23<-` <- function(x, value) {
    x$part <- value
    x
  }
  lpart23 <- function(x) x$part
}, code = {
  v <- list(part = 1:2)
  lpart23(v)[2] <- 9L
  v$part
}, expect = c(1L, 9L))
row("a name read and then assigned", setup = lind24 <- 7, code = {
  a <- lind24
  lind24 <- 1
  a + lind24
}, expect = 8)
row("a name that is assigned on one way only", setup = lv25 <- 7, code = {
  if (FALSE) lv25 <- 1
  lv25
}, expect = 7)
row("x$a <- value on an object of the script", setup = lx26 <- list(a = 1), code = {
  lx26$b <- 2
  unlist(lx26)
}, expect = c(a = 1, b = 2))
row("x[i] <- value on an object of the script", setup = lx27 <- 1:3, code = {
  lx27[2] <- 9L
  lx27
}, expect = c(1L, 9L, 3L))
row("a local variable that shadows the script's", setup = lv28 <- 1, code = {
  lv28 <- 5
  (function() lv28)()
}, expect = 5)
row("a variable named as a function that is called", setup = {
  lsum29 <- function(x) sum(x)
  lf29 <- function(lsum29) lsum29(lsum29)
}, code = lf29(1:3), expect = 6L)
row("<<- into the script's variable", setup = ltotal30 <- 1, code = {
  for (n in 1:3) (function() ltotal30 <<- ltotal30 + n)()
  ltotal30
}, expect = 7)
row("an alias of a package's function", setup = lsd31 <- stats::sd, code = lsd31(c(1, 3)), expect = sqrt(2))
row("an alias of a primitive", setup = ladd32 <- `+`, code = ladd32(1, 2), expect = 3)
row("a function whose body was replaced", setup = {
  lk33 <- 3
  lf33 <- function(x) NULL
  body(lf33) <- quote(x * lk33)
}, code = lf33(2), expect = 6)
row("a function whose default was replaced", setup = {
  lk34 <- 3
  lf34 <- function(x = 1) x
  formals(lf34)$x <- quote(lk34 * 2)
}, code = lf34(), expect = 6)
row("a function from as.function()", setup = {
  lk35 <- 3
  lf35 <- as.function(alist(x = , x * lk35))
}, code = lf35(2), expect = 6)
row("a function whose environment is a list", setup = {
  lf36 <- function() a + b
  environment(lf36) <- list2env(list(a = 1, b = 2))
}, code = lf36(), expect = 3)
row("a function whose environment hangs under base", setup = {
  lf37 <- function() a + 1
  environment(lf37) <- list2env(list(a = 1), parent = baseenv())
}, code = lf37(), expect = 2)
row("an active binding", setup = {
  lk38 <- 3
  makeActiveBinding("lactive38", function() lk38 * 2, globalenv())
}, code = lactive38, expect = 6)
row("an active binding in an environment", setup = {
  lk39 <- 3
  le39 <- new.env()
  makeActiveBinding("a", function() lk39 * 2, le39)
}, code = le39$a, expect = 6)
row("a delayed assignment", setup = {
  lk40 <- 3
  delayedAssign("llazy40", lk40 * 2)
}, code = llazy40, expect = 6)
row("a delayed assignment that is not needed", setup = {
  delayedAssign("lboom41", stop("evaluated"))
  lf41 <- function(now) if (now) lboom41 else "calm"
}, code = lf41(FALSE), expect = "calm", except = by_future())
row("an environment with a parent of its own", setup = {
  lpar42 <- list2env(list(a = 1))
  lkid42 <- new.env(parent = lpar42)
  lkid42$b <- 2
}, code = get("a", lkid42) + get("b", lkid42), expect = 3)
row("a locked environment", setup = {
  lloc43 <- list2env(list(a = 1))
  lockEnvironment(lloc43, bindings = TRUE)
}, code = tryCatch({
  lloc43$a <- 2
  "changed"
}, error = function(e) "locked"), expect = "locked")
row("an environment that holds itself", setup = {
  lself44 <- new.env()
  lself44$me <- lself44
  lself44$v <- 4
}, code = lself44$me$me$v, expect = 4)
row("two names of one environment", setup = {
  lone45 <- new.env()
  ltwo45 <- lone45
}, code = {
  lone45$v <- 5
  ltwo45$v
}, expect = 5)
row("a function compiled by hand", setup = {
  lk46 <- 3
  lf46 <- compiler::cmpfun(function(x) x * lk46)
}, code = lf46(2), expect = 6)
row("local() around a function", setup = lf47 <- local({
  secret <- 5
  function() secret
}), code = lf47(), expect = 5)
row("Recall()", setup = lf48 <- function(n) if (n < 2) 1 else n * Recall(n - 1), code = lf48(4), expect = 24)
row("a backslash function in a pipe", setup = lk49 <- 2, code = c(1, 2) |> sapply(FUN = \(x) x * lk49),
  expect = c(2, 4))
row("on.exit() with a helper", setup = {
  llog50 <- new.env()
  lnote50 <- function(x) llog50$said <- x
  lf50 <- function() {
    on.exit(lnote50("left"))
    1
  }
}, code = {
  lf50()
  llog50$said
}, expect = "left")
row("a factory of factories", setup = {
  lk51 <- 2
  lmake51 <- function(a) function(b) function(x) x + a * b * lk51
  lf51 <- lmake51(3)(4)
}, code = lf51(1), expect = 25)
row("nested dots", setup = {
  lmake52 <- function(...) {
    add <- function(...) sum(...)
    function(x) add(x, ...)
  }
  lf52 <- lmake52(1, 2)
}, code = lf52(3), expect = 6, except = by_future_apply())
row("dots that are variables of the script", setup = {
  lk53 <- 4
  lmake53 <- function(...) function() sum(...)
  lf53 <- lmake53(lk53, lk53 * 2)
}, code = lf53(), expect = 12, except = by_future_apply())
row("substitute() of an argument of the function around", setup = {
  lmake54 <- function(x) function() deparse(substitute(x))
  lf54 <- lmake54(a + b)
}, code = lf54(), expect = "x")
