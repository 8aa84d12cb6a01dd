image_flow <- function(...) {
  nothing <- function(self) NULL
  metaflow("ImageFlow") |>
    step(step = "start", ..., r_function = nothing, next_step = "end") |>
    step(step = "end", r_function = nothing)
}

settings_of <- function(..., flow = image_flow(), script = character()) {
  image_settings(flow, run_command(flow, list(...), script))
}

local_image <- function(image, batch = NA, default = NA, env = parent.frame()) {
  withr::local_options(gangway.image = image, .local_envir = env)
  withr::local_envvar(METAFLOW_BATCH_CONTAINER_IMAGE = batch, METAFLOW_KUBERNETES_CONTAINER_IMAGE = NA,
    METAFLOW_DEFAULT_CONTAINER_IMAGE = default, METAFLOW_DECOSPECS = NA, .local_envir = env)
}

test_that("the session's image reaches remote steps that name no other, however they are sent there", {
  local_image(function() "flows:1")
  batch <- c(METAFLOW_BATCH_CONTAINER_IMAGE = "flows:1")
  kubernetes <- c(METAFLOW_KUBERNETES_CONTAINER_IMAGE = "flows:1")
  expect_identical(settings_of(with = "batch"), batch)
  expect_identical(settings_of(with = "kubernetes:cpu=2", resume = TRUE), kubernetes)
  expect_identical(settings_of(flow = image_flow(batch(cpu = 2))), batch)
  expect_identical(settings_of(flow = image_flow(batch(cpu = 2)), with = "batch:image=x"), batch)
  expect_identical(settings_of(script = c("run", "--with", "batch:cpu=2")), batch)
  expect_identical(settings_of(script = c("argo-workflows", "create", "--only-json")), kubernetes)
  expect_identical(settings_of(step_functions = "create"), batch)
  withr::local_envvar(METAFLOW_DECOSPECS = "retry kubernetes")
  expect_identical(settings_of(), kubernetes)
})

test_that("it is asked for only where it is needed", {
  local_image(function() stop("AWS was asked"))
  none <- character()
  expect_identical(settings_of(), none)
  expect_identical(settings_of(with = "batch:cpu=2,image=x"), none)
  expect_identical(settings_of(flow = image_flow(batch(image = "x"))), none)
  expect_identical(settings_of(show = TRUE, flow = image_flow(batch(cpu = 2))), none)
  expect_identical(settings_of(step_functions = "trigger"), none)
  local_image(function() stop("AWS was asked"), default = "x")
  expect_identical(settings_of(with = "batch"), none)
  local_image("flows:1", batch = "x")
  expect_identical(settings_of(with = "batch"), none)
  expect_named(settings_of(with = "kubernetes"), "METAFLOW_KUBERNETES_CONTAINER_IMAGE")
  local_image(function() NULL)
  error <- expect_error(settings_of(with = "batch"), class = "gangway_error_image")
  expect_match(conditionMessage(error), "Flow \"ImageFlow\": .*not NULL")
})
