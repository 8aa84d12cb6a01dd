redact <- function(lines) sub("gangway [0-9.]+\\.", "gangway <version>.", lines)

all_names_hidden <- function() {
  metaflow("R", decorator("project", name = "p")) |>
    parameter("Parameter", default = 1L) |>
    parameter("float", default = 1) |>
    parameter("retry", default = function() 2, type = "float") |>
    step(retry(times = 1), decorator("timeout", seconds = 5), step = "start", r_function = noop, next_step = "step") |>
    step(retry(times = 0), step = "step", r_function = noop, next_step = "timeout") |>
    step(decorator("timeout", minutes = 1), step = "timeout", next_step = "end") |>
    step(step = "end")
}

test_that("the generated file is what it was", {
  expect_snapshot(transform = redact, {
    python_code(hello_flow())
    python_code(every_transition())
    python_code(all_names_hidden())
  })
})

test_that("compiling is pure", {
  expect_identical(flow_code(every_transition()), flow_code(every_transition()))
})

test_that("a decorator of a user's module is imported from there", {
  flow <- metaflow("F") |>
    step(decorator("team.tools.audit", level = 1), step = "start", next_step = "end") |>
    step(step = "end")
  expect_match(flow_code(flow), "\nfrom team.tools import audit\n", fixed = TRUE)
  expect_match(flow_code(flow), "@audit(level=1)", fixed = TRUE)
})

test_that("the cases of a switch are strings, or logicals, or numbers", {
  expect_equal(switch_keys(c("big", "small")), c("\"big\"", "\"small\""))
  expect_equal(switch_keys(c("TRUE", "FALSE")), c("True", "False"))
  expect_equal(switch_keys(c("TRUE", "1")), c("\"TRUE\"", "\"1\""))
  expect_equal(switch_keys(c("1", "-2.5")), c("1", "-2.5"))
  expect_equal(switch_keys(c("01", "2")), c("\"01\"", "\"2\""))
})

test_that("Python reads the file", {
  skip_without_python()
  for (flow in list(hello_flow(), every_transition(), all_names_hidden())) {
    said <- python_says(c("import ast", paste0("ast.parse(", py_string(flow_code(flow)), ")"), "print('ok')"))
    expect_equal(trimws(said), "ok")
  }
})

test_that("Metaflow takes the graph", {
  python <- Sys.getenv("GANGWAY_PYTHON", Sys.which("python3"))
  core <- system.file("python", package = "gangway")
  env <- c("current", PYTHONPATH = core, METAFLOW_USER = "test", METAFLOW_HOME = withr::local_tempdir())
  works <- nzchar(core) && nzchar(python) && processx::run(
    python, c("-c", "import metaflow, metaflow_extensions.gangway.r"), env = env, error_on_status = FALSE
  )$status == 0
  skip_if_not(works, "Python with Metaflow and gangway's core")
  for (flow in list(hello_flow(), every_transition(), all_names_hidden())) {
    folder <- withr::local_tempdir()
    writeLines(enc2utf8(flow_code(flow)), file.path(folder, "flow.py"), useBytes = TRUE)
    for (command in c("check", "show")) {
      said <- processx::run(python, c("flow.py", "--no-pylint", command), wd = folder, env = env,
        error_on_status = FALSE, stderr_to_stdout = TRUE)
      expect_equal(said$status, 0L, info = said$stdout)
    }
  }
})
