# crew's controller on a local cluster, alone and in a pipeline of targets.

skip_if_not_installed("mirai", "2.7.0")
skip_if_not_installed("crew", "1.3.0")

local_controller <- function(..., env = parent.frame()) {
  skip_without_ray()
  ray_init(cpus = 2)
  controller <- crew_controller_ray(...)
  controller$start()
  withr::defer(controller$terminate(), envir = env)
  controller
}

test_that("without a cluster, and for what is wrong, it says so", {
  skip_without_ray()
  ray_shutdown() # of the files before
  expect_error(crew_controller_ray(), "ray_init", class = "gangway_error_ray_argument")
  ray_init(cpus = 2)
  expect_error(crew_controller_ray(host = "x"), "got \"host\"", class = "gangway_error_ray_argument")
  expect_error(crew_controller_ray(second_idle = 1), "got \"second_idle\"", class = "gangway_error_ray_argument")
  expect_error(crew_controller_ray("name", 1, 2), "without a name", class = "gangway_error_ray_argument")
  expect_error(crew_controller_ray(gpus = 1), "gpus = 1", class = "gangway_error_ray_resources")
  expect_error(crew_controller_ray(workers = -1), "workers")
})

test_that("tasks run on as many workers as there are cores", {
  controller <- local_controller(seconds_idle = 30, reset_options = TRUE)
  expect_identical(controller$launcher$workers, 2)
  expect_match(controller$client$url, "^wss://127[.0-9]*:[0-9]+/[0-9a-f]{64}$")
  done <- controller$map(c(i, Sys.getpid()), iterate = list(i = 1:4), verbose = FALSE)
  expect_identical(vapply(done$result, `[`, 0, 1), as.numeric(1:4))
  expect_false(Sys.getpid() %in% vapply(done$result, `[`, 0, 2))
  failed <- controller$map(stop("from there"), iterate = list(i = 1), error = "silent", verbose = FALSE)
  expect_identical(failed$status, "error")
  expect_match(failed$error, "from there")
})

test_that("a worker that crashes is replaced, and its task tried again", {
  controller <- local_controller(workers = 1)
  file <- withr::local_tempfile()
  controller$push(name = "once", data = list(file = file), command = {
    if (!file.exists(file)) {
      file.create(file)
      tools::pskill(Sys.getpid(), 9)
    }
    "second time"
  })
  controller$wait()
  crashed <- controller$pop()
  expect_identical(crashed$status, "crash")
  controller$push(name = "once", data = list(file = file), command = if (file.exists(file)) "second time")
  controller$wait()
  expect_identical(controller$pop()$result[[1]], "second time")
})

test_that("a pipeline of targets runs on the controller", {
  skip_if_not_installed("targets")
  skip_without_ray()
  ray_init(cpus = 2)
  withr::local_dir(withr::local_tempdir())
  writeLines(c(
    "targets::tar_option_set(controller = gangway::crew_controller_ray(workers = 2))",
    "list(",
    "  targets::tar_target(x, 1:3),",
    "  targets::tar_target(squared, c(x^2, Sys.getpid()), pattern = map(x), iteration = 'list'),",
    "  targets::tar_target(total, sum(vapply(squared, `[`, 0, 1)))",
    ")"
  ), "_targets.R")
  targets::tar_make(callr_function = NULL, reporter = "silent")
  expect_identical(targets::tar_read_raw("total"), 14)
  pids <- vapply(targets::tar_read_raw("squared"), `[`, 0, 2)
  expect_false(Sys.getpid() %in% pids)
})

withr::defer(ray_shutdown(), teardown_env())
