# Splits and joins. Every step lies within a stack of splits that are still open; a frame of it is
# the split and the branch. A split pushes a frame, a join pops the one whose branches it brings
# together, and `end` has to be reached with none.

#' @return By step, the splits within which it lies, the outermost first; of each the step and the branch.
#' @noRd
check_joined <- function(flow, abort) {
  stacks <- list(start = list(character()))
  within <- list()
  for (name in topological_order(flow)) {
    s <- flow$steps[[name]]
    incoming <- unique(stacks[[name]])
    stack <- if (s$join) {
      check_join(s, incoming, flow, abort)
    } else {
      check_not_join(s, incoming, flow, abort)
    }
    within[[name]] <- stack
    check_after_split(s, flow, abort)
    for (to in next_steps(s)) {
      frame <- if (is_split(s)) paste(s$name, to)
      stacks[[to]] <- c(stacks[[to]], list(c(stack, frame)))
    }
  }
  invisible(within)
}

is_split <- function(s) {
  is.null(s$condition) && (length(s$next_step) > 1L || !is.null(s$foreach) || !is.null(s$num_parallel))
}

# What the split is called in a message.
split_kind <- function(s) {
  if (!is.null(s$foreach)) "foreach" else if (!is.null(s$num_parallel)) "gang" else "split"
}

# Each step after all those that lead to it. The graph has no circles: check_acyclic() was before.
topological_order <- function(flow) {
  order <- character()
  visit <- function(name) {
    if (!name %in% order) {
      for (to in next_steps(flow$steps[[name]])) visit(to)
      order <<- c(name, order)
    }
  }
  visit("start")
  order
}

last_frame <- function(stack) strsplit(stack[[length(stack)]], " ", fixed = TRUE)[[1L]]

check_join <- function(s, incoming, flow, abort) {
  if (any(lengths(incoming) == 0L)) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} is a join, but nothing was split before it.",
      i = "Leave {.arg join} out, or split before it with several next steps, {.arg foreach} or {.arg num_parallel}.")
  }
  splits <- unique(vapply(incoming, function(stack) last_frame(stack)[[1L]], ""))
  outer <- unique(lapply(incoming, function(stack) stack[-length(stack)]))
  if (length(splits) > 1L || length(outer) > 1L) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} joins branches of different splits: {.val {splits}}.",
      i = "Join the inner split first, in a step of its own.")
  }
  got <- unique(vapply(incoming, function(stack) last_frame(stack)[[2L]], ""))
  open <- setdiff(flow$steps[[splits]]$next_step, got)
  if (length(open)) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} joins the split of step {.val {splits}}, \\
           but the branch of {.val {open}} does not lead to it.",
      i = "Let every branch end in the same join.")
  }
  outer[[1L]]
}

check_not_join <- function(s, incoming, flow, abort) {
  if (length(incoming) > 1L) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} is reached by several branches of a split, \\
           but it is not a join.",
      i = if (s$name == "end") {
        "Add a step before it with {.code join = TRUE} and {.code next_step = \"end\"}."
      } else {
        "Say {.code join = TRUE}, and let its function be {.code function(self, inputs)}."
      })
  }
  stack <- incoming[[1L]]
  if (s$name == "end" && length(stack)) {
    split <- flow$steps[[last_frame(stack)[[1L]]]]
    kind <- split_kind(split)
    abort("Flow {.val {flow$name}} reaches {.val end} before the {kind} of step {.val {split$name}} is joined.",
      i = "Add a step with {.code join = TRUE} before {.val end}.")
  }
  stack
}

check_after_split <- function(s, flow, abort) {
  joins <- Filter(function(to) flow$steps[[to]]$join, unique(s$next_step))
  if (!length(joins)) {
    return(invisible())
  }
  if (is_split(s)) {
    kind <- split_kind(s)
    abort("Step {.val {s$name}} of flow {.val {flow$name}} begins a {kind} and goes straight \\
           to the join {.val {joins[[1]]}}.",
      i = "Add a step between the two.")
  }
  if (!is.null(s$condition)) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} is a switch that can go straight \\
           to the join {.val {joins[[1]]}}.",
      i = "Metaflow needs a step without a switch between the two.")
  }
}
