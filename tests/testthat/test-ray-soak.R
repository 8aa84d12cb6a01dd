# The short form of tests/bench/bench-soak.R.

test_that("after 400 jobs of all kinds workers and the object store hold what they held after 200", {
  skip_without_ray()
  skip_if_not(nzchar(Sys.getenv("GANGWAY_CASES")), "this is `make test-cases`: it lasts minutes")
  for (package in c("foreach", "future.apply")) skip_if_not_installed(package)
  program <- test_path("..", "bench", "bench-soak.R")
  skip_if_not(file.exists(program), "this is a checkout, with tests/bench")
  result <- processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", normalizePath(program), "400"),
    error_on_status = FALSE, timeout = 500, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  expect_identical(result$status, 0L, info = paste(result$stdout, result$stderr))
})
