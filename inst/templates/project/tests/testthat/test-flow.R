test_that("the flow runs", {
  skip_if(inherits(try(gangway_python(), silent = TRUE), "try-error"), "no Python with Metaflow")
  withr::local_dir(withr::local_tempdir())
  withr::local_envvar(
    METAFLOW_USER = "test", METAFLOW_DEFAULT_METADATA = "local", METAFLOW_DEFAULT_DATASTORE = "local"
  )
  utils::capture.output(result <- run(project_flow(), folds = 2L))
  expect_identical(nrow(result$results), 3L)
  expect_true(result$best %in% result$results$model)
})
