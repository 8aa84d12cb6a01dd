# Errors of R code on their way through workers, tasks and Metaflow into the session: one flow, one failure.

errors_flow <- function() {
  # Its class, call, fields and parents are to arrive; stdin() cannot be kept, and the matrix is too large to.
  signal <- function(x, sep) {
    tryCatch(rlang::abort("the first cause", class = "first_err"), error = function(e) {
      rlang::abort(c("the {second}", i = "a hint"), class = c("my_err", "my_errors"), parent = e, data = x,
        con = stdin(), large = matrix(runif(2e5), 2))
    })
  }
  custom <- structure(class = c("cust", "error", "condition"),
    list(message = "custom", call = quote(g("a: b")), type = "mine"))
  metaflow("ErrorsFlow") |>
    step(catch(var = "e", print_exception = FALSE), step = "start", next_step = "two",
      r_function = function(self) signal(1:3, sep = "a: b")) |>
    step(catch(var = "own", print_exception = FALSE), step = "two", next_step = "three",
      r_function = function(self) stop(custom)) |>
    step(catch(var = "python", print_exception = FALSE), step = "three", py_function = "no_such_module:run",
      next_step = "end") |>
    step(step = "end", r_function = function(self) {
      seen <- list(e = self$e, own = self$own, python = self$python,
        said = vapply(list(self$e, self$own, self$python), conditionMessage, ""),
        printed = utils::capture.output(print(self$e)))
      rlang::abort("told", class = "seen_err", seen = seen, parent = self$e)
    })
}

test_that("the classes, fields and parents of a step's condition are those of run()'s error, and of what @catch kept", {
  folder <- local_run_folder()
  error <- tryCatch(quiet_run(errors_flow()), seen_err = identity)
  expect_s3_class(error, c("gangway_error_run", "gangway_error", "seen_err", "rlang_error"), exact = FALSE)
  failed <- error$failed[[1L]]
  expect_identical(failed[c("message", "call")], list(message = failed$message, call = "end(self)"))
  expect_match(failed$message, "^told\nCaused by error.*the \\{second\\}")
  expect_identical(class(error$parent), c("seen_err", "rlang_error", "error", "condition"))
  expect_identical(error$traceback, "end(self)")
  expect_identical(error$parent$trace$call, list(quote(end(self))))
  expect_s3_class(error$parent$parent$parent, "first_err")

  seen <- error$seen
  expect_s3_class(seen$e, c("metaflow_exception", "my_err", "my_errors", "rlang_error", "error"), exact = FALSE)
  expect_identical(seen$e$data, 1:3)
  expect_identical(seen$e$call, quote(signal(1:3, sep = "a: b")))
  expect_identical(seen$e$traceback[1:2], c("start(self)", "signal(1:3, sep = \"a: b\")"))
  expect_s3_class(seen$e$parent, "first_err")
  expect_null(seen$e$large)
  expect_match(seen$printed[1], "Error in signal(1:3, sep = \"a: b\"): the {second}", fixed = TRUE)
  expect_false(any(grepl("File|withCallingHandlers|signalCondition|doTryCatch|guarded|abort_", seen$printed)))
  expect_identical(seen$own[c("message", "call", "type")], list(message = "custom", call = quote(g("a: b")),
    type = "mine"))
  expect_s3_class(seen$own, c("metaflow_exception", "cust", "error", "condition"), exact = TRUE)
  expect_match(seen$said[1], "^the \\{second\\}\n.*a hint\nCaused by error")
  expect_identical(seen$said[2], "custom")
  expect_match(seen$said[3], "no_such_module")
  expect_s3_class(seen$python, c("metaflow_exception", "error", "condition"), exact = TRUE)

  # The same through the client, and under the error no line of the package's own calls.
  end <- new_run("ErrorsFlow", "latest_run")$step("end")
  expect_s3_class(end$task(end$a_task)$exception, c("metaflow_exception", "seen_err"), exact = FALSE)
  expect_output(print(error), "Caused by error in `end()`:\n! told\nCaused by error", fixed = TRUE)
  shown <- utils::capture.output(print(error))
  expect_false(any(grepl("finish_run|abort_run|gangway::run|cli_abort|guarded|call_as", shown)))
  expect_nothing_left(folder)
})

test_that("what a worker of a step's gang signals is an error of that class in the step, and of run()", {
  skip_without_ray()
  folder <- local_run_folder()
  flow <- metaflow("GangErrors") |>
    step(step = "start", next_step = "train", num_parallel = 2) |>
    step(decorator("ray_parallel"), step = "train", next_step = "join", r_function = function(self) {
      fail <- function(x) rlang::abort("bad x", class = "my_err", data = list(x, "a"))
      map <- function() ray_map(c(a = 1, b = 2), function(x) if (x > 1) fail(x))
      here <- tryCatch(map(), my_err = function(e) e[c("index", "traceback", "data")])
      tryCatch(map(), error = function(e) {
        e$here <- here
        stop(e)
      })
    }) |>
    step(step = "join", join = TRUE, next_step = "end") |>
    step(step = "end")
  error <- tryCatch(quiet_run(flow), gangway_error_ray_map = identity)
  expect_s3_class(error, c("gangway_error_run", "gangway_error", "gangway_error_ray_map", "gangway_error_ray", "my_err",
    "rlang_error", "error", "condition"), exact = TRUE)
  expect_identical(error[c("index", "data")], list(index = 2L, data = list(2, "a")))
  expect_identical(error$here, error$parent[c("index", "traceback", "data")])
  expect_match(error$node, "^node-")
  expect_identical(error$parent$traceback, c(".f(.x)", "fail(x)"))
  expect_identical(error$traceback[c(1, length(error$traceback))], c("train(self)", "fail(x)"))
  expect_s3_class(error$parent$parent, c("my_err", "rlang_error", "error", "condition"), exact = TRUE)
  expect_match(conditionMessage(error), "element 2 (b) failed on node-", fixed = TRUE)
  expect_match(conditionMessage(error), "Caused by error in `fail()`:\n! bad x", fixed = TRUE)
})

test_that("an error in a parameter's default is run()'s as well", {
  local_run_folder()
  flow <- metaflow("DefaultFlow") |>
    parameter("n", type = "integer", default = function() rlang::abort("no n", class = "my_err")) |>
    step(step = "start", next_step = "end") |>
    step(step = "end")
  error <- tryCatch(quiet_run(flow), my_err = identity)
  expect_s3_class(error, "gangway_error_run")
  expect_match(conditionMessage(error), "default of parameter n.\n.*Caused by error in `n\\(\\)`:\n! no n")
})

test_that("a class's own methods do not stand in the way of run()'s error", {
  registerS3method("conditionMessage", "odd_err", function(c) stop("no message"))
  registerS3method("cnd_header", "odd_err", function(cnd, ...) stop("no header"), envir = asNamespace("rlang"))
  parent <- structure(class = c("odd_err", "error", "condition"), list(message = "odd", call = NULL, body = "b", n = 1))
  first <- list(pathspec = "A/1/start/1", step = "start", message = "odd", call = "", class = class(parent),
    traceback = "start(self)", parent = NULL)
  report <- list(run_id = "1", failed = list(first))
  error <- tryCatch(abort_run("A", report, list(status = 1L), quote(run(a)), list(flow = "a")), odd_err = identity)
  expect_match(conditionMessage(error), "failed in step \"start\".*odd")
  with <- with_cause(ray_condition("map", "text", index = 2L, parent = parent), parent)
  expect_identical(conditionMessage(with), "text")
  expect_identical(unclass(with)[c("index", "n", "body")], list(index = 2L, n = 1, body = "b"))
})

test_that("a run compares as the exit status that Netflix's run() returned", {
  ok <- new_run_result("A", "1", "ok", 1, "local")
  expect_true(ok == 0)
  expect_false(ok != 0L)
  expect_true(0 == ok)
  expect_true(!ok)
  expect_false(new_run_result("A", "1", "failed", 1, "local") == 0)
  expect_error(ok + 1, "result[$]name", class = "gangway_error_client")
  expect_error(ok == "ok", class = "gangway_error_client")
})
