# A script in a folder with a difficult name, beside files that Python would import in place of its own, with steps that
# change what belongs to the whole process.

surroundings_script <- function(folder) {
  project <- file.path(folder, "Gr\u00f6\u00dfe & 'mehr'")
  dir.create(project)
  for (name in c("json", "csv", "queue", "random", "secrets", "statistics", "traceback", "zoneinfo")) {
    writeLines(sprintf("raise SystemExit('imported %s')", name), file.path(project, paste0(name, ".py")))
  }
  for (name in c("metaflow", "ray", "numpy", "psutil")) {
    dir.create(file.path(project, name))
    writeLines(sprintf("raise SystemExit('imported %s')", name), file.path(project, name, "__init__.py"))
  }
  writeLines("def clean(self):\n    self.cleaned = [self.x * 2]\n", file.path(project, "helpers.py"))
  script <- file.path(project, "\u00dcbung \"1\" o'clock.R")
  writeLines(enc2utf8(c(
    "suppressPackageStartupMessages(library(gangway))",
    "metaflow(\"SurroundingsFlow\") |>",
    "  step(step = \"start\", next_step = \"clean\", r_function = function(self) {",
    "    # Begins",
    "    sink(tempfile())", "    print(\"into the sink\")", "    setwd(tempdir())", "    self$x <- 3L", "  }) |>",
    "  step(step = \"clean\", py_function = \"helpers:clean\", next_step = \"each\", foreach = \"cleaned\") |>",
    "  step(step = \"each\", next_step = \"last\", r_function = function(self) self$y <- self$input) |>",
    "  step(step = \"last\", join = TRUE, next_step = \"end\", r_function = function(self, inputs) {",
    "    cat(\"last in\", basename(getwd()), \"\\n\")",
    "    self$y <- unlist(gather_inputs(inputs, \"y\"))",
    "    print(self$y)", "  }) |>",
    "  step(step = \"end\") |>", "  run()"
  )), script, useBytes = TRUE)
  script
}

test_that("a script's folder and name, what lies there and what steps change do no harm; spin and resume work", {
  skip_if_not(l10n_info()[["UTF-8"]])
  folder <- local_run_folder()
  script <- surroundings_script(folder)
  call <- function(...) {
    processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", basename(script), ...), wd = dirname(script),
      error_on_status = FALSE, timeout = 280, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  }
  result <- call("run", "--run-id-file", "id")
  expect_equal(result$status, 0L, info = paste(result$stdout, result$stderr))
  expect_match(result$stdout, "last in Gr\u00f6\u00dfe & 'mehr'", fixed = TRUE)
  expect_match(result$stdout, "[1] 6", fixed = TRUE)
  expect_no_match(result$stdout, "into the sink", fixed = TRUE)
  origin <- readLines(file.path(dirname(script), "id"), warn = FALSE)

  result <- call("spin", "last")
  expect_equal(result$status, 0L, info = paste(result$stdout, result$stderr))
  expect_match(result$stdout, "[1] 6", fixed = TRUE)
  expect_no_match(paste(result$stdout, result$stderr), "Ignoring|Package creation")

  # What was spun is no run to go on with.
  latest <- file.path(dirname(script), ".metaflow", "SurroundingsFlow", "latest_run")
  expect_equal(readLines(latest, warn = FALSE), origin)
  result <- call("resume", "last")
  expect_equal(result$status, 0L, info = paste(result$stdout, result$stderr))

  result <- call("check")
  expect_match(result$stderr, paste0("'Rscript '\u00dcbung \"1\" o'\"'\"'clock.R' show'"), fixed = TRUE)
  expect_no_match(result$stderr, "flow.py", fixed = TRUE)
  expect_nothing_left(folder)
})

test_that("a script that is started from another folder, and changes it, finds Python modules and paths as a session", {
  folder <- local_run_folder()
  beside <- file.path(folder, "analysis")
  elsewhere <- file.path(folder, "elsewhere")
  for (one in c(beside, elsewhere)) dir.create(one)
  file.create(file.path(folder, ".here"))
  writeLines("def make(self):\n    self.x = 20\n", file.path(beside, "besides.py"))
  writeLines("def double(self):\n    self.x *= 2\n", file.path(elsewhere, "abroad.py"))
  writeLines(c(
    "suppressPackageStartupMessages(library(gangway))",
    "setwd(\"elsewhere\")",
    "paths <- function() c(getwd(), if (requireNamespace(\"here\", quietly = TRUE)) here::here(\"data\"))",
    "cat(\"session\", paths(), \"\\n\")",
    "metaflow(\"BesideFlow\") |>",
    "  step(step = \"start\", py_function = \"besides:make\", next_step = \"double\") |>",
    "  step(step = \"double\", py_function = \"abroad:double\", next_step = \"end\") |>",
    "  step(step = \"end\", r_function = function(self) cat(\"task\", paths(), self$x, \"\\n\")) |>",
    "  run()"
  ), file.path(beside, "flow.R"))
  result <- processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", "analysis/flow.R", "run"), wd = folder,
    error_on_status = FALSE, timeout = 280, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  expect_equal(result$status, 0L, info = paste(result$stdout, result$stderr))
  paths <- regmatches(result$stdout, regexpr("session .*", result$stdout))
  paths <- trimws(sub("\n.*", "", sub("session", "", paths)))
  expect_match(paths, "elsewhere", fixed = TRUE)
  expect_match(result$stdout, paste("task", paths, "40"), fixed = TRUE)
  expect_no_match(result$stderr, "Warning", fixed = TRUE)
  expect_nothing_left(folder)
})
