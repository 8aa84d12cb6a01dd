test_that("plot() draws all steps, and tells their kinds apart", {
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file, compress = FALSE, useKerning = FALSE)
  drawn <- withVisible(plot(every_transition()))
  margins <- graphics::par("mar")
  grDevices::dev.off()
  expect_false(drawn$visible)
  flow <- every_transition()
  nodes <- drawn$value
  expect_equal(nodes$step, names(flow$steps))
  kinds <- stats::setNames(nodes$kind, nodes$step)
  expect_equal(kinds[c("start", "each", "inner", "gang", "both", "choose", "a")],
    c(start = "step", each = "foreach", inner = "foreach", gang = "gang", both = "join", choose = "switch", a = "step"))
  expect_equal(nodes$label[nodes$step %in% c("each", "gang", "choose")],
    c("foreach rows", "gang of nodes", "switch on size"))
  # Each step stands right of those that lead to it, and nowhere two.
  at <- stats::setNames(nodes$x, nodes$step)
  for (s in flow$steps) expect_true(all(at[next_steps(s)] > at[[s$name]]))
  expect_false(anyDuplicated(nodes[c("x", "y")]) > 0L)
  written <- readLines(file, warn = FALSE)
  for (text in c("EveryFlow", nodes$step, "foreach rows", "big", "again")) {
    expect_true(any(grepl(paste0("(", text, ")"), written, fixed = TRUE, useBytes = TRUE)), info = text)
  }
  expect_equal(margins, c(5.1, 4.1, 4.1, 2.1))
})

test_that("plot() of a flow that cannot run says why", {
  expect_error(plot(metaflow("F") |> step(step = "start", next_step = "end")), "no step called", class = flow_class)
})
