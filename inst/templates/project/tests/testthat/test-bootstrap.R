test_that("a resampled slope is one of a model of the same cars", {
  set.seed(1)
  slopes <- vapply(1:200, resampled_slope, 0, cars = datasets::mtcars)
  slope <- stats::coef(stats::lm(mpg ~ wt, datasets::mtcars))[["wt"]]
  expect_true(slope > interval(slopes)[1] && slope < interval(slopes)[2])
})

test_that("the interval is that of the slopes of the gang's first node", {
  # The other nodes hold no artifacts.
  gathered <- call_step(bootstrap_flow(), "gather", inputs = list(list(slopes = c(-6, -5, -4)), list()))
  expect_identical(gathered$artifacts$interval, interval(c(-6, -5, -4)))
})

test_that("the flow runs on a Ray cluster of two nodes", {
  python <- tryCatch(gangway_python(), error = function(e) skip("no Python with Metaflow"))
  has_ray <- system2(python, c("-c", shQuote("import ray")), stdout = FALSE, stderr = FALSE) == 0
  skip_if_not(has_ray, "Ray is installed")
  withr::local_dir(withr::local_tempdir())
  withr::local_envvar(
    METAFLOW_USER = "test", METAFLOW_DEFAULT_METADATA = "local", METAFLOW_DEFAULT_DATASTORE = "local"
  )
  utils::capture.output(result <- run(bootstrap_flow(), replicates = 50L))
  expect_length(result$slopes, 50L)
  expect_identical(result$interval, interval(result$slopes))
})
