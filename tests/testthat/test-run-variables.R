reads <- function(...) {
  helper <- function(name = Sys.getenv("GW_HELPER")) paste(name, Sys.getenv("HOME"), Sys.getenv("GW_UNSET"))
  metaflow("ReadsFlow") |>
    step(step = "start", ..., r_function = function(self) self$x <- c(Sys.getenv("GW_URL"), helper()),
      next_step = "end") |>
    step(step = "end")
}
left <- function(flow, ..., script = character()) {
  names <- character()
  withCallingHandlers(
    warn_variables_left(flow, run_command(flow, list(...), script)),
    gangway_warning_variables = function(w) {
      names <<- w$names
      invokeRestart("muffleWarning")
    }
  )
  names
}

test_that("a variable that a remote step reads and does not get is named", {
  withr::local_envvar(GW_URL = "https://x", GW_HELPER = "h", GW_UNSET = NA, METAFLOW_DECOSPECS = NA)
  expect_identical(left(reads()), character())
  both <- c("GW_URL", "GW_HELPER")
  expect_identical(left(reads(), with = "batch"), both)
  expect_identical(left(reads(batch(cpu = 2))), both)
  expect_identical(left(reads(), script = c("argo-workflows", "create")), both)
  expect_identical(left(reads(environment_variables(GW_URL = "https://y")), with = "kubernetes"), "GW_HELPER")
  expect_identical(left(reads(decorator("secrets", sources = "db")), with = "batch"), character())
  expect_warning(warn_variables_left(reads(), run_command(reads(), list(with = "batch"))),
    "Step \"start\" of flow \"ReadsFlow\" reads .*GW_URL.* and .*GW_HELPER", class = "gangway_warning_variables")
})
