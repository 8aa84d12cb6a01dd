# call_step(): what a run does and refuses, without one.

flow_of_cars <- function() {
  metaflow("CarsFlow") |>
    parameter("folds", type = "integer", default = 5L) |>
    parameter("wanted", required = TRUE, type = "character") |>
    step(step = "start", next_step = "fit", foreach = "models",
      r_function = function(self) self$models <- c("a", "b")) |>
    step(step = "fit", next_step = "pick", r_function = function(self) {
      self$model <- self$input
      self$at <- self$index
      self$score <- nchar(self$input) / self$folds
    }) |>
    step(step = "pick", join = TRUE, next_step = "judge", r_function = function(self, inputs) {
      self$scores <- unlist(gather_inputs(inputs, "score"))
      merge_artifacts(self, inputs, exclude = c("score", "model", "at"))
    }) |>
    step(step = "judge", next_step = c(good = "end", bad = "again"), condition = "verdict",
      r_function = function(self) {
        self$verdict <- if (is.numeric(self$scores) && all(self$scores > 0.1)) "good" else self$scores[[1]]
      }) |>
    step(step = "again", py_function = "module:again", next_step = "end") |>
    step(step = "end")
}

test_that("the steps of a flow are called one after the other, and nothing of Python is started", {
  withr::local_envvar(GANGWAY_PYTHON = "/nowhere/python", RETICULATE_PYTHON = "/nowhere/python")
  flow <- flow_of_cars()
  start <- call_step(flow, "start")
  expect_identical(start$artifacts, list(models = c("a", "b")))
  expect_identical(start[c("assigned", "next_step")], list(assigned = "models", next_step = "fit"))
  expect_identical(start$foreach, list("a", "b"))
  fits <- lapply(start$foreach, function(model) {
    call_step(flow, "fit", artifacts = start, input = model, parameters = list(folds = 4))
  })
  expect_identical(fits[[2]]$artifacts, list(at = 0L, model = "b", models = c("a", "b"), score = 0.25))
  expect_identical(fits[[2]]$assigned, c("at", "model", "score"))
  picked <- call_step(flow, "pick", inputs = fits)
  expect_identical(picked$artifacts, list(models = c("a", "b"), scores = c(0.25, 0.25)))
  judged <- function(...) call_step(flow, "judge", artifacts = list(scores = c(...)))
  expect_identical(call_step(flow, "judge", artifacts = picked)$next_step, "end")
  expect_error(judged(0), "chosen by 'verdict', which is 0: it takes one of good, bad", class = "gangway_error_task")
  expect_identical(judged("bad")$next_step, "again")
  expect_null(call_step(flow, "end", artifacts = picked)$next_step)
  expect_output(print(picked), "next step: judge")
})

test_that("what a run refuses is refused", {
  refused <- function(f, pattern, class = "gangway_error_task", artifacts = list(scores = 1), ...) {
    expect_error(call_step(f, artifacts = artifacts, ...), pattern, class = class)
  }
  con <- textConnection("x")
  withr::defer(close(con))
  refused(function(self) self$score, "There is no artifact 'score' in TestFlow/1/step/1. Did you mean 'scores'")
  refused(function(self) self$x, "It has 'scores'")
  refused(function(self) self$con <- con, "`self\\$con` \\(.*connection\\) cannot be kept", "simpleError")
  refused(function(self) self$f <- list(1, p = con), "`self\\$f\\$p`", "simpleError")
  refused(function(self) self$class <- 1, "cannot be an artifact's name", "simpleError")
  refused(function(self) self$.x <- 1, "cannot be an artifact's name", "simpleError")
  refused(function(self) self$next_ <- self$"next", "There is no artifact 'next'")
  refused(function(self) self$name <- 1, "the flow's own name", "simpleError")
  refused(function(self) self$input <- 1, "cannot be set", "simpleError")
  refused(function(self) self$alpha <- 1, "parameter of the flow", "simpleError", parameters = list(alpha = 2))
  refused(function(self) NULL, "artifacts\\$con", "simpleError", artifacts = list(con = con))
  refused(function(self) NULL, "`artifacts\\$name`", artifacts = list(name = 1))
  joined <- function(f, pattern, class = "gangway_error_task") {
    refused(f, pattern, class, list(), inputs = list(list(x = 1, y = 1), list(x = 1, y = 2)))
  }
  joined(function(self, inputs) merge_artifacts(self, inputs), "different values: 'y' \\(TestFlow/1/before/1, Test")
  joined(function(self, inputs) merge_artifacts(self, inputs, include = "z"), "\\[z\\] are not present")
  joined(function(self, inputs) merge_artifacts(self, inputs, "a", "b"), "not both")
  joined(function(self, inputs) self$x, "which is a join: its inputs have it")
  joined(function(self, inputs) inputs[[1]]$x <- 2, "inputs of a join cannot be changed", "simpleError")
  joined(function(self, inputs) inputs$x, "the inputs of this join have no names", "simpleError")
  joined(function(self, inputs) gather_inputs(inputs, "z"), "There is no artifact 'z'")
  # An error of the step's own is passed on as it is.
  expect_error(call_step(function(self) rlang::abort("own", class = "my_error")), class = "my_error")
  expect_warning(call_step(function(self) warning("careful")), "careful")
})

test_that("a join's self has what it has set or merged, as in a run", {
  merge <- function(self, inputs) merge_artifacts(self, inputs, exclude = "y")
  joined <- call_step(merge, inputs = list(a = list(x = mtcars, y = 1), b = list(x = mtcars, y = 2)))
  expect_identical(joined$artifacts, list(x = mtcars))
  named <- function(self, inputs) self$z <- inputs$b$y - inputs$a$y
  expect_identical(call_step(named, inputs = list(a = list(y = 1), b = list(y = 3)))$artifacts, list(z = 2))
})

test_that("artifacts arrive as a next step finds them", {
  shared <- function(self) {
    e <- new.env()
    self$a <- list(e)
    self$b <- list(e)
    self$code <- function(x) x + 1
    self$large <- as.list(seq_len(2e5))
  }
  found <- call_step(shared)$artifacts
  expect_false(identical(found$a[[1]], found$b[[1]]))
  expect_identical(found$large, as.list(seq_len(2e5)))
  expect_identical(found$code(1), 2)
  # What was only read comes unharmed, and what was changed in place is told.
  given <- list(e = list2env(list(n = 1)), d = structure(list(a = c(NA, 1)), class = "odd"))
  in_place <- call_step(function(self) assign("n", 2, envir = self$e), artifacts = given)
  expect_identical(get("n", in_place$artifacts$e), 2)
  expect_identical(get("n", given$e), 1)
  expect_identical(in_place$assigned, "e")
  expect_identical(in_place$artifacts$d, given$d)
  kept <- NULL
  call_step(function(self) kept <<- self, artifacts = list(x = 1))
  expect_error(kept$x, "belongs to a task that has ended")
})

test_that("a foreach gives its tasks what R's [[ gives, and refuses what has no elements", {
  split <- function(value) {
    metaflow("SplitFlow") |>
      step(step = "start", r_function = function(self) if (!is.null(value)) self$x <- value, next_step = "one",
        foreach = "x") |>
      step(step = "one", next_step = "join", r_function = function(self) self$stack <- self$foreach_stack()) |>
      step(step = "join", join = TRUE, next_step = "end", r_function = function(self, inputs) NULL) |>
      step(step = "end")
  }
  rows <- call_step(split(data.frame(a = 1:2, b = c("x", "y"))), "start")$foreach
  expect_identical(rows[[2]], data.frame(a = 2L, b = "y", row.names = 2L))
  expect_error(call_step(split(integer()), "start"), "no elements", class = "gangway_error_task")
  expect_error(call_step(split(mean), "start"), "R has no elements", class = "gangway_error_task")
  expect_error(call_step(split(NULL), "start"), "which it has not set", class = "gangway_error_task")
  one <- function(...) call_step(split(1), "one", ...)$artifacts$stack
  expect_identical(one(input = "b", index = 1L), list(list(1L, 2L, "b")))
  nested <- list(list(0L, 1L, "a"), list(2L, 3L, factor("x")))
  expect_identical(one(foreach_stack = nested), nested)
  expect_identical(one(), list())
  expect_error(one(foreach_stack = list(list(3, 3, 1))), class = "gangway_error_argument")
})

test_that("current() and cards are there, as far as the step has them", {
  facts <- function(self) {
    self$path <- current("pathspec")
    self$nodes <- current("parallel")$num_nodes
    self$said <- current("torch")$run(entrypoint = "train.py")
  }
  called <- call_step(facts, current = list(
    run_id = "12", parallel = list(num_nodes = 2L), torch = list(run = function(entrypoint) paste("ran", entrypoint))
  ))
  expect_identical(called$artifacts, list(nodes = 2L, path = "TestFlow/12/step/1", said = "ran train.py"))
  expect_error(call_step(function(self) current("run_idd")), "Did you mean 'run_id'", class = "gangway_error_task")
  expect_error(current("run_id"), class = "gangway_error_not_in_task")
  card <- function(self) {
    current("card")$append("# *Title*")
    current("card")$append(head(mtcars, 2))
    bar <- current("card")$progress(max = 2)
    bar$update(1)
  }
  shown <- call_step(card)$card
  expect_identical(vapply(shown, function(part) part$kind, ""), c("markdown", "table", "bar"))
  expect_identical(shown[[1]]$content, list("# *Title*"))
  flow <- function(...) {
    metaflow("CardFlow") |>
      step(..., step = "start", r_function = card, next_step = "end") |>
      step(step = "end")
  }
  expect_length(call_step(flow(decorator("card")), "start")$card, 3L)
  expect_error(call_step(flow(), "start"), "This step has no card", class = "gangway_error_task")
})

test_that("what does not fit the flow is an error before anything is called", {
  flow <- flow_of_cars()
  wrong <- function(..., class = "gangway_error_argument") expect_error(call_step(...), class = class)
  wrong(flow, "fitt")
  wrong(flow)
  wrong(mean, "fit")
  wrong(flow, "again")
  wrong(flow, "pick")
  wrong(flow, "fit", inputs = list(list()))
  wrong(flow, "start", artifacts = list(1))
  wrong(flow, "start", parameters = list(fold = 1))
  wrong(flow, "start", parameters = list(folds = "many"), class = "gangway_error_parameter")
  wrong(flow, "start", current = list(1))
  wrong(function(self, inputs) NULL, artifacts = list(x = 1), inputs = list(list()))
  wrong(3, class = "gangway_error_flow")
  asks <- metaflow("AsksFlow") |>
    parameter("wanted", required = TRUE, type = "character") |>
    step(step = "start", r_function = function(self) self$x <- self$wanted, next_step = "end") |>
    step(step = "end")
  expect_error(call_step(asks, "start"), "parameters = list\\(wanted = \\)", class = "gangway_error_task")
  expect_identical(call_step(asks, "start", parameters = list(wanted = "w"))$artifacts, list(x = "w"))
  split <- metaflow("SplitFlow") |>
    step(step = "start", next_step = c("a", "b")) |>
    step(step = "a", next_step = "join") |>
    step(step = "b", next_step = "join") |>
    step(step = "join", join = TRUE, r_function = function(self, inputs) self$n <- names(inputs), next_step = "end") |>
    step(step = "end")
  wrong(split, "join", inputs = list(a = list(), c = list()))
  wrong(split, "join", inputs = list(list(), list()))
  expect_identical(call_step(split, "join", inputs = list(a = list(), b = list()))$artifacts$n, c("a", "b"))
})

test_that("a gang's workers are left out where they hold nothing", {
  flow <- metaflow("GangFlow") |>
    step(step = "start", next_step = "work", num_parallel = 2) |>
    step(decorator("ray_parallel"), step = "work", next_step = "join",
      r_function = function(self) self$got <- unlist(ray_map(1:2, function(i) i * 2))) |>
    step(step = "join", join = TRUE, next_step = "end",
      r_function = function(self, inputs) self$all <- unlist(gather_inputs(inputs, "got"))) |>
    step(step = "end")
  expect_identical(call_step(flow, "join", inputs = list(list(got = 1), list()))$artifacts, list(all = 1))
  expect_error(call_step(flow, "work"), "ray_init", class = "gangway_error_ray")
})

test_that("a run and call_step() give the same", {
  local_run_folder()
  time <- as.POSIXct("2026-11-29 08:30:00.25", tz = "UTC")
  frame <- data.frame(a = c(1L, NA), b = c(0.5, NA), s = c("x", NA), f = factor(c("u", "v")))
  frame$d <- as.Date(c("2026-01-01", NA))
  keep <- function(self) {
    self$kept <- lapply(list(
      i = self$i, big = self$big, d = self$d, s = self$s, parts = self$parts, flag = self$flag, day = self$day,
      at = self$at, later = self$later, frame = self$frame, grid = self$grid, file = self$file, lines = self$lines,
      made = self$made, nothing = self$nothing, two = self$two
    ), identity)
    self$refused <- vapply(list(
      function() self$missing, function() self$i <- 1, function() self$start <- 1, function() self$con <- stdin(),
      function() self$`a b` <- 1, function() self$index <- 1, function() self$nexxt, function() self$name <- 2
    ), function(f) tryCatch(paste("no error", f()), error = conditionMessage), "")
    self$facts <- list(self$input, self$index, self$foreach_stack(), names(self), current("step_name"))
  }
  writeLines(c("x,y", "1,2"), "data.csv")
  flow <- metaflow("SameFlow") |>
    parameter("i", default = 3L) |>
    parameter("big", default = 3e9, type = "integer") |>
    parameter("d", default = 2) |>
    parameter("s", default = "gr\u00fcn = $x") |>
    parameter("parts", default = c("a", "b"), separator = ",") |>
    parameter("flag", is_flag = TRUE) |>
    parameter("day", type = "Date", default = "2026-11-29") |>
    parameter("at", default = time) |>
    parameter("later", type = "POSIXct", default = "2026-11-29 08:30+01:30") |>
    parameter("frame", default = frame) |>
    parameter("grid", default = list(a = 1:3, b = c(1, 2.5), c = list(1L, "x"), d = NULL, e = list(1, 2))) |>
    parameter("file", type = "file", default = "data.csv") |>
    parameter("lines", type = "file", default = "data.csv", parser = readLines) |>
    parameter("made", type = "integer", default = function() 4L) |>
    parameter("nothing", type = "integer") |>
    parameter("two", type = "json", default = "[2, 2.0]") |>
    step(step = "start", r_function = keep, next_step = "end") |>
    step(step = "end")
  utils::capture.output(ran <- run(flow))
  called <- call_step(flow, "start", current = list(run_id = attr(ran, "run")$run_id))
  expect_identical(called$artifacts$kept, ran$kept)
  expect_identical(called$artifacts$facts, ran$facts)
  # Python and R suggest names by rules of their own.
  cut <- function(x) sub(" (Did you mean|It has) .*", "", gsub("Flow/[0-9]+/start/[0-9]+", "path", x))
  expect_identical(cut(called$artifacts$refused), cut(ran$refused))
})
