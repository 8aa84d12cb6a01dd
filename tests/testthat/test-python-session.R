# Every function of the package that needs Python in the session, ray_init() last.
asks_python <- c(
  "list_flows()", "new_flow('AnyFlow')", "latest_run('AnyFlow')", "list_runs()", "set_namespace(NULL)",
  "get_namespace()", "set_default_namespace()", "set_metadata('local')", "get_metadata()", "reset_default_metadata()",
  "py_version()", "ray_init(cpus = 1)"
)

# What each says in a session that begins with `lines`.
said_by_each <- function(lines, env = character()) {
  lines <- c(
    lines, "options(cli.width = 1000)",
    sprintf("tryCatch({ %s; cat('no error\\n') }, gangway_error_python = function(e) writeLines(
      gsub('\\n', ' ', conditionMessage(e))))", asks_python)
  )
  withr::local_envvar(env)
  result <- rscript(lines)
  expect_equal(result$status, 0L, info = result$stderr)
  said <- strsplit(result$stdout, "\n", fixed = TRUE)[[1L]]
  expect_length(said, length(asks_python))
  expect_length(unique(said), 1L)
  said[1L]
}

test_that("a session's other Python is named with the one that is wanted, by every function that needs it", {
  wanted <- run_python_path()
  other <- "/usr/bin/python3"
  skip_if(!file.exists(other) || nzchar(probe_python(other)$metaflow))
  withr::local_envvar(RETICULATE_PYTHON = NA)
  start <- sprintf("reticulate::use_python('%s', required = TRUE); invisible(reticulate::py_config())", other)
  running <- said_by_each(start)
  expect_match(running, "Python, '/usr/bin/python3', does not have Metaflow.*has started it already.*Restart R")
  expect_match(running, wanted, fixed = TRUE)
  forced <- said_by_each(character(), c(RETICULATE_PYTHON = other))
  expect_match(forced, "'/usr/bin/python3', does not have Metaflow.*RETICULATE_PYTHON` makes reticulate start it")
  expect_match(forced, sprintf("Sys.setenv(RETICULATE_PYTHON = \"%s\")", wanted), fixed = TRUE)
  missing <- expect_error(check_forced_python("/nowhere/python3", wanted, FALSE), class = "gangway_error_python")
  expect_match(conditionMessage(missing), "'/nowhere/python3', does not exist")
})

test_that("RETICULATE_PYTHON is no matter where it names gangway's Python", {
  python <- run_python_path()
  place <- file.path(dirname(python), ".", basename(python))
  withr::local_envvar(RETICULATE_PYTHON = place)
  result <- rscript("cat(get_metadata())")
  expect_match(result$stdout, "^local@|^service@")
  expect_no_match(result$stderr, "will be ignored")
})

test_that("a child that the session has forked cannot use its cluster, and does not end it", {
  skip_on_os("windows")
  skip_if_not(can_run_ray())
  result <- rscript(c(
    "invisible(ray_init(cpus = 1))",
    "children <- parallel::mclapply(1:2, function(i) {",
    "  ray_shutdown()",
    "  tryCatch(ray_put(1), error = conditionMessage)",
    "}, mc.cores = 2)",
    "cat(all(grepl('has forked', unlist(children))), ray_get(ray_put(3)))"
  ))
  expect_equal(result$stdout, "TRUE 3", info = result$stderr)
})
