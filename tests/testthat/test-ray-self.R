# What a task sent to Ray's workers brings along of its step's `self`.

test_that("a formula that brings `self` along is told what to do, instead of reading NULL", {
  local_run_folder()
  flow <- metaflow("SelfFlow") |>
    step(step = "start", next_step = "train", num_parallel = 1) |>
    step(decorator("ray_parallel"), step = "train", next_step = "gather", r_function = function(self) {
      self$trees <- 5
      lazy <- ~ self$trees
      read <- function(i, lazy) eval(lazy[[2]], environment(lazy))
      self$said <- tryCatch(ray_map(1, read, lazy = lazy), error = conditionMessage)
    }) |>
    step(step = "gather", join = TRUE, next_step = "end", r_function = function(self, inputs) {
      merge_artifacts(self, inputs)
    }) |>
    step(step = "end")
  expect_match(quiet_run(flow)$said, "no `self` in Ray's workers.*x <- self\\$x.*!!self\\$x")
})
