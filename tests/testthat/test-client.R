# The client against real runs: of a Python flow, because the client reads what any flow has stored.

client_python()
folder <- withr::local_tempdir()
# Without a datastore of its own: Metaflow reads that variable once in this session, and other files follow.
withr::local_envvar(METAFLOW_USER = "dev", METAFLOW_HOME = folder, METAFLOW_DATASTORE_SYSROOT_LOCAL = NA)
withr::defer(reset_default_metadata())
before <- Sys.time()
made <- run_python_flow(client_flow, folder)
failed <- run_python_flow(failing_flow, folder)
run_python_flow(sub("ClientFlow", "OtherFlow", client_flow), folder, user = "anna")
set_metadata(paste0("local@", folder))
set_default_namespace()

test_that("the flows of the tests ran", {
  expect_identical(made$status, 0L, info = made$stderr)
  expect_false(failed$status == 0L)
})

test_that("a flow gives its runs", {
  flow <- flow_client$new("ClientFlow")
  expect_identical(flow$id, "ClientFlow")
  expect_identical(flow$pathspec, "ClientFlow")
  expect_null(flow$parent)
  expect_length(flow$runs, 1L)
  expect_identical(flow$latest_run, flow$runs[[1]])
  expect_identical(flow$latest_successful_run, flow$latest_run)
  expect_s3_class(flow$created_at, "POSIXct")
  expect_gt(as.numeric(flow$created_at), as.numeric(before) - 1)
  expect_true(flow$is_in_namespace())
  expect_s3_class(flow$get_obj(), "python.builtin.object")
  expect_length(flow$runs_with_tags("user:dev"), 1L)
  expect_length(flow$runs_with_tags("no such tag"), 0L)
  expect_setequal(list_flows(), c("ClientFlow", "FailingFlow"))
})

test_that("a run is found in every way that Netflix's package has", {
  flow <- flow_client$new("ClientFlow")
  id <- flow$latest_successful_run
  path <- paste0("ClientFlow/", id)
  expect_identical(run_client$new(flow, run = id)$pathspec, path)
  expect_identical(run_client$new(flow, id)$pathspec, path)
  expect_identical(run_client$new(flow, as.numeric(id))$pathspec, path)
  expect_identical(run_client$new(flow, "latest_run")$id, id)
  expect_identical(run_client$new(flow, "latest_successful_run")$id, id)
  expect_identical(run_client$new(path)$id, id)
  expect_identical(flow$run(id)$id, id)
  expect_identical(new_run("ClientFlow", id)$id, id)
  client <- mf_client$new()
  expect_identical(client$run(client$flow("ClientFlow"), id)$id, id)
})

test_that("a run has its times, steps and artifacts", {
  run <- new_run("ClientFlow", "latest_run")
  expect_identical(run$steps, c("end", "join", "each", "start"))
  expect_setequal(run$artifacts, c("metrics", "text", "flag", "name", "nested", "none", "ys"))
  expect_true(run$successful)
  expect_true(run$finished)
  expect_s3_class(run$finished_at, "POSIXct")
  expect_gte(as.numeric(run$finished_at), as.numeric(run$created_at))
  expect_identical(run$end_task, run$step("end")$a_task)
  expect_identical(run$parent, "ClientFlow")
  expect_true("user:dev" %in% run$tags)
  expect_identical(run$artifact("metrics"), c(0.25, 0.5))
  expect_identical(run$artifact("text"), "gr\u00fcn")
  expect_identical(run$artifact("flag"), TRUE)
})

test_that("a step and a task have what Netflix's package gives", {
  run <- new_run("ClientFlow", "latest_run")
  step <- step_client$new(run, "each")
  expect_length(step$tasks, 2L)
  expect_true(step$a_task %in% step$tasks)
  expect_null(step$control_task)
  expect_identical(step$parent, run$id)
  expect_identical(step_client$new(step$pathspec)$id, "each")
  tasks <- lapply(step$tasks, step$task)
  expect_setequal(vapply(tasks, function(task) task$artifact("y"), ""), c("aa", "bb"))
  expect_setequal(vapply(tasks, function(task) task$index, 0L), 0:1)
  start <- new_task("ClientFlow", run$id, "start", run$step("start")$a_task)
  expect_match(start$stdout, "hello out")
  expect_match(start$stderr, "hello err")
  expect_true(start$successful)
  expect_null(start$exception)
  expect_null(start$index)
  expect_identical(start$metadata_dict[["metaflow_version"]], unname(py_version()))
  expect_identical(start$runtime_name, "dev")
  expect_identical(task_client$new(start$pathspec)$id, start$id)
  expect_s3_class(start$finished_at, "POSIXct")
})

test_that("Python's values come back equal, or stay Python objects", {
  start <- new_step("ClientFlow", "latest_run", "start")
  task <- start$task(start$a_task)
  expect_identical(task$artifact("x"), 1L)
  expect_identical(task$artifact("large"), 2^40)
  expect_identical(task$artifact("larges"), c(2^40, 1))
  expect_identical(task$artifact("smallest"), -2^31)
  expect_identical(task$artifact("items"), c("a", "b"))
  expect_identical(task$artifact("raw"), charToRaw("ab"))
  expect_s3_class(task$artifact("big"), "python.builtin.object")
  expect_identical(as.character(task$artifact("big")), "1180591620717411303424")
  expect_s3_class(task$artifact("keys"), "python.builtin.dict")
  run <- new_run("ClientFlow", "latest_run")
  expect_null(run$artifact("none"))
  expect_identical(run$artifact("nested"), list(a = list(1L, 2L, NULL), b = list(c = 2.5)))
})

test_that("R objects are unserialized, also within Python's lists", {
  r <- reticulate::import("metaflow_extensions.gangway.r", convert = FALSE)
  trailer <- reticulate::import("metaflow_extensions.gangway.rds.trailer", convert = FALSE)
  bi <- reticulate::import_builtins(convert = FALSE)
  robject <- function(x, bytes = serialize(x, NULL, version = 3)) {
    about <- list(class = list("list"), type = "list", length = 1L, dim = NULL, r = "", restore = list())
    r$RObject(trailer$add_trailer(bi$bytes(reticulate::r_to_py(bytes)), reticulate::r_to_py(about)))
  }
  value <- tibble::tibble(f = factor(c("a", NA)), d = as.Date(c("2020-01-01", NA)))
  expect_identical(artifact_value(robject(value)), value)
  expect_identical(artifact_value(bi$list(list(robject(value), 1L))), list(value, 1L))
  damaged <- robject(bytes = serialize(value, NULL)[1:30])
  expect_error(artifact_value(damaged, "F/1/s/2/x"), "F/1/s/2/x", class = "gangway_error_client")
})

test_that("what Netflix's R package has stored is read as R objects", {
  # Its R side stores this, and metaflow.R, which is part of Metaflow, tells what made the run.
  stored <- list(
    model = stats::lm(mpg ~ wt, mtcars), fun = function(x) x + 1, kinds = list(f = factor("a"), g = mean),
    old = list(a = 1L, f = factor("b"))
  )
  environment(stored$fun) <- globalenv()
  for (name in names(stored)) {
    bytes <- serialize(stored[[name]], NULL, version = if (name == "old") 2L else 3L)
    writeBin(bytes, file.path(folder, paste0(name, ".bin")))
  }
  old_flow <- c(
    "import metaflow.R as r, pandas as pd",
    "from metaflow import FlowSpec, step",
    "r.R_PACKAGE_PATHS = {'package': '.', 'flow': 'flow.RDS', 'wd': '.'}",
    "r.METAFLOW_R_VERSION, r.R_VERSION, r.R_VERSION_CODE = '2.3.0', '4.0.2', '4.0.2'",
    "class OldFlow(FlowSpec):",
    "    @step",
    "    def start(self):",
    "        for name in ['model', 'fun', 'kinds', 'old']:",
    "            setattr(self, name, bytearray(open(name + '.bin', 'rb').read()))",
    "        self.num = 1.5; self.raw = bytearray(b'\\1\\2'); self.named = {'a': 1.0, 'b': 'x'}",
    "        self.df = pd.DataFrame({'x': [1, 2], 'y': ['a', 'b']})",
    "        self.next(self.end)",
    "    @step",
    "    def end(self): pass",
    "if __name__ == '__main__': OldFlow()"
  )
  expect_identical(run_python_flow(old_flow, folder)$status, 0L)
  step <- new_run("OldFlow", "latest_run")$step("start")
  task <- step$task(step$a_task)
  expect_identical(stats::coef(task$artifact("model")), stats::coef(stored$model))
  expect_identical(task$artifact("fun")(1), 2)
  expect_identical(task$artifact("kinds"), stored$kinds)
  expect_identical(task$artifact("old"), stored$old)
  expect_identical(task$artifact("num"), 1.5)
  expect_identical(task$artifact("raw"), as.raw(1:2))
  expect_identical(task$artifact("named"), list(a = 1, b = "x"))
  expect_identical(task$artifact("df"), data.frame(x = 1:2, y = c("a", "b")))
  # In any other run bytes are bytes, and mf_deserialize() reads them.
  expect_identical(run_python_flow(sub("^r[.]METAFLOW.*|^r[.]R_PACK.*", "", old_flow), folder)$status, 0L)
  step <- new_run("OldFlow", "latest_run")$step("start")
  bytes <- step$task(step$a_task)$artifact("old")
  expect_type(bytes, "raw")
  expect_identical(mf_deserialize(bytes), stored$old)
})

test_that("a failed task has its exception", {
  run <- new_run("FailingFlow", "latest_run")
  expect_false(run$successful)
  expect_identical(run$artifact("x"), 1L)
  task <- run$step("end")$task(run$step("end")$a_task)
  expect_false(task$successful)
  expect_match(task$exception$exception, "bad luck")
  expect_null(flow_client$new("FailingFlow")$latest_successful_run)
  expect_error(
    run_client$new(flow_client$new("FailingFlow"), "latest_successful_run"), "no such run",
    class = "gangway_error_client"
  )
})

test_that("what is not there is named, with the nearest that is", {
  expect_missing <- function(expr, ...) {
    error <- expect_error(expr, class = "gangway_error_client")
    for (pattern in c(...)) expect_match(conditionMessage(error), pattern, fixed = TRUE)
  }
  run <- new_run("ClientFlow", "latest_run")
  start <- run$step("start")
  expect_missing(flow_client$new("ClientFlw"), "ClientFlw", "\"ClientFlow\"", folder)
  expect_missing(run_client$new("ClientFlow/9"), "no run \"9\"", run$id)
  expect_missing(run_client$new("ClientFlw/9"), "no flow \"ClientFlw\"", "\"ClientFlow\"")
  expect_missing(run_client$new(flow_client$new("ClientFlow"), 9), "no run \"9\"")
  expect_missing(run$step("strat"), "strat", "\"start\"")
  expect_missing(start$task("99"), "99", start$a_task)
  expect_missing(run$artifact("metric"), "metric", "\"metrics\"")
  expect_missing(run$artifact("early"), "early", "\"start\"")
  expect_missing(start$task(start$a_task)$artifact("erly"), "erly", "\"early\"")
  expect_missing(new_run("FailingFlow", "latest_run")$artifact("z"), "no artifact \"z\"")
})

test_that("other people's runs are hidden, and the error says how to see them", {
  expect_error(flow_client$new("OtherFlow"), "user:dev", class = "gangway_error_client")
  expect_error(flow_client$new("OtherFlow"), "set_namespace(NULL)", fixed = TRUE)
  expect_identical(get_namespace(), "user:dev")
  expect_null(set_namespace(NULL))
  withr::defer(set_default_namespace())
  expect_null(get_namespace())
  expect_length(flow_client$new("OtherFlow")$runs, 1L)
  expect_true("OtherFlow" %in% list_flows())
  expect_identical(set_namespace("user:anna"), "user:anna")
  expect_identical(list_flows(), "OtherFlow")
  expect_error(set_namespace(1), "one string", class = "gangway_error_client")
})

test_that("arguments of the wrong kind are errors", {
  flow <- flow_client$new("ClientFlow")
  expect_error(run_client$new(), "one or two arguments", class = "gangway_error_client")
  expect_error(run_client$new("a", "b"), "flow_client", class = "gangway_error_client")
  expect_error(step_client$new(flow, "start"), "run_client", class = "gangway_error_client")
  expect_error(run_client$new("ClientFlow"), "does not name a run", class = "gangway_error_client")
  expect_error(flow_client$new("a/b"), "does not name a flow", class = "gangway_error_client")
  expect_error(flow_client$new(NULL), "one string", class = "gangway_error_client")
  expect_error(flow$run(c("1", "2")), "one string", class = "gangway_error_client")
  expect_error(flow$run("latest_run")$artifact(1), "one string", class = "gangway_error_client")
  expect_error(set_metadata(1), "one string", class = "gangway_error_client")
  for (wrong in c("nosuch@place", "local@/nowhere", "/nowhere")) {
    expect_silent(expect_error(set_metadata(wrong), "nosuch|nowhere", class = "gangway_error_client"))
    expect_identical(get_metadata(), paste0("local@", folder))
  }
  expect_identical(flow_client$new("ClientFlow")$latest_run, flow$latest_run)
})

test_that("a run's result takes the last step that holds an artifact, and never guesses", {
  run <- latest_run("ClientFlow")
  # First each artifact is looked up, then those of all steps are known.
  for (i in 1:2) {
    expect_identical(run$metrics, c(0.25, 0.5))
    expect_identical(run$early, "only here")
    expect_identical(run$same, "same")
    expect_error(run$y, "different values in the 2 tasks", class = "gangway_error_client")
    expect_error(run$metric, "\"metrics\"", class = "gangway_error_client")
  }
  expect_true(all(c("metrics", "early", "same", "y") %in% names(run)))
  expect_false("name" %in% names(run))
  # Another run's artifacts are its own.
  expect_error(latest_run("FailingFlow")$metrics, "no step|No step", class = "gangway_error_client")
  expect_identical(run$metrics, c(0.25, 0.5))
})

test_that("a gang's artifacts are those of its control task", {
  expect_identical(run_python_flow(gang_flow, folder)$status, 0L)
  run <- new_run("GangFlow", "latest_run")
  step <- run$step("work")
  expect_length(step$tasks, 2L)
  expect_identical(step$task(step$control_task)$artifact("node"), 0L)
  expect_identical(latest_run("GangFlow")$node, 0L)
})

test_that("run_steps() lists the steps as they ran", {
  steps <- run_steps(new_run("ClientFlow", "latest_run"))
  expect_identical(steps$step, c("start", "each", "join", "end"))
  expect_identical(steps$tasks, c(1L, 2L, 1L, 1L))
  expect_true(all(steps$seconds >= 0 & steps$seconds < 60))
  expect_identical(run_steps(new_run("FailingFlow", "latest_run"))$step, c("start", "end"))
})

test_that("objects print what they hold, and summary() has Netflix's fields", {
  flow <- flow_client$new("ClientFlow")
  run <- flow$run("latest_run")
  expect_output(print(flow), "<FlowClient> ClientFlow")
  expect_output(print(run), "steps: start, each, join, end")
  expect_output(print(run$step("each")), "tasks")
  expect_output(print(run$step("end")$task(run$end_task)), "metrics")
  expect_output(flow$summary(), "Latest Successful Run")
  expect_output(run$summary(), "Successful: +TRUE")
  expect_output(run$step("each")$summary(), "# Tasks: +2")
  expect_output(run$step("end")$task(run$end_task)$summary(), "Objects:")
  expect_output(new_run("FailingFlow", "latest_run")$summary(), "Successful: +FALSE")
})
