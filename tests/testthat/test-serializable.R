where <- function(x, name = "x") find_unserializable(x, name)$path

test_that("ordinary objects are serializable", {
  fit <- lm(mpg ~ wt, mtcars)
  objects <- list(
    NULL, NA, 1:3, letters, list(), list(a = 1, b = list(2)), mtcars, factor("a"), Sys.time(), fit,
    quote(a + b), y ~ x, function(x) x, mean, sum, globalenv(), asNamespace("stats"), raw(2), 1i,
    structure(list(), class = "thing"), expression(a, b), new.env()
  )
  for (object in objects) expect_null(find_unserializable(object))
  for (object in objects) expect_identical(unserialize(serialize_exactly(1)), 1)
})

test_that("connections are found with their path", {
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  bad <- find_unserializable(con, "con")
  expect_equal(bad$path, "con")
  expect_match(bad$class, "connection")
  expect_match(bad$reason, "connection")
  expect_equal(where(list(a = 1, db = list(con)), "cfg"), "cfg$db[[1]]")
  expect_equal(where(list(`my db` = con), "cfg"), "cfg$`my db`")
  expect_equal(where(structure(1:3, con = con)), "attr(x, \"con\")")
})

test_that("external pointers and weak references are found anywhere", {
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  ptr <- attr(con, "conn_id")
  cfg <- list(db = list(ptr = ptr))
  expect_equal(where(cfg, "cfg"), "cfg$db$ptr")
  env <- new.env()
  env$deep <- list(1, list(p = ptr))
  expect_equal(where(list(e = env)), "x$e$deep[[2]]$p")
  f <- (function(handle) {
    force(handle)
    function() handle
  })(ptr)
  expect_equal(where(f, "f"), "environment(f)$handle")
  body(f) <- as.call(list(as.name(".Call"), ptr))
  environment(f) <- globalenv()
  expect_equal(where(f, "f"), "body(f)")
  child <- new.env(parent = env)
  expect_equal(where(child), "parent.env(x)$deep[[2]]$p")
})

test_that("slots and R6 objects are visited", {
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  methods::setClass("GangwayHolder", representation(what = "ANY"), where = environment())
  expect_equal(where(methods::new("GangwayHolder", what = list(con))), "x@what[[1]]")
  skip_if_not_installed("R6")
  holder <- R6::R6Class("holder", public = list(con = NULL), parent_env = globalenv())$new()
  expect_null(find_unserializable(holder))
  holder$con <- con
  expect_match(where(holder), "x.*con$")
})

test_that("cycles, promises and missing arguments do not trouble it", {
  env <- new.env()
  env$self <- env
  env$all <- list(env, function() env)
  makeActiveBinding("now", function() stop("looked at"), env)
  expect_null(find_unserializable(env))
  lazy <- (function(a, b, ...) environment())(stop("forced"))
  expect_null(find_unserializable(lazy))
})

test_that("a data.table's own pointer is no fault, nor is a pointer to nothing", {
  expect_null(find_unserializable(methods::new("externalptr")))
  skip_if_not_installed("data.table")
  table <- data.table::data.table(a = 1:3)
  expect_null(find_unserializable(list(table)))
  expect_type(serialize_exactly(table), "raw")
})

test_that("serialize_exactly() gives the bytes, or what is wrong", {
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  expect_identical(unserialize(serialize_exactly(mtcars)), mtcars)
  expect_equal(serialize_exactly(list(a = con), "x")$path, "x$a")
})

test_that("a Python object is named as one", {
  fake <- structure(new.env(), class = c("python.builtin.dict", "python.builtin.object"))
  expect_match(find_unserializable(list(d = fake), "x")$reason, "Python")
})

test_that("large plain lists are quick and deep ones do not overflow", {
  many <- as.list(seq_len(2e5))
  expect_lt(system.time(find_unserializable(many))[["user.self"]], 10)
  deep <- list()
  for (i in 1:5000) deep <- list(deep)
  expect_null(find_unserializable(deep))
})

test_that("classes are found among many elements, wherever they are", {
  many <- lapply(1:2e4, function(i) c(i, 0.5))
  expect_identical(classes_in(many), character())
  deep <- list(1, list(structure(1, own = structure(2, class = "deep"))))
  odd <- list(factor("a"), structure(new.env(), class = "R6like"), deep, structure(list(), class = "empty"))
  for (place in c(1L, 9999L, 20000L)) {
    found <- classes_in(append(many, odd, after = place - 1L))
    expect_setequal(found, c("factor", "R6like", "deep", "empty"))
  }
  expect_setequal(classes_in(list(a = many, b = rep(list(Sys.Date()), 1e4))), "Date")
})
