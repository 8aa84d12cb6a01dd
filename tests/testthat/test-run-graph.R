# All of Metaflow's graph in one flow of R functions, and a gang in it.

test_that("branches, nested foreach, joins, a switch, a Python step and a gang work together", {
  folder <- local_run_folder()
  writeLines(c("def work(self):", "    self.from_python = {'rows': len(self.df)}"), "graphwork.py")
  factor10 <- 10
  times <- function(x) x * factor10
  flow <- metaflow("GraphFlow") |>
    parameter("nodes", default = 2L) |>
    step(step = "start", next_step = c("left", "right"), r_function = function(self) {
      self$df <- data.frame(a = 1:2, z = c("p", "q"))
      self$common <- "same"
    }) |>
    step(step = "left", next_step = "outer", foreach = "df") |>
    step(step = "outer", next_step = "inner", foreach = "subs", r_function = function(self) {
      self$row <- self$input
      self$subs <- list("u", NULL, c(x = 1))
    }) |>
    step(step = "inner", next_step = "inner_join", r_function = function(self) {
      self$value <- list(self$row$a, self$input, self$index)
    }) |>
    step(step = "inner_join", join = TRUE, next_step = "outer_join", r_function = function(self, inputs) {
      self$values <- gather_inputs(inputs, "value")
    }) |>
    step(step = "outer_join", join = TRUE, next_step = "both", r_function = function(self, inputs) {
      self$all <- do.call(c, gather_inputs(inputs, "values"))
      merge_artifacts(self, inputs, exclude = c("row", "subs", "values"))
      self$l <- 1L
    }) |>
    step(decorator("card"), step = "right", next_step = "both", r_function = function(self) self$r <- 2L) |>
    step(step = "both", join = TRUE, next_step = "route", r_function = function(self, inputs) {
      self$sum <- inputs$outer_join$l + inputs$right$r
      merge_artifacts(self, inputs)
      self$size <- "big"
    }) |>
    step(step = "route", next_step = c(big = "big", small = "small"), condition = "size") |>
    step(step = "big", next_step = "python", r_function = function(self) self$way <- "big") |>
    step(step = "small", next_step = "python", r_function = function(self) self$way <- "small") |>
    step(step = "python", py_function = "graphwork:work", next_step = "gang", num_parallel = "nodes") |>
    step(decorator("ray_parallel"), step = "gang", next_step = "gathered", r_function = function(self) {
      self$common <- "changed in the gang"
      self$squares <- ray_map(c(one = 1, two = 2), function(x, add) times(x)^2 + add, add = 1)
      self$cluster <- ray_nodes()
      self$columns <- ray_map(self$df, class)
    }) |>
    step(step = "gathered", join = TRUE, next_step = "end", r_function = function(self, inputs) {
      self$first <- inputs[[1]]$squares
      self$collected <- gather_inputs(inputs, "squares")
      self$n_inputs <- length(inputs)
      merge_artifacts(self, inputs)
    }) |>
    step(step = "end")
  result <- quiet_run(flow, max_workers = 3)
  expect_identical(result$all, list(
    list(1L, "u", 0L), list(1L, NULL, 1L), list(1L, c(x = 1), 2L),
    list(2L, "u", 0L), list(2L, NULL, 1L), list(2L, c(x = 1), 2L)
  ))
  expect_identical(result$sum, 3L)
  expect_identical(result$way, "big")
  expect_identical(result$from_python, list(rows = 2L))
  expect_identical(result$common, "changed in the gang")
  expect_identical(result$squares, list(one = 101, two = 401))
  expect_identical(result$first, result$squares)
  expect_identical(result$collected, list(result$squares))
  expect_identical(result$n_inputs, 2L)
  expect_identical(result$columns, list(a = "integer", z = "character"))
  expect_identical(result$cluster$node, c("node-0", "node-1"))
  expect_true(all(result$cluster$alive))
  expect_nothing_left(folder)
})
