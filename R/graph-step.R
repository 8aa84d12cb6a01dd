#' Add a step to a flow
#'
#' A step runs an R function (or a Python one, or nothing) in a process of its own, and then says
#' which steps come next. The first one is called `start`, the last `end`.
#'
#' @section Transitions:
#' * `next_step = "b"`: `b` is next.
#' * `next_step = c("a", "b")`: both run at the same time; a step with `join = TRUE` brings them
#'   together.
#' * `next_step = "b", foreach = "rows"`: `b` runs once for each element of `self$rows` (what `[[`
#'   gives; of a data frame its rows), which it sees as `self$input`. `self$index` counts from 0, and
#'   `self$foreach_stack()` gives, for each foreach around the task, a list of the index, the number
#'   of splits and the element, the outermost first.
#' * `next_step = "b", num_parallel = 2`: `b` runs as a gang of two nodes; it has a gang decorator
#'   such as `decorator("ray_parallel")`, and a join follows.
#' * `next_step = c(big = "a", small = "b"), condition = "size"`: `self$size`, set in this step,
#'   chooses one of them. One of them may be the step itself, which then runs again.
#'
#' The names of a switch's steps are strings; if all of them are `TRUE` and `FALSE`, or numbers, then
#' that is what the artifact is compared with.
#'
#' @section Descriptions:
#' What roxygen comments above the function say up to the first tag, or else the first comment in it, is the step's
#' description, which `Rscript flow.R show`, Metaflow's cards and its user interface show. Roxygen comments above the
#' expression that makes the flow describe the flow, in a script that Rscript runs. Functions that [source()] reads
#' need `options(keep.source = TRUE)` there.
#'
#' @param flow A flow; see [metaflow()].
#' @param ... Decorators of the step; see [decorator()].
#' @param step Name of the step: lower-case letters, digits and underscores.
#' @param r_function Function of the step: `function(self)`, in a join `function(self, inputs)`, or
#'   one without arguments.
#' @param foreach Name of an artifact or parameter: the next step runs once for each of its elements. A
#'   vector of length one is one task; an empty one is an error. More than 100 tasks need
#'   `run(flow, max_num_splits = )`.
#' @param join Whether the step joins the branches of a split, a `foreach` or a gang.
#' @param next_step Names of the steps that come next.
#' @param num_parallel Number of nodes of the gang that runs the next step, or the name of an integer
#'   parameter of the flow that holds it. A gang whose decorator has `groups` needs none.
#' @param condition Name of the artifact that chooses among the steps named in `next_step`.
#' @param py_function A Python function in place of `r_function`: `"module:function"`, called with
#'   `self` (and `inputs`). The module lies in the working folder or beside the script, or is
#'   installed; remote tasks find it in the folder whose files go along with the code.
#' @return A new flow; `flow` stays as it was.
#' @section Errors:
#' Class `gangway_error_flow`, here for what can be seen in the one step, and when the flow is
#' compiled for what concerns the graph.
#' @source The signature up to `next_step` is that of Netflix's R package `metaflow`.
#' @seealso [ray_map()] for what a step on a gang can do.
#' @export
#' @examples
#' metaflow("SquaresFlow") %>%
#'   step(step = "start", r_function = function(self) self$x <- 1:3,
#'        next_step = "square", foreach = "x") %>%
#'   step(step = "square", r_function = function(self) self$y <- self$input^2,
#'        next_step = "gather") %>%
#'   step(step = "gather", join = TRUE, next_step = "end",
#'     r_function = function(self, inputs) self$y <- unlist(gather_inputs(inputs, "y"))) %>%
#'   step(decorator("retry", times = 2), step = "end", r_function = function(self) print(self$y))
step <- function(flow, ..., step, r_function = NULL, foreach = NULL, join = FALSE, next_step = NULL,
                 num_parallel = NULL, condition = NULL, py_function = NULL) {
  check_commas("step")
  # stats::step(fit), which this function hides
  if (missing(step) && (missing(flow) || (is.object(flow) && !inherits(flow, "gangway_flow")))) {
    hidden <- hidden_function("step")
    if (!is.null(hidden)) return(hidden(flow, ...))
  }
  check_is_flow(flow, "step")
  label <- function_label(substitute(r_function))
  check_step_name(if (missing(step)) NULL else step, flow)
  who <- paste0("Step ", dQuote(step, FALSE), " of flow ", dQuote(flow$name, FALSE))
  decorators <- collect_decorators(given_decorators(...), who, setdiff(names(formals()), "..."))
  next_step <- if (length(next_step)) unlist(next_step)
  new <- list(
    name = step, decorators = decorators, r_function = r_function, py_function = py_function,
    foreach = foreach, join = join, next_step = next_step, num_parallel = num_parallel,
    condition = condition, label = if (!is.null(r_function)) label, description = step_description(r_function)
  )
  check_step(new, who)
  if (is.numeric(num_parallel)) {
    new$num_parallel <- as.integer(num_parallel)
  }
  flow[["steps"]][[step]] <- new
  with_nodes_of_groups(flow)
}

# A gang with groups has as many nodes as these together: nobody has to count them once more.
with_nodes_of_groups <- function(flow) {
  steps <- flow[["steps"]]
  for (name in names(steps)) {
    s <- steps[[name]]
    said <- c(s$num_parallel, s$foreach, s$condition)
    nodes <- if (!length(said) && length(s$next_step) == 1L) {
      unlist(lapply(steps[[s$next_step]]$decorators, function(d) d$nodes))
    }
    if (length(nodes)) flow[["steps"]][[name]]$num_parallel <- nodes[[1L]]
  }
  flow
}

# What print() calls the function: its name, or that it has none.
function_label <- function(expr) {
  if (is.symbol(expr) || (is.call(expr) && as.character(expr[[1L]])[[1L]] %in% c("::", "$"))) {
    paste(deparse(expr), collapse = "")
  } else {
    "function"
  }
}

# Names that FlowSpec or Metaflow's command line use.
reserved_names <- c("cmd", "foreach_stack", "index", "input", "merge_artifacts", "name", "next", "script_name")

check_step_name <- function(step, flow, call = rlang::caller_env()) {
  abort <- function(...) gangway_abort(c(...), class = "gangway_error_flow", call = call, .envir = parent.frame())
  flow_name <- flow$name
  if (!is_identifier(step) || !grepl("^[a-z][a-z0-9_]*$", step)) {
    got <- if (is.null(step)) "nothing" else describe(step)
    abort(
      "Flow {.val {flow_name}}: the name of a step has to be a Python identifier in lower case, got {got}.",
      i = "Use lower-case letters, digits and underscores, beginning with a letter: {.code step(step = \"fit_model\")}."
    )
  }
  if (step %in% reserved_names) {
    abort(
      "Flow {.val {flow_name}}: a step cannot be called {.val {step}}, because Metaflow uses that name itself.",
      i = "Choose another name for the step."
    )
  }
  if (step %in% names(flow$steps)) {
    abort(
      "Flow {.val {flow_name}} has two steps called {.val {step}}.",
      i = "Give each step a name of its own."
    )
  }
  if (step %in% names(flow$configs)) {
    abort("Flow {.val {flow_name}} has {.val {step}} as a configuration already.",
      i = "Rename one of them: both become attributes of {.code self}.")
  }
  if (step %in% names(flow$parameters)) {
    abort(
      "Flow {.val {flow_name}} has a parameter and a step called {.val {step}}.",
      i = "Rename one of them: both become attributes of {.code self}."
    )
  }
}
