# What is kept though it has pointers, and what is said of the rest. With real packages, in a real run: test_r_kept.py.

new_pointer <- function(env = parent.frame()) {
  con <- file(tempfile(), "w")
  withr::defer(close(con), env)
  attr(con, "conn_id")
}
lost <- function(x, name = "x") find_unserializable(x, name)
local_methods <- function(..., env = parent.frame()) {
  list2env(list(...), globalenv())
  withr::defer(suppressWarnings(rm(list = ...names(), envir = globalenv())), env)
}

test_that("a method of heals() says what of a class is made anew", {
  pointer <- new_pointer()
  engine <- structure(list(bytes = raw(1), handle = pointer, other = 1), class = c("engine", "thing"))
  expect_equal(lost(engine)$path, "x$handle")
  expect_false(heals(engine))
  local_methods(heals.engine = function(x, ...) if (is.raw(x$bytes)) "handle" else FALSE)
  expect_null(lost(engine))
  expect_null(lost(list(a = list(engine))))
  engine$other <- pointer
  expect_equal(lost(engine)$path, "x$other")
  engine$bytes <- NULL
  expect_equal(lost(engine)$path, "x$handle")
  local_methods(heals.engine = function(x, ...) TRUE)
  expect_null(lost(engine))
  unnamed <- structure(list(pointer), class = "engine")
  local_methods(heals.engine = function(x, ...) "handle")
  expect_equal(lost(unnamed)$path, "x[[1]]")
  local_methods(heals.engine = function(x, ...) stop("no such slot"))
  expect_error(lost(engine), "heals.engine(), which says what of an object of class engine", fixed = TRUE)
})

test_that("methods of packages are found, registered or not, also for S4, environments and inherited classes", {
  pointer <- new_pointer()
  box <- structure(list2env(list(p = pointer, q = 1), parent = globalenv()), class = c("sub", "gangway_test_box"))
  expect_equal(lost(box)$path, "x$p")
  registerS3method("heals", "gangway_test_box", function(x, ...) "p", envir = asNamespace("gangway"))
  withr::defer(rm("heals.gangway_test_box", envir = asNamespace("gangway")[[".__S3MethodsTable__."]]))
  expect_null(lost(box))
  expect_equal(heals(box), "p")
  methods::setClass("GangwayEngine", representation(ptr = "ANY", n = "numeric"), where = environment())
  slotted <- methods::new("GangwayEngine", ptr = pointer, n = 1)
  expect_equal(lost(slotted)$path, "x@ptr")
  local_methods(heals.GangwayEngine = function(x, ...) "ptr")
  expect_null(lost(slotted))
})

test_that("known models are kept with their own bytes, and refused without", {
  pointer <- new_pointer()
  handle <- structure(pointer, class = "xgb.Booster.handle")
  booster <- structure(list(handle = handle, raw = raw(2)), class = "xgb.Booster")
  expect_null(lost(booster))
  expect_null(lost(list(fit = list(fit = list(fit = booster)))))
  booster["raw"] <- list(NULL)
  expect_equal(lost(booster)$path, "x$handle")
  lightgbm <- structure(list2env(list(raw = raw(1), private = list2env(list(handle = pointer)))), class = "lgb.Booster")
  expect_null(lost(lightgbm))
  lightgbm$raw <- NULL
  expect_match(lost(lightgbm)$advice, "lgb.make_serializable(x)", fixed = TRUE)
  catboost <- structure(list(cpp_obj = list2env(list(raw = raw(1), handle = pointer))), class = "catboost.Model")
  expect_null(lost(catboost))
})

test_that("the user can vouch for one object", {
  pointer <- new_pointer()
  settings <- list(log = list(pointer), level = 2)
  withr::defer(forget_kept())
  same <- expect_invisible(keep_pointers(settings))
  expect_identical(same, settings)
  expect_null(lost(settings))
  expect_null(lost(function() settings))
  expect_equal(lost(list(new_pointer()))$path, "x[[1]]")
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  keep_pointers(con)
  expect_null(lost(list(con)))
  flow <- metaflow("F") |> step(step = "start", r_function = function(self) settings$level, next_step = "end") |>
    step(step = "end")
  expect_type(flow_bundle_bytes(flow), "raw")
})

test_that("the advice fits the place", {
  pointer <- new_pointer()
  doc <- structure(list(node = pointer, doc = pointer), class = c("xml_document", "xml_node"))
  expect_match(lost(doc, "self$doc")$advice, "Keep as.character(self$doc), and xml2::read_xml()", fixed = TRUE)
  expect_match(lost(list(a = list(doc)), "self$x")$advice, "as.character(self$x$a[[1]])", fixed = TRUE)
  table <- structure(list(d = list(doc)), class = "data.frame", row.names = 1L)
  expect_match(lost(table, "self$x")$advice, "as.character(self$x$d[[1]])", fixed = TRUE)
  source <- structure(list(con = structure(list(pointer), class = "DBIConnection")), class = "src")
  query <- structure(list(src = source), class = c("tbl_dbi", "tbl_sql", "tbl_lazy", "tbl"))
  expect_match(lost(query, "q")$advice, "dplyr::collect(q)", fixed = TRUE)
  booster <- structure(list(handle = structure(pointer, class = "xgb.Booster.handle")), class = "xgb.Booster")
  expect_match(lost(booster, "self$m")$advice, "xgboost::xgb.save.raw(self$m)", fixed = TRUE)
  workflow <- structure(list(fit = structure(list(fit = booster), class = "model_fit")), class = "workflow")
  advice <- lost(list(workflow), "self$w")$advice
  expect_match(advice, "a part of `self$w[[1]]` (workflow)", fixed = TRUE)
  expect_no_match(advice, "xgb.save.raw", fixed = TRUE)
  dragged <- function() 1
  environment(dragged) <- list2env(list(doc = doc), parent = globalenv())
  expect_match(lost(dragged, "self$f")$advice, "rm()", fixed = TRUE)
  nobody <- lost(structure(list(new_pointer()), class = "nobody_knows"))$advice
  expect_match(nobody, "keep_pointers()", fixed = TRUE)
  expect_match(nobody, "heals()", fixed = TRUE)
})
