# tidymodels on a local cluster: tune before 1.2 through foreach, later versions through future.

withr::local_envvar(TZ = "UTC") # lubridate asks systemd without it
packages <- c("tune", "parsnip", "workflows", "workflowsets", "recipes", "rsample", "yardstick", "rpart")
for (package in packages) skip_if_not_installed(package)

by_future <- utils::packageVersion("tune") >= "1.2.0"

# The value of code that tunes, on the cluster and here.
both <- function(code) {
  code <- substitute(code)
  env <- parent.frame()
  ray_init(cpus = 2)
  if (by_future) future::plan(ray) else registerDoRay()
  there <- eval(code, env)
  if (by_future) future::plan(future::sequential) else foreach::registerDoSEQ()
  list(there = there, here = eval(code, env))
}

set.seed(1)
folds <- rsample::vfold_cv(mtcars, v = 3)
tree <- parsnip::set_engine(
  parsnip::decision_tree(mode = "regression", cost_complexity = tune::tune(), min_n = tune::tune()), "rpart"
)
line <- parsnip::set_engine(parsnip::linear_reg(), "lm")
grid <- expand.grid(cost_complexity = c(0.001, 0.1), min_n = c(5, 10))

test_that("tune_grid() gives the same with all that its control can keep", {
  skip_without_ray()
  recipe <- recipes::step_normalize(recipes::recipe(mpg ~ ., mtcars), recipes::all_numeric_predictors())
  flow <- workflows::add_model(workflows::add_recipe(workflows::workflow(), recipe), tree)
  for (over in c("resamples", "everything")) {
    got <- both(tune::tune_grid(flow, folds, grid = grid, control = tune::control_grid(
      save_pred = TRUE, extract = function(x) Sys.getpid(), parallel_over = over
    )))
    expect_equal(tune::collect_metrics(got$there), tune::collect_metrics(got$here))
    expect_equal(tune::collect_predictions(got$there), tune::collect_predictions(got$here))
    expect_identical(nrow(tune::collect_notes(got$there)), 0L)
    pids <- unlist(lapply(got$there$.extracts, function(table) table$.extracts))
    expect_length(pids, 12)
    expect_false(Sys.getpid() %in% pids)
  }
})

test_that("fit_resamples() and workflow_map() give the same", {
  skip_without_ray()
  got <- both(tune::fit_resamples(line, mpg ~ wt, folds))
  expect_equal(tune::collect_metrics(got$there), tune::collect_metrics(got$here))
  set <- workflowsets::workflow_set(list(a = mpg ~ wt, b = mpg ~ hp), list(lm = line))
  got <- both(workflowsets::workflow_map(set, "fit_resamples", resamples = folds, seed = 1))
  expect_equal(tune::collect_metrics(got$there), tune::collect_metrics(got$here))
})

test_that("a model that fails is noted, as it is here", {
  skip_without_ray()
  got <- both(suppressMessages(suppressWarnings(
    tune::fit_resamples(line, mpg ~ wt, folds,
      control = tune::control_resamples(extract = function(x) stop("no extract"))
    )
  )))
  expect_equal(tune::collect_notes(got$there)$note, tune::collect_notes(got$here)$note)
})

withr::defer(ray_shutdown(), teardown_env())
