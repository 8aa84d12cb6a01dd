# S3: where a method stays behind, R takes the default one and says nothing.
kind("S3 methods")

row("predict()", setup = {
  sk01 <- 3
  predict.s01 <- function(object, ...) sk01 * object$a
}, code = predict(structure(list(a = 2), class = "s01")), expect = 6)
row("a method on an object of the script", setup = {
  sm02 <- structure(list(a = 2), class = "s02")
  summary.s02 <- function(object, ...) paste("sum", object$a)
}, code = summary(sm02), expect = "sum 2")
row("a generic of the script", setup = {
  sarea03 <- function(o) UseMethod("sarea03")
  sarea03.sq <- function(o) o$s^2
  sarea03.default <- function(o) NA
}, code = c(sarea03(structure(list(s = 3), class = "sq")), sarea03(1)), expect = c(9, NA))
row("format()", setup = format.s04 <- function(x, ...) "S04", code = format(structure(1, class = "s04")),
  expect = "S04")
row("print()", setup = print.s05 <- function(x, ...) cat("<s05>\n"),
  code = capture.output(print(structure(1, class = "s05"))), expect = "<s05>"
)
row("[", setup = "[.s06" <- function(x, i) "sub", code = structure(1:3, class = "s06")[1], expect = "sub")
row("[[", setup = "[[.s07" <- function(x, i) "element", code = structure(list(1), class = "s07")[[1]],
  expect = "element")
row("$", setup = "$.s08" <- function(x, name) paste0("<", name, ">"), code = structure(list(), class = "s08")$abc,
  expect = "<abc>"
)
row("[<- and $<-", setup = {
  "[<-.s09" <- function(x, i, value) {
    y <- unclass(x)
    y[i] <- value * 10
    structure(y, class = "s09")
  }
  "$<-.s09" <- function(x, name, value) structure(c(unclass(x), value), class = "s09")
}, code = {
  x <- structure(c(1, 2), class = "s09")
  x[1] <- 5
  x$a <- 7
  unclass(x)
}, expect = c(50, 2, 7))
row("length()", setup = length.s10 <- function(x) 77L, code = {
  x <- structure(1:3, class = "s10")
  list(length(x), length(seq_along(x)))
}, expect = list(77L, 77L))
row("Ops", setup = Ops.s11 <- function(e1, e2) paste(.Generic, unclass(e1), unclass(e2)), code = {
  x <- structure(2, class = "s11")
  c(x + 3, x == 4)
}, expect = c("+ 2 3", "== 2 4"))
row("+ alone", setup = "+.s12" <- function(e1, e2) "added", code = structure(1, class = "s12") + 1, expect = "added")
row("== alone", setup = "==.s13" <- function(e1, e2) "compared", code = structure(1, class = "s13") == 2,
  expect = "compared"
)
row("Math", setup = Math.s14 <- function(x, ...) paste("math", .Generic), code = {
  x <- structure(4, class = "s14")
  c(sqrt(x), round(x), abs(x))
}, expect = c("math sqrt", "math round", "math abs"))
row("Summary", setup = Summary.s15 <- function(..., na.rm = FALSE) paste("summary", .Generic), code = {
  x <- structure(4, class = "s15")
  c(max(x), range(x))
}, expect = c("summary max", "summary range"))
row("as.character() and paste()", setup = {
  as.character.s16 <- function(x, ...) "text"
  format.s16 <- function(x, ...) "formatted"
}, code = c(as.character(structure(1, class = "s16")), paste(structure(1, class = "s16"))), expect = c("text", "text"))
row("c()", setup = c.s17 <- function(...) "joined", code = c(structure(1, class = "s17"), 2), expect = "joined")
row("rep() and rev()", setup = {
  rep.s18 <- function(x, ...) "again"
  rev.s18 <- function(x) "back"
}, code = c(rep(structure(1, class = "s18"), 2), rev(structure(1, class = "s18"))), expect = c("again", "back"))
row("sort() through xtfrm()", setup = {
  xtfrm.s19 <- function(x) -unclass(x)
  "[.s19" <- function(x, i) structure(unclass(x)[i], class = "s19")
}, code = unclass(sort(structure(c(1, 3, 2), class = "s19"))), expect = c(3, 2, 1))
row("mean(), median() and quantile()", setup = {
  mean.s20 <- function(x, ...) "mean"
  median.s20 <- function(x, na.rm = FALSE, ...) "median"
  quantile.s20 <- function(x, ...) "quantile"
}, code = {
  x <- structure(1:4, class = "s20")
  c(mean(x), median(x), quantile(x))
}, expect = c("mean", "median", "quantile"))
row("dim(), t() and levels()", setup = {
  dim.s21 <- function(x) c(7L, 8L)
  t.s21 <- function(x) "turned"
  levels.s21 <- function(x) "level"
}, code = {
  x <- structure(list(1), class = "s21")
  list(dim(x), nrow(x), t(x), levels(x))
}, expect = list(c(7L, 8L), 7L, "turned", "level"))
row("unique(), is.na() and anyNA()", setup = {
  unique.s22 <- function(x, ...) "once"
  is.na.s22 <- function(x) "missing"
  anyNA.s22 <- function(x, recursive = FALSE) TRUE
}, code = {
  x <- structure(c(1, 1), class = "s22")
  list(unique(x), is.na(x), anyNA(x))
}, expect = list("once", "missing", TRUE))
row("as.list(), which lapply() calls", setup = as.list.s23 <- function(x, ...) list("a", "b"),
  code = unlist(lapply(structure(list(1), class = "s23"), toupper)), expect = c("A", "B")
)
row("as.data.frame()", setup = as.data.frame.s24 <- function(x, ...) data.frame(made = unclass(x)),
  code = as.data.frame(structure(1, class = "s24"))$made, expect = 1
)
row("NextMethod() along three classes", setup = {
  sdesc25 <- function(x) UseMethod("sdesc25")
  sdesc25.s25a <- function(x) c("a", NextMethod())
  sdesc25.s25b <- function(x) c("b", NextMethod())
  sdesc25.default <- function(x) "default"
}, code = sdesc25(structure(1, class = c("s25a", "s25b"))), expect = c("a", "b", "default"))
row("a method for an implicit class", setup = {
  skind26 <- function(x) UseMethod("skind26")
  skind26.matrix <- function(x) "matrix"
  skind26.function <- function(x) "function"
  skind26.integer <- function(x) "integer"
}, code = c(skind26(matrix(1)), skind26(sum), skind26(1L)), expect = c("matrix", "function", "integer"))
row("a method that calls a method", setup = {
  sk27 <- "!"
  format.s27 <- function(x, ...) paste0("f", sk27)
  print.s27 <- function(x, ...) cat(format(x), "\n", sep = "")
}, code = capture.output(print(structure(1, class = "s27"))), expect = "f!")
row("a class that a constructor makes", setup = {
  new_s28 <- function(x) structure(list(x = x), class = "s28")
  toString.s28 <- function(x, ...) paste("s28 of", x$x)
}, code = toString(new_s28(4)), expect = "s28 of 4")
row("registerS3method()",
  setup = registerS3method("format", "s29", function(x, ...) "S29"),
  code = format(structure(1, class = "s29")), expect = "S29"
)
row(".S3method()", setup = ssum30 <- .S3method("summary", "s30", function(object, ...) "S30"),
  code = summary(structure(1, class = "s30")), expect = "S30"
)
row("registerS3method() of a method that uses the script", setup = {
  sk31 <- "k"
  registerS3method("toString", "s31", function(x, ...) paste(sk31, "31"))
}, code = toString(structure(1, class = "s31")), expect = "k 31")
row("registerS3method() for the generic of a package", setup = {
  requireNamespace("dplyr")
  registerS3method("pull", "s32", function(.data, ...) "pulled", envir = asNamespace("dplyr"))
}, code = dplyr::pull(structure(list(), class = "s32")), expect = "pulled", needs = "dplyr")
row("a method of the script for the generic of a package", setup = pull.s33 <- function(.data, ...) "pulled",
  code = {
    library(dplyr)
    pull(structure(list(), class = "s33"))
  }, expect = "pulled", needs = "dplyr",
)
row("a method in the environment of the function that calls it", setup = {
  smake34 <- function() {
    print.s34 <- function(x, ...) cat("local\n")
    function(x) capture.output(print(x))
  }
  sf34 <- smake34()
}, code = sf34(structure(1, class = "s34")), expect = "local")
row("the method of an element of a list", setup = {
  format.s35 <- function(x, ...) "S35"
  sl35 <- list(a = structure(1, class = "s35"))
}, code = vapply(sl35, format, ""), expect = c(a = "S35"))
row("a column with a class of its own", setup = {
  "[.s36" <- function(x, ...) structure(NextMethod(), class = "s36")
  format.s36 <- function(x, ...) paste0("#", unclass(x))
  sd36 <- data.frame(id = 1:2)
  sd36$v <- structure(c(5, 6), class = "s36")
}, code = format(sd36)$v[2] |> unclass(), expect = "#6")
row("cbind() and rbind()", setup = {
  cbind.s37 <- function(...) "columns"
  rbind.s37 <- function(...) "rows"
}, code = c(cbind(structure(1, class = "s37"), 1), rbind(structure(1, class = "s37"), 1)),
  expect = c("columns", "rows"))
row("all.equal() and seq()", setup = {
  all.equal.s38 <- function(target, current, ...) "alike"
  seq.s38 <- function(...) "sequence"
}, code = c(all.equal(structure(1, class = "s38"), 2), seq(structure(1, class = "s38"))),
  expect = c("alike", "sequence"))
row("split() and merge()", setup = {
  split.s39 <- function(x, f, ...) "split"
  merge.s39 <- function(x, y, ...) "merged"
}, code = c(split(structure(1, class = "s39"), 1), merge(structure(1, class = "s39"), 1)),
  expect = c("split", "merged"))
row("update(), residuals() and coef()", setup = {
  coef.s40 <- function(object, ...) "coef"
  residuals.s40 <- function(object, ...) "resid"
  update.s40 <- function(object, ...) "updated"
}, code = {
  x <- structure(list(), class = "s40")
  c(coef(x), resid(x), update(x))
}, expect = c("coef", "resid", "updated"))
row("str() and head()", setup = {
  str.s41 <- function(object, ...) cat("structure\n")
  head.s41 <- function(x, ...) "head"
}, code = c(capture.output(str(structure(1, class = "s41"))), head(structure(1, class = "s41"))),
expect = c("structure", "head"))
row("names(), and names<-", setup = {
  names.s42 <- function(x) "named"
  "names<-.s42" <- function(x, value) structure(list(value), class = "s42b")
}, code = {
  x <- structure(list(1), class = "s42")
  before <- names(x)
  names(x) <- "new"
  c(before, unclass(x)[[1]])
}, expect = c("named", "new"))
row("a method called by its whole name", setup = format.s43 <- function(x, ...) "S43",
  code = format.s43(1), expect = "S43")
row("getS3method() and exists()", setup = format.s44 <- function(x, ...) "S44",
  code = list(getS3method("format", "s44")(1), exists("format.s44")), expect = list("S44", TRUE)
)
row("a generic whose method comes from a list of functions", setup = {
  srun45 <- function(x, ...) UseMethod("srun45")
  srun45.s45 <- function(x, ...) x$f(2)
  sk45 <- 3
  sx45 <- structure(list(f = function(x) x * sk45), class = "s45")
}, code = srun45(sx45), expect = 6)
row("as.Date(), as.numeric() and as.integer()", setup = {
  as.Date.s46 <- function(x, ...) as.Date("2026-01-01")
  as.double.s46 <- function(x, ...) 46
  as.integer.s46 <- function(x, ...) 47L
}, code = {
  x <- structure("a", class = "s46")
  list(format(as.Date(x)), as.numeric(x), as.integer(x))
}, expect = list("2026-01-01", 46, 47L))
row("within() and with()", setup = {
  with.s47 <- function(data, expr, ...) "with"
  within.s47 <- function(data, expr, ...) "within"
}, code = c(with(structure(list(), class = "s47"), a), within(structure(list(), class = "s47"), a)),
expect = c("with", "within"))
row("a method of vctrs", setup = {
  vec_ptype2.s48.s48 <- function(x, y, ...) x
  vec_cast.s48.s48 <- function(x, to, ...) x
  format.s48 <- function(x, ...) paste0("~", vctrs::vec_data(x))
}, code = format(vctrs::new_vctr(1:2, class = "s48")), expect = c("~1", "~2"), needs = "vctrs")
row("registerS3method() of a module that hangs below base, as box's do", setup = {
  module49 <- structure(new.env(parent = baseenv()), class = "module")
  evalq({
    hidden <- function() "module"
    toString.s49 <- function(x, ...) hidden()
  }, module49)
  registerS3method("toString", "s49", module49$toString.s49)
}, code = toString(structure(1, class = "s49")), expect = "module")
