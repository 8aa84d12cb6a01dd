# What has to look the same to every version of R: functions that make it anew, each the same way every time.
# Packages are those that all roots have; their objects are made of base R's, so that their versions do not matter.
makers <- list(
  null = function() NULL,
  logical = function() c(a = TRUE, b = FALSE, c = NA),
  integer = function() c(1L, NA, -2147483647L, 2147483647L),
  sequence = function() 1:1000000, # ALTREP: compact
  reals = function() seq(1, 100000),
  double = function() c(0, -0, 1 / 3, NA, NaN, Inf, -Inf, .Machine$double.xmin, .Machine$double.xmax),
  random = function() {
    set.seed(1, "Mersenne-Twister", "Inversion", "Rejection")
    rnorm(1000)
  },
  complex = function() complex(real = c(1, NA, NaN), imaginary = c(-1, 2, Inf)),
  raw = function() as.raw(0:255),
  serialized = function() replace(serialize(list(1, "a"), NULL), 9:10, as.raw(c(4L, 0L))), # less the version
  character = function() c("a", NA, "", "NA", "Z\u00fcrich", "\u65e5\u672c", "a\tb\n\"'\\"),
  latin1 = function() {
    x <- "Z\xfcrich"
    Encoding(x) <- "latin1"
    x
  },
  bytes = function() {
    x <- "\xff\xfe"
    Encoding(x) <- "bytes"
    x
  },
  numbers_as_text = function() as.character(1:1000), # ALTREP: deferred
  sorted = function() sort(c(3, 1, 2)), # ALTREP: wrapped
  empty = function() list(logical(), integer(), double(), complex(), character(), raw(), list(), factor()),
  long_text = function() strrep("x", 100000L),
  factor = function() factor(c("b", "a", NA), levels = c("b", "a", "unused")),
  ordered = function() factor(c("lo", "hi"), levels = c("lo", "hi"), ordered = TRUE),
  date = function() as.Date(c("2024-02-29", NA, "1900-01-01")) + c(0, 0, 0.5),
  time = function() as.POSIXct(c(0.123456, NA, -1e9), origin = "1970-01-01", tz = "Pacific/Auckland"),
  list_time = function() { # by hand: what as.POSIXlt() gives has changed
    structure(
      list(sec = 1.5, min = 2L, hour = 3L, mday = 4L, mon = 0L, year = 124L, wday = 4L, yday = 3L, isdst = 0L),
      class = c("POSIXlt", "POSIXt"), tzone = "UTC"
    )
  },
  difference = function() as.difftime(c(1.5, NA), units = "hours"),
  matrix = function() matrix(1:6, 2, dimnames = list(c("r1", "r2"), c("a", "b", "c"))),
  array = function() array(1:24 / 7, c(2, 3, 4)),
  series = function() ts(1:24, start = c(2020, 3), frequency = 12),
  table = function() table(x = c("a", "b", "a"), y = c(1, 2, 2)),
  list = function() list(1, b = "two", NULL, list(list(3L)), quote(x + y)),
  attributes = function() structure(list(1), class = c("mine", "thing"), note = list(by = "me"), names = "a"),
  frame = function() {
    data.frame(n = c(1.5, NA), s = c("a", NA), d = as.Date("2024-01-01") + 0:1, row.names = c("first", "second"))
  },
  no_rows = function() data.frame(a = integer(), b = character()),
  no_columns = function() data.frame(row.names = 1:3),
  list_column = function() {
    frame <- data.frame(id = 1:3)
    frame$list <- list(NULL, 1:2, data.frame(x = 1))
    frame$matrix <- matrix(1:6, 3)
    frame
  },
  tibble = function() tibble::tibble(x = 1:2, nested = list(tibble::tibble(y = 1), NULL)),
  record = function() vctrs::new_rcrd(list(from = 1:2, to = c(3L, NA)), class = "span"),
  list_of = function() vctrs::list_of(1:2, integer()),
  call = function() quote(if (x > 1) f(x, y = 2) else g(function(a, ...) a[["b"]]$c)),
  formula = function() structure(y ~ log(x) + I(x^2) | group, .Environment = globalenv()),
  expression = function() expression(a, b + 1, "c", NULL),
  pairlist = function() pairlist(a = 1, 2),
  symbol = function() as.name("a name"),
  builtin = function() list(sum, `if`, base::mean),
  namespaces = function() list(globalenv(), baseenv(), emptyenv(), asNamespace("stats")),
  closure = function() eval(quote(function(x, ..., y = x * 2) x + y), globalenv()),
  compiled = function() {
    f <- function(n) {
      total <- 0
      for (i in seq_len(n)) total <- total + i
      total
    }
    compiler::cmpfun(`environment<-`(f, globalenv()))
  }
)

# As identical(), but functions by what they do, whatever R compiled of them and wherever their source was.
same <- function(a, b) {
  identical(a, b, num.eq = FALSE, single.NA = FALSE, ignore.bytecode = TRUE, ignore.srcref = TRUE)
}

# References are compared by what they hold and do.
reference_makers <- list(
  environment = function() {
    e <- new.env(parent = emptyenv())
    e$x <- 1:3
    e$self <- e
    lockBinding("x", e)
    e
  },
  counter = function() {
    local({
      n <- 41
      function() n + 1
    })
  },
  shared = function() {
    e <- list2env(list(x = 1), parent = emptyenv())
    list(e, e)
  },
  s4 = function() {
    setClass("GangwayPoint", representation(x = "numeric", label = "character"))
    new("GangwayPoint", x = c(1, NA), label = "p")
  },
  r6 = function() {
    generator <- R6::R6Class("Counter", public = list(n = 1, add = function() self$n <- self$n + 1))
    generator$new()
  },
  model = function() lm(mpg ~ wt + factor(cyl), mtcars),
  data_table = function() data.table::data.table(a = 1:3, b = letters[1:3], key = "a")
)
reference_checks <- list(
  environment = function(x) {
    identical(x$x, 1:3) && identical(x$self, x) && bindingIsLocked("x", x) && identical(parent.env(x), emptyenv())
  },
  counter = function(x) x() == 42,
  shared = function(x) {
    x[[1]]$x <- 2
    x[[2]]$x == 2
  },
  s4 = function(x) isS4(x) && identical(attr(x, "x"), c(1, NA)) && identical(attr(x, "label"), "p"),
  r6 = function(x) {
    x$add()
    x$n == 2
  },
  model = function(x) {
    isTRUE(all.equal(predict(x, mtcars[1:3, ]), predict(lm(mpg ~ wt + factor(cyl), mtcars), mtcars[1:3, ])))
  },
  data_table = function(x) {
    data.table::set(x, j = "c", value = 1)
    identical(names(x), c("a", "b", "c")) && identical(data.table::key(x), "a") && identical(x[["b"]], letters[1:3])
  }
)
