# A flow whose first step has an R function, a decorator, and what else is given.
conda_flow <- function(..., base = NULL, r_function = function(self) 1) {
  flow <- if (is.null(base)) metaflow("F") else metaflow("F", base)
  flow |>
    step(..., step = "start", r_function = r_function, next_step = "end") |>
    step(step = "end")
}

lines_of <- function(flow) trimws(strsplit(python_code(flow), "\n")[[1]])

test_that("an environment with R has what R functions need, and other steps stay where they are", {
  code <- lines_of(conda_flow(decorator("conda", r = "4.5", packages = list("r-dplyr" = "1.1.4"))))
  made <- paste0("@conda(packages={\"r-base\": \"=4.5\", \"rpy2\": \">=3.6.4,<3.7\", \"psutil\": \">=5.9\", ",
    "\"r-dplyr\": \"1.1.4\"})")
  expect_identical(grep("^@conda", code, value = TRUE), c(made, "@conda(disabled=True)"))
  expect_true("R.main(F, environment=\"conda\")" %in% code)
  # What is given wins.
  d <- decorator("conda", r = "4.5", packages = list("r-base" = "4.5.1", rpy2 = "3.6.4"))
  expect_match(d$args$packages, "\"psutil\": \">=5.9\", \"r-base\": \"4.5.1\", \"rpy2\": \"3.6.4\"", fixed = TRUE)
  # The flow's environment is that of all its steps.
  code <- lines_of(conda_flow(base = decorator("conda_base", r = "4.5")))
  expect_no_match(code, "disabled")
  expect_no_match(lines_of(conda_flow(decorator("retry"))), "environment=")
})

test_that("an environment in which R functions cannot run is refused", {
  expect_no_error(check_flow(conda_flow(decorator("pypi", packages = list(numpy = "2.0")), r_function = NULL)))
  expect_no_error(check_flow(conda_flow(decorator("conda", disabled = TRUE), base = decorator("pypi_base"))))
  expect_no_error(check_flow(conda_flow(decorator("conda", packages = list("r-mgcv" = "1.9")),
    base = decorator("conda_base", r = "4.5"))))
  withr::local_options(cli.unicode = FALSE)
  gang <- metaflow("F") |>
    step(step = "start", next_step = "gang", num_parallel = 2) |>
    step(decorator("ray_parallel"), decorator("conda", r = "4.5"), step = "gang", r_function = function(self) 1,
      next_step = "join") |>
    step(step = "join", join = TRUE, next_step = "end") |>
    step(step = "end")
  expect_snapshot(error = TRUE, {
    check_flow(conda_flow(decorator("pypi", packages = list(numpy = "2.0"))))
    check_flow(conda_flow(base = decorator("pypi_base", packages = list(numpy = "2.0"))))
    check_flow(conda_flow(decorator("conda", packages = list(numpy = "2.0"))))
    check_flow(gang)
    decorator("conda", r = 4.5)
  }, transform = function(lines) gsub(paste0("r = \"", own_minor()), "r = \"4.5", lines, fixed = TRUE))
})
