#' Draw the graph of a flow
#'
#' Steps are boxes, from left to right. A stack of boxes runs several times: once for each element of a `foreach`, or on
#' each node of a gang. A second line and the colour tell what is special about a step: what its `foreach` goes over,
#' the size of its gang, that it is a join, or what it switches on; the arrows of a switch have the values.
#'
#' @param x A flow; see [metaflow()].
#' @param main Title; the name of the flow, if it is not given.
#' @param ... For [graphics::title()].
#' @return Invisibly, what was drawn: a data frame with a row for each step and the columns `step`, `kind` (`"step"`,
#'   `"join"`, `"switch"`, `"foreach"` or `"gang"`), `label` (the second line), `x` and `y`.
#' @section Errors:
#' Class `gangway_error_flow` if the graph is not one that Metaflow can run, as for [python_code()].
#' @seealso `print(flow)` for the same as text.
#' @export
#' @examples
#' flow <- metaflow("SquaresFlow") %>%
#'   step(step = "start", r_function = function(self) self$x <- 1:3, next_step = "square", foreach = "x") %>%
#'   step(step = "square", r_function = function(self) self$y <- self$input^2, next_step = "gather") %>%
#'   step(step = "gather", join = TRUE, next_step = "end") %>%
#'   step(step = "end")
#' plot(flow)
plot.gangway_flow <- function(x, main = x$name, ...) {
  flow <- check_flow(x)
  nodes <- graph_places(flow)
  before <- graphics::par(mar = c(1, 1, 3, 1))
  on.exit(graphics::par(before))
  graphics::plot.new()
  # Room for self-loops above and for half a box on all sides.
  graphics::plot.window(range(nodes$x) + c(-0.5, 0.5), range(nodes$y) + c(-0.6, 0.6))
  graphics::title(main = main, ...)
  for (s in flow$steps) draw_arrows(s, nodes)
  shown <- nodes[nodes$step %in% names(flow$steps), ]
  cex <- min(1, 2 * box_width * 0.9 / max(graphics::strwidth(shown$step, font = 2L)))
  for (i in seq_len(nrow(shown))) draw_step(shown[i, ], cex)
  for (s in flow$steps) if (!is.null(s$condition)) draw_values(s, nodes)
  invisible(shown[c("step", "kind", "label", "x", "y")])
}

# Half the size of a box; steps stand 1 apart.
box_width <- 0.36
box_height <- 0.22

kind_colours <- c(step = "grey95", join = "#e6dcf2", switch = "#fbe5c8", foreach = "#d4e6f6", gang = "#d9efd6")

#' Where steps stand: behind all that lead to them, and near them
#'
#' An arrow over several columns gets a place in each, named "from to", so that it goes around the boxes there.
#' @noRd
graph_places <- function(flow) {
  steps <- flow$steps
  column <- stats::setNames(numeric(length(steps)), names(steps))
  came <- stats::setNames(vector("list", length(steps)), names(steps))
  for (name in topological_order(flow)) {
    for (to in next_steps(steps[[name]])) {
      column[[to]] <- max(column[[to]], column[[name]] + 1)
      came[[to]] <- c(came[[to]], name)
    }
  }
  bends <- list()
  for (to in names(steps)) {
    for (from in came[[to]]) {
      passed <- seq_len(column[[to]] - column[[from]] - 1L) + column[[from]]
      if (length(passed)) bends[[paste(from, to)]] <- data.frame(step = paste(from, to), x = passed, from = from)
    }
  }
  nodes <- rbind(
    data.frame(step = names(steps), x = unname(column), from = vapply(came, function(n) c(n, "")[[1L]], "")),
    do.call(rbind, unname(bends))
  )
  nodes$y <- 0
  for (at in sort(unique(nodes$x))) {
    here <- which(nodes$x == at)
    before <- vapply(here, function(i) {
      from <- if (nodes$step[i] %in% names(came)) came[[nodes$step[i]]] else nodes$from[i]
      mean(nodes$y[nodes$step %in% from], na.rm = TRUE)
    }, 0)
    order <- order(-replace(before, is.na(before), 0), here)
    nodes$y[here[order]] <- (length(here) - 1) / 2 - seq_along(here) + 1
  }
  kinds <- lapply(nodes$step, step_kind, flow = flow)
  nodes$kind <- vapply(kinds, function(k) k[[1L]], "")
  nodes$label <- vapply(kinds, function(k) k[[2L]], "")
  nodes
}

# What is special about a step, and how to say it.
step_kind <- function(name, flow) {
  s <- flow$steps[[name]]
  from <- Filter(function(other) name %in% other$next_step, flow$steps)
  foreach <- unlist(lapply(from, function(other) other$foreach))
  nodes <- unlist(lapply(from, function(other) other$num_parallel))
  labels <- c(
    if (length(nodes)) c(gang = paste("gang of", nodes[[1L]])),
    if (length(foreach)) c(foreach = paste("foreach", foreach[[1L]])),
    if (!is.null(s$condition)) c(switch = paste("switch on", s$condition)),
    if (isTRUE(s$join)) c(join = "join")
  )
  c(c(names(labels), "step")[[1L]], paste(labels, collapse = ", "))
}

draw_step <- function(node, cex) {
  fill <- kind_colours[[node$kind]]
  behind <- if (node$kind %in% c("foreach", "gang")) 2:0 else 0
  for (k in behind) {
    shift <- 0.03 * k
    graphics::rect(
      node$x - box_width + shift, node$y - box_height + 2 * shift, node$x + box_width + shift,
      node$y + box_height + 2 * shift, col = fill, border = "grey30"
    )
  }
  above <- if (nzchar(node$label)) box_height / 3 else 0
  graphics::text(node$x, node$y + above, node$step, cex = cex, font = 2L)
  small <- min(0.8 * cex, 2 * box_width * 0.9 / max(graphics::strwidth(node$label), 1e-6))
  if (nzchar(node$label)) graphics::text(node$x, node$y - box_height / 2, node$label, cex = small)
}

draw_arrows <- function(s, nodes) {
  here <- nodes[nodes$step == s$name, ]
  for (to in unique(s$next_step)) {
    at <- arrow_places(here, to, nodes)
    n <- length(at$x)
    graphics::lines(at$x[-n], at$y[-n], col = "grey30")
    graphics::arrows(at$x[n - 1L], at$y[n - 1L], at$x[n], at$y[n], length = 0.08, col = "grey30")
  }
}

arrow_places <- function(here, to, nodes) {
  if (to == here$step) {
    # A switch that chooses its own step again.
    turn <- seq(-0.25, 1.25, length.out = 40L) * pi
    return(list(x = here$x + 0.16 * cos(turn), y = here$y + box_height + 0.1 + 0.12 * sin(turn)))
  }
  bends <- nodes[nodes$step == paste(here$step, to), ]
  there <- nodes[nodes$step == to, ]
  list(x = c(here$x + box_width, bends$x, there$x - box_width), y = c(here$y, bends$y, there$y))
}

# On its arrows, the values by which a switch chooses.
draw_values <- function(s, nodes) {
  here <- nodes[nodes$step == s$name, ]
  for (to in unique(s$next_step)) {
    at <- arrow_places(here, to, nodes)
    value <- paste(names(s$next_step)[s$next_step == to], collapse = ", ")
    loop <- to == s$name
    x <- if (loop) here$x else mean(at$x[1:2])
    y <- if (loop) max(at$y) else mean(at$y[1:2])
    half <- c(graphics::strwidth(value), graphics::strheight(value)) * 0.36
    graphics::rect(x - half[1L], y - half[2L], x + half[1L], y + half[2L], col = "white", border = NA)
    graphics::text(x, y, value, cex = 0.7)
  }
}
