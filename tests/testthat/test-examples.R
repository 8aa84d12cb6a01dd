# The scripts of inst/examples, run as a user runs them, on small sizes.

# `beside`: files that the script needs in the working folder.
run_example <- function(name, args = character(), packages = character(), modules = character(), seconds = 280,
                        beside = character()) {
  for (package in packages) skip_if_not_installed(package)
  folder <- local_run_folder(parent.frame())
  if (length(beside)) file.copy(system.file("examples", beside, package = "gangway"), folder)
  for (module in modules) skip_without_module(module)
  run <- processx::run(
    file.path(R.home("bin"), "Rscript"),
    c("--vanilla", system.file("examples", name, package = "gangway", mustWork = TRUE), "run", args),
    error_on_status = FALSE, timeout = seconds, stderr_to_stdout = TRUE,
    env = c("current", R_LIBS = paste(.libPaths(), collapse = ":"))
  )
  expect_identical(run$status, 0L, info = run$stdout)
  expect_nothing_left(folder)
  # What the steps said, without the log's stamps.
  sub("^.*[(]pid [0-9]+[)]\\] ", "", strsplit(run$stdout, "\n")[[1]])
}

skip_without_module <- function(module) {
  python <- run_python_path()
  found <- processx::run(python, c("-c", paste("import", module)),
    error_on_status = FALSE, env = c("current", python_env(python))
  )
  skip_if(found$status != 0L, paste("the Python package", module, "is not installed"))
}

expect_said <- function(said, pattern) expect_true(any(grepl(pattern, said)), info = paste(said, collapse = "\n"))

# What takes ten seconds and more beside other tests runs in `make test-examples`.
skip_if_short <- function() skip_if(!nzchar(Sys.getenv("GANGWAY_EXAMPLES")), "it is part of `make test-examples`")

test_that("every R script among the examples is run by a test of this file", {
  scripts <- list.files(system.file("examples", package = "gangway"), "[.]R$")
  tests <- readLines(test_path("test-examples.R"))
  for (script in scripts) expect_true(any(grepl(paste0("test_that(\"", script), tests, fixed = TRUE)), info = script)
})

test_that("tune_diamonds.R", {
  said <- run_example("tune_diamonds.R", c("--rows", "500", "--trees", "5"), c("ggplot2", "ranger", "tibble"))
  expect_said(said, "^Best: mtry [2468], minimal node size")
  expect_true(file.exists("tune_diamonds.png"))
})

test_that("random_forests.R", {
  houses <- normalizePath(test_path("../../../shared/data/california_housing.csv"), mustWork = FALSE)
  if (!file.exists(houses)) skip_if_not_installed("modeldata")
  said <- run_example("random_forests.R", c("--data", houses, "--forests", "4", "--trees", "3"), "ranger")
  expect_said(said, paste("^4 forests of 3 trees on", if (file.exists(houses)) 20640 else 2930, "houses"))
  expect_said(said, "^one after another .* times as fast")
})

test_that("grid_fan_out.R", {
  said <- run_example(
    "grid_fan_out.R", c("--trees", "3", "--n_folds", "2"), c("modeldata", "ranger", "rsample", "tibble")
  )
  expect_length(grep("^ *[1-6] +[24] +(3|10|30) <dbl \\[2\\]>", said), 6L)
})

test_that("tidymodels_grid.R", {
  said <- run_example("tidymodels_grid.R", c("--trees", "3", "--n_folds", "2"),
    packages = c("modeldata", "parsnip", "ranger", "rsample", "tune", "workflows", "yardstick")
  )
  expect_length(grep("rmse +standard +0[.]0[0-9]+ +2 ", said), 3L)
})

test_that("bootstrap.R", {
  said <- run_example("bootstrap.R", c("--replicates", "30"), c("furrr", "modeldata"))
  expect_said(said, "^30 replicates; a square foot adds [0-9.]+ dollars, 95% interval")
  expect_said(said, "the same in one R process: TRUE")
})

test_that("actor_counter.R", {
  said <- run_example("actor_counter.R", c("--tasks", "20"))
  expect_said(said, "^every number from 1 to 20 was given once: TRUE")
})

test_that("xgboost_train.R", {
  said <- run_example("xgboost_train.R", c("--rounds", "5"), "modeldata", c("xgboost", "ray.train", "ray.data"))
  expect_said(said, "^5 trees, grown by 2 workers of 1172 rows")
  expect_said(said, "error in training 0[.][0-9]+, on held-out rows 0[.][0-9]+")
})

test_that("tune_optuna.R", {
  said <- run_example("tune_optuna.R", c("--trials", "2"), "modeldata", c("xgboost", "optuna", "ray.tune"))
  expect_said(said, "^2 points tried; the best three:")
  expect_said(said, "rmse +eta +max_depth +subsample")
})

test_that("cars.R", {
  expect_said(run_example("cars.R"), "^\\[1\\] -5[.]64[0-9]* -2[.]78[0-9]* -2[.]19")
})

test_that("newest_run_app.R", {
  skip_if_short()
  run_example("cars.R", packages = "shiny")
  script <- new.env()
  source(system.file("examples", "newest_run_app.R", package = "gangway"), script)
  shiny::testServer(script$app, {
    expect_identical(output$which, paste("Run", flow_client$new("CarsFlow")$latest_run))
    expect_match(output$plot$src, "^data:image/png")
  })
})

test_that("pi.R", {
  skip_if_short()
  expect_said(run_example("pi.R", c("--n", "1e5")), "^pi is about 3[.]14")
})

test_that("mixed_models.R", {
  skip_if_short()
  said <- run_example("mixed_models.R", packages = "nlme")
  expect_length(grep("^ *[1-4] +[12]0 +[0-9.]+ +[0-9.]+$", said), 4L)
})

test_that("forecast.R", {
  skip_if_short()
  said <- run_example("forecast.R", c("--shops", "3", "--plot", "forecast.png"), "data.table")
  expect_length(grep("^[1-3]: +(north|south|west) +1 +[01] +0[.]", said), 3L)
  expect_true(file.exists("forecast.png"))
})

test_that("text_tuning.R", {
  skip_if_short()
  said <- run_example("text_tuning.R", c("--reviews", "60"), modules = "xgboost")
  expect_length(grep("^ *0[.][03][05]? +[136] +[0-9]+ +0[.][0-9]+$", said), 6L)
})

test_that("report.R", {
  skip_if_short()
  skip_if_not_installed("rmarkdown")
  skip_if_not(rmarkdown::pandoc_available(), "pandoc is not installed")
  said <- run_example("report.R", c("--cylinders", "8", "--file", "report.html"))
  expect_said(said, "^a report of 14 cars")
  expect_match(paste(readLines("report.html"), collapse = "\n"), "Cars of 8 cylinders.*data:image/png")
})

test_that("mixed_languages.R", {
  skip_if_short()
  said <- run_example("mixed_languages.R", modules = "sklearn", beside = "mixed_languages.py")
  expect_said(said, "setosa +(50 +0 +0|0 +50 +0|0 +0 +50)")
})

test_that("nightly.R", {
  skip_if_short()
  said <- run_example("nightly.R", c("--day", "2026-11-29"))
  expect_said(said, "^2026-11-29 had [0-9]+ orders, [01][.][0-9]+ times the usual")
})

test_that("card.R", {
  skip_if_short()
  said <- run_example("card.R", packages = "ggplot2")
  expect_said(said, "^1 +4 26[.]7 +2[.]29")
  card <- list.files(".metaflow/mf.cards", "blank.*[.]html$", recursive = TRUE, full.names = TRUE)
  expect_match(paste(readLines(card, warn = FALSE), collapse = ""), "image/png")
})

test_that("until_good.R", {
  skip_if_short()
  expect_said(run_example("until_good.R"), "^8000 draws: mean 1[.]0")
})

test_that("survivors.R", {
  skip_if_short()
  said <- run_example("survivors.R")
  expect_said(said, "^3 +5 +6$")
  expect_said(said, "^bad: .*elements")
  expect_said(said, "^empty: no lines available in input")
})

test_that("torch_train.R", {
  skip_if_short()
  said <- run_example("torch_train.R", c("--epochs", "40"), modules = "torch")
  expect_said(said, "epochs 1 to 40 by 2 ranks")
  expect_said(said, "^weights in R: 32x1 32 1x32 1")
})

test_that("mpi_pi.R", {
  said <- run_example("mpi_pi.R", packages = "pbdMPI")
  expect_said(said, "^4 ranks: pi is 3[.]14159265")
})

test_that("mirai_gang.R", {
  said <- run_example("mirai_gang.R", c("--replicates", "20"), "mirai")
  expect_said(said, "^20 replicates by [12] daemons")
})
