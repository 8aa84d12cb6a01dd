# mirai's daemons on a local cluster, with what is built on mirai.

skip_if_not_installed("mirai", "2.7.0")

mirai <- mirai::mirai

# One cluster for the file; the daemons of a test end with it.
local_daemons <- function(..., env = parent.frame()) {
  skip_without_ray()
  ray_init(cpus = 2)
  made <- ray_daemons(...)
  withr::defer(mirai::daemons(0), envir = env)
  invisible(made)
}

connections <- function() mirai::status()$connections

wait_for <- function(condition, seconds = 60) {
  condition <- substitute(condition)
  env <- parent.frame()
  end <- Sys.time() + seconds
  while (!isTRUE(eval(condition, env)) && Sys.time() < end) Sys.sleep(0.05)
  isTRUE(eval(condition, env))
}

is_running <- function(pid) {
  tryCatch(ps::ps_status(ps::ps_handle(pid)) != "zombie", error = function(e) FALSE)
}

test_that("n is for all nodes, for each, or for some by name", {
  nodes <- data.frame(node = c("node-0", "node-1", "node-2"), alive = c(TRUE, FALSE, TRUE), cpus = c(0.5, 4, 3))
  expect_identical(daemons_of_nodes(NULL, nodes), c("node-0" = 1L, "node-2" = 3L))
  expect_identical(daemons_of_nodes(2, nodes), c("node-0" = 2L, "node-2" = 2L))
  expect_identical(daemons_of_nodes(c(0, 4), nodes), c("node-0" = 0L, "node-2" = 4L))
  expect_identical(daemons_of_nodes(c("node-2" = 1), nodes), c("node-0" = 0L, "node-2" = 1L))
  expect_error(daemons_of_nodes(c("node-1" = 1), nodes), "no node \"node-1\"", class = "gangway_error_ray_argument")
  expect_match(secret_url("10.0.0.1"), "^wss://10[.]0[.]0[.]1:0/[0-9a-f]{64}$")
  expect_match(secret_url("::1", 5, "x"), "wss://[::1]:5/x", fixed = TRUE)
})

test_that("without a cluster, and for what is wrong, it says so before anything starts", {
  skip_without_ray()
  ray_shutdown() # of the files before
  expect_error(ray_daemons(), "ray_init", class = "gangway_error_ray_argument")
  ray_init(cpus = 2)
  wrong <- function(..., message) {
    expect_error(ray_daemons(...), message, class = "gangway_error_ray_argument")
  }
  wrong(-1, message = "how many daemons each node gets")
  wrong(0, message = "how many daemons each node gets")
  wrong("two", message = "how many daemons each node gets")
  wrong(1.5, message = "how many daemons each node gets")
  wrong(c(1, 1), message = "2 numbers, and there are 1 nodes")
  wrong(c("node-7" = 1), message = "no node \"node-7\"; the nodes are node-0")
  wrong(1, url = "tcp://127.0.0.1:0", message = "`url` is its own")
  wrong(1, tls = "x", message = "`tls` is its own")
  wrong(1, TRUE, message = "by name")
  wrong(1, gpus = "x", message = "`gpus` is one number")
  expect_error(ray_daemons(1, gpus = 1), "gpus = 1", class = "gangway_error_ray_resources")
  expect_identical(mirai::status()$connections, 0L)
})

test_that("a missing or old package is named", {
  expect_error(needed_package("f()", "notthere", "1.0"), "f\\(\\) is for the R package notthere",
    class = "gangway_error_ray_argument")
  expect_error(needed_package("f()", "mirai", "999.0"), "needs mirai 999.0 or later", class = "gangway_error")
})

test_that("daemons have the session's libraries and folder, and are as many as there are cores", {
  made <- local_daemons()
  expect_s3_class(made, "miraiDaemons")
  expect_identical(connections(), 2L)
  there <- mirai(list(.libPaths(), getwd(), Sys.getpid(), commandArgs(), Sys.getenv()))[]
  expect_identical(there[[1]], .libPaths())
  expect_identical(there[[2]], getwd())
  expect_false(there[[3]] == Sys.getpid())
  # Who looks at the process learns nothing of the way in.
  secret <- sub(".*/", "", mirai::status()$daemons)
  expect_match(secret, "^[0-9a-f]{64}$")
  expect_false(any(grepl(secret, c(there[[4]], there[[5]], unlist(ps::ps_cmdline(ps::ps_handle(there[[3]])))))))
})

test_that("nobody else gets in", {
  local_daemons(1)
  url <- mirai::nextget("url")
  # One that has the port and even the certificate. nanonext may crash when it is turned away.
  stranger <- function(path) {
    code <- sprintf("mirai::daemon(%s, tlscert = readRDS(commandArgs(TRUE)))", deparse(sub("/[0-9a-f]+$", path, url)))
    script <- withr::local_tempfile(lines = code, fileext = ".R")
    certificate <- withr::local_tempfile()
    saveRDS(mirai::nextget("tls"), certificate)
    callr::rscript(script, certificate, show = FALSE, fail_on_status = FALSE, timeout = 60)$status
  }
  expect_false(identical(stranger("/guess"), 0L))
  expect_false(identical(stranger("/"), 0L))
  expect_identical(mirai::info()[["cumulative"]], 1L)
  expect_identical(mirai("still there")[], "still there")
})

test_that("Ray's own functions do not wait for daemons", {
  local_daemons(2)
  busy <- lapply(1:2, function(i) mirai(Sys.sleep(600)))
  expect_identical(ray_map(1:3, function(i) i), list(1L, 2L, 3L))
  expect_true(all(vapply(busy, mirai::unresolved, NA)))
})

test_that("a daemon that dies is mirai's error at once, and is replaced", {
  local_daemons(1)
  first <- mirai(Sys.getpid())[]
  failure <- mirai(tools::pskill(Sys.getpid(), 9))[]
  expect_identical(as.integer(failure), 19L)
  expect_false(identical(mirai(Sys.getpid())[], first))
  expect_identical(mirai::info()[["cumulative"]], 2L)
})

test_that("errors, conditions and timeouts are mirai's", {
  local_daemons(1)
  expect_s3_class(mirai(stop("there"))[], "miraiError")
  expect_identical(as.integer(mirai(Sys.sleep(600), .timeout = 500)[]), 5L)
  expect_identical(mirai("after")[], "after")
})

test_that("seeds, options and globals are mirai's", {
  draw <- function(n) {
    local_daemons(n, seed = 42)
    unlist(mirai::mirai_map(1:3, function(i) rnorm(1))[])
  }
  expect_identical(draw(1), draw(2))
  local_daemons(1, cleanup = FALSE, .compute = NULL)
  withr::local_options(gwr.here = 1)
  expect_null(mirai(getOption("gwr.here"))[])
  mirai::everywhere(options(gwr.here = 2))
  expect_identical(mirai(getOption("gwr.here"))[], 2)
  mirai(x <<- 1)[]
  expect_identical(mirai(x)[], 1)
})

test_that("what hinders daemons is told, and nothing is left", {
  skip_without_ray()
  ray_init(cpus = 2)
  # Another mirai, that only daemons find.
  folder <- withr::local_tempdir()
  dir.create(file.path(folder, "mirai"))
  writeLines(c("Package: mirai", "Version: 0.0.1"), file.path(folder, "mirai", "DESCRIPTION"))
  file.create(file.path(folder, "mirai", "NAMESPACE"))
  library <- withr::local_tempdir()
  callr::rcmd("INSTALL", c(paste0("--library=", library), file.path(folder, "mirai")), fail_on_status = TRUE)
  withr::local_libpaths(library, action = "prefix")
  expect_error(ray_daemons(2), "do not start on a node: .*daemon.*mirai", class = "gangway_error_ray_start")
  expect_identical(connections(), 0L)
})

test_that("daemons end with mirai's own call, with the cluster, and when they are started anew", {
  local_daemons(2)
  pids <- unlist(mirai::mirai_map(1:2, function(i) {
    Sys.sleep(0.5)
    Sys.getpid()
  })[])
  mirai::daemons(0)
  expect_true(wait_for(!any(vapply(pids, is_running, NA))))
  ray_daemons(1)
  first <- mirai(Sys.getpid())[]
  ray_daemons(1)
  expect_true(wait_for(!is_running(first)))
  last <- mirai(list(Sys.getpid(), tempdir()))[]
  waiting <- mirai(Sys.sleep(600))
  ray_shutdown()
  expect_identical(as.integer(waiting[]), 19L)
  expect_true(wait_for(!is_running(last[[1]])))
  expect_false(dir.exists(last[[2]]))
  expect_identical(mirai::status()$connections, 0L)
})

test_that("daemons end with a session that is killed", {
  skip_without_ray()
  code <- function(file) {
    library(gangway)
    ray_init(cpus = 1)
    ray_daemons(2)
    pids <- unlist(mirai::mirai_map(1:2, function(i) {
      Sys.sleep(0.5)
      c(Sys.getpid(), 0)
    })[])
    busy <- mirai::mirai(Sys.sleep(600))
    writeLines(as.character(setdiff(pids, 0)), paste0(file, ".part"))
    file.rename(paste0(file, ".part"), file)
    Sys.sleep(600)
  }
  file <- withr::local_tempfile()
  session <- callr::r_bg(code, list(file), libpath = .libPaths())
  withr::defer(session$kill())
  expect_true(wait_for(file.exists(file), 120))
  pids <- as.integer(readLines(file))
  expect_true(all(vapply(pids, is_running, NA)))
  session$kill()
  expect_true(wait_for(!any(vapply(pids, is_running, NA))))
})

test_that("daemons share the GPUs of their node", {
  skip_without_ray()
  ray_shutdown()
  ray_init(cpus = 1, gpus = 2)
  withr::defer(ray_shutdown())
  ray_daemons(2, gpus = 1)
  withr::defer(mirai::daemons(0), priority = "first")
  seen <- mirai::mirai_map(1:2, function(i) {
    Sys.sleep(0.5)
    Sys.getenv("CUDA_VISIBLE_DEVICES")
  })[]
  expect_setequal(unlist(seen), c("0", "1"))
  expect_identical(subset(ray_resources(), resource == "gpus")$free, 0)
})

test_that("purrr's in_parallel() runs on daemons", {
  skip_if_not_installed("purrr", "1.1.0")
  skip_if_not_installed("carrier", "0.3.0")
  local_daemons(2)
  found <- purrr::map(1:4, purrr::in_parallel(function(x) c(x * k, Sys.getpid()), k = 10))
  expect_identical(vapply(found, `[`, 0, 1), c(10, 20, 30, 40))
  expect_false(Sys.getpid() %in% vapply(found, `[`, 0, 2))
  expect_error(purrr::map(1:2, purrr::in_parallel(function(x) stop("from there"))), "In index: 1")
})

test_that("tune_grid() of tune 2 runs on daemons, and gives the same", {
  packages <- c("parsnip", "workflows", "recipes", "rsample", "yardstick", "rpart")
  skip_if_not_installed("tune", "2.0.0")
  for (package in packages) skip_if_not_installed(package)
  withr::local_envvar(TZ = "UTC") # lubridate asks systemd without it
  set.seed(1)
  folds <- rsample::vfold_cv(mtcars, v = 3)
  tree <- parsnip::set_engine(
    parsnip::decision_tree(mode = "regression", cost_complexity = tune::tune(), min_n = tune::tune()), "rpart"
  )
  recipe <- recipes::step_normalize(recipes::recipe(mpg ~ ., mtcars), recipes::all_numeric_predictors())
  flow <- workflows::add_model(workflows::add_recipe(workflows::workflow(), recipe), tree)
  tuned <- function() {
    tune::tune_grid(flow, folds,
      grid = expand.grid(cost_complexity = c(0.001, 0.1), min_n = c(5, 10)),
      control = tune::control_grid(save_pred = TRUE, extract = function(x) Sys.getpid(), parallel_over = "everything")
    )
  }
  here <- tuned()
  local_daemons(2)
  there <- tuned()
  expect_equal(tune::collect_metrics(there), tune::collect_metrics(here))
  expect_equal(tune::collect_predictions(there), tune::collect_predictions(here))
  pids <- unlist(lapply(there$.extracts, function(table) table$.extracts))
  expect_length(pids, 12)
  expect_length(unique(pids), 2)
  expect_false(Sys.getpid() %in% pids)
})

withr::defer(ray_shutdown(), teardown_env())
