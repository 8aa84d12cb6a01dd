# call_step(): a step's function in a unit test, without Metaflow and Python.

#' Call a step's function in a test
#'
#' Calls the function of one step with a `self` that behaves as in a run, in this session: no Metaflow and no Python is
#' started, nothing is written, and it takes milliseconds. What a run refuses is refused here: an artifact that
#' is not there, a name that no artifact can have, a parameter or an input that is assigned to, an object that cannot
#' be kept. All values go through the format in which artifacts are stored, on the way in and on the way out. So what
#' a next step would see differently is seen here: two artifacts that shared an environment have two, and a pointer is
#' an error.
#'
#' @param x A flow, or the step's function itself. A function is called as it is; for a flow, defaults of parameters,
#'   cards, the names of a join's inputs and the step that comes next are known, too.
#' @param step Name of the step, for a flow.
#' @param artifacts A named list of what the steps before have assigned, or what `call_step()` gave for the step before.
#' @param parameters A named list of values of the flow's parameters. A flow's others have their defaults, and are of
#'   their types, as in a run. (Values of configurations are given here, too.)
#' @param inputs For a join: a list whose elements are as `artifacts`, one for each branch, in their order. Those of a
#'   split have the names of the steps.
#' @param input,index For a step within a foreach: `self$input`, and `self$index` (from 0).
#' @param foreach_stack For nested foreaches, in place of `input` and `index`: what `self$foreach_stack()` gives, a list
#'   of `list(index, number of splits, element)`, the outermost first.
#' @param current A named list of what [current()] gives, beside the names of flow, step, run (`"1"`) and the other
#'   facts that every task has: `list(run_id = "12", parallel = list(num_nodes = 2L, node_index = 0L))`. A method that a
#'   decorator puts there is a function: `list(torch = list(run = function(entrypoint, ...) NULL))`.
#' @return A list of class `gangway_called_step`:
#' * `artifacts`: a named list of all that the next step finds, without parameters. In a join that is what it
#'   has set or merged.
#' * `assigned`: names of those that the step has assigned, or changed in place.
#' * `next_step`: names of the steps that come next; of a switch the one that was chosen. `NULL` for a function.
#' * `foreach`: what the tasks of the next step get as `self$input`, a list; `NULL` where no foreach begins.
#' * `card`: what the step has put on its cards, in order: a list of lists of `id`, `kind` (`"markdown"`, `"table"`,
#'   `"picture"`, `"page"`, ...) and `content`.
#' @section Errors:
#' An error of the step's function is passed on as it is, and so are warnings and messages. What a run refuses has the
#' message that it has there, and mostly the class `gangway_error_task`. Class `gangway_error_argument`: there is no
#' such step, it is a Python one, or an argument does not fit it. Class `gangway_error_parameter`: a value that the
#' parameter does not take.
#' @details
#' Functions for clusters, such as [ray_map()], work as in any session: after [ray_init()]. In a test they can be
#' replaced: `testthat::local_mocked_bindings(ray_map = function(x, f, ..., .seed) lapply(x, f, ...))`, of testthat
#' 3.1.7 or later.
#' Not as in a run: decorators do nothing (`retry`, `environment`, ...), the function sees the whole session and
#' not only what would travel to a task, and random numbers are those of the session.
#' @seealso [run()] for the whole flow; [create_flow_project()], whose tests use it.
#' @export
#' @examples
#' flow <- metaflow("CarsFlow") |>
#'   parameter("folds", default = 5L) |>
#'   step(step = "start", r_function = function(self) self$models <- c("mpg ~ wt", "mpg ~ hp"),
#'        next_step = "fit", foreach = "models") |>
#'   step(step = "fit", r_function = function(self) self$fitted <- lm(as.formula(self$input), mtcars),
#'        next_step = "pick") |>
#'   step(step = "pick", join = TRUE, next_step = "end", r_function = function(self, inputs) {
#'     self$r2 <- vapply(inputs, function(input) summary(input$fitted)$r.squared, 0)
#'   }) |>
#'   step(step = "end")
#'
#' start <- call_step(flow, "start")
#' start$next_step
#' fits <- lapply(start$foreach, function(model) call_step(flow, "fit", artifacts = start, input = model))
#' call_step(flow, "pick", inputs = fits)$artifacts$r2
#'
#' # A function alone:
#' call_step(function(self) self$y <- self$x + 1, artifacts = list(x = 1))$artifacts
#' try(call_step(function(self) self$y <- self$z + 1, artifacts = list(x = 1)))
call_step <- function(x, step = NULL, artifacts = list(), parameters = list(), inputs = NULL, input = NULL,
                      index = NULL, foreach_stack = NULL, current = list()) {
  called <- called_step(x, step)
  check_called_inputs(called, inputs)
  if (is.na(called$join)) called$join <- !is.null(inputs)
  world <- called_world(called, current)
  enter_called_world(world)
  on.exit(world$close())
  world$parameters <- called_parameters(world, parameters)
  world$stack <- called_stack(input, index, foreach_stack)
  given <- given_artifacts(artifacts, "artifacts")
  if (called$join && length(given)) {
    abort_called("A join finds the artifacts of its {.arg inputs} there, and no {.arg artifacts} of its own.", NULL)
  }
  self <- world$add_task(given, called$step)
  branches <- named_branches(called, inputs)
  handles <- vapply(seq_along(branches), function(i) {
    given <- given_artifacts(branches[[i]], paste0("inputs[[", i, "]]"))
    world$add_task(given, names(branches)[i] %||% called$before[1L], i)
  }, 0)
  world$call(called$f, self, if (called$join) handles, names(branches))
  after_call(world, called, self)
}

# What is to be called, and what is known of it.
called_step <- function(x, step, call = parent.frame()) {
  if (is.function(x)) {
    if (!is.null(step)) abort_called("{.arg step} goes with a flow; {.arg x} is a function.", call)
    return(list(f = x, flow = NULL, flow_name = "TestFlow", step = "step", join = NA, before = "before"))
  }
  check_is_flow(x, "call_step", call)
  steps <- .subset2(x, "steps")
  name <- .subset2(x, "name")
  if (!is_string(step) || is.null(steps[[step]])) {
    shown <- if (is_string(step)) cli_literal(dQuote(step, FALSE)) else describe(step)
    abort_called(c(paste0("Flow {.val {name}} has no step ", shown, "."),
      did_you_mean(if (is_string(step)) step else NA, names(steps), "steps")), call)
  }
  s <- steps[[step]]
  if (!is.null(s$py_function)) {
    abort_called(c("Step {.val {step}} of flow {.val {name}} is a Python function, {.val {s$py_function}}.",
      i = "Test it with Python's tools, such as pytest."), call)
  }
  before <- names(Filter(function(other) step %in% other$next_step, steps))
  list(
    f = s$r_function %||% function() NULL, flow = x, flow_name = name, step = step, join = s$join, spec = s,
    before = before, of_gang = any(vapply(steps[before], is_of_gang, NA, steps = steps)),
    has_card = any(vapply(s$decorators, function(d) d$name == "card", NA))
  )
}

is_of_gang <- function(s, steps) {
  any(vapply(steps, function(other) s$name %in% other$next_step && !is.null(other$num_parallel), NA))
}

abort_called <- function(message, call) {
  gangway_abort(message, "gangway_error_argument", call = call, .envir = parent.frame())
}

check_called_inputs <- function(called, inputs, call = parent.frame()) {
  step <- called$step
  if (!is.null(inputs) && (!is.list(inputs) || inherits(inputs, "gangway_called_step") || !length(inputs))) {
    abort_called(c("{.arg inputs} has to be a list with the artifacts of each branch.",
      i = "For example {.code inputs = list(list(score = 1), list(score = 2))}."), call)
  }
  if (isTRUE(called$join) && is.null(inputs)) {
    abort_called(c("Step {.val {step}} is a join, and there are no {.arg inputs}.",
      i = "For example {.code inputs = list(list(score = 1), list(score = 2))}."), call)
  }
  if (isFALSE(called$join) && !is.null(inputs)) {
    abort_called("Step {.val {step}} is not a join, so it gets no {.arg inputs}.", call)
  }
}

# As in a run: the branches of a split have the names of their steps, those of a foreach or a gang none.
named_branches <- function(called, inputs, call = parent.frame()) {
  if (is.null(called$flow) || is.null(inputs)) {
    return(inputs)
  }
  before <- called$before
  if (length(before) < 2L || length(inputs) < 2L) {
    return(unname(inputs))
  }
  keys <- names(inputs) %||% ""
  if (anyDuplicated(keys) || !all(keys %in% before)) {
    abort_called(c("The inputs of the join {.val {called$step}} have the names of the steps before it:
      {.val {before}}.", x = "{.arg inputs} has the names {.val {keys}}."), call)
  }
  inputs
}

given_artifacts <- function(x, what, call = parent.frame()) {
  if (inherits(x, "gangway_called_step")) x <- x$artifacts
  if (!is.list(x) || is.object(x) || (length(x) && (is.null(names(x)) || !all(nzchar(names(x)))))) {
    got <- describe(x)
    abort_called("{.arg {what}} has to be a named list of artifacts, or what {.fn call_step} gives, not {got}.", call)
  }
  if (anyDuplicated(names(x))) abort_called("{.arg {what}} has two artifacts of one name.", call)
  structure(x, what = what)
}

called_stack <- function(input, index, foreach_stack, call = parent.frame()) {
  if (is.null(foreach_stack)) {
    if (is.null(input) && is.null(index)) {
      return(list())
    }
    index <- index %||% 0L
    foreach_stack <- list(list(index, index + 1L, input))
  } else if (!is.null(input) || !is.null(index)) {
    abort_called("{.arg input} and {.arg index} are those of the last in {.arg foreach_stack}: give one of them.", call)
  }
  good <- is.list(foreach_stack) && all(vapply(foreach_stack, function(level) {
    is.list(level) && length(level) == 3L && is_number(level[[1L]]) && is_number(level[[2L]]) &&
      level[[1L]] >= 0 && level[[1L]] < level[[2L]]
  }, NA))
  if (!good) {
    abort_called("{.arg index} counts from 0, and {.arg foreach_stack} is a list of
      {.code list(index, number of splits, element)}, with an index that is less than their number.", call)
  }
  foreach_stack
}

# Where the flow goes on from here.
after_call <- function(world, called, self) {
  task <- world$tasks[[self]]
  s <- called$spec
  found <- list(
    artifacts = lapply(task$store[sort(names(task$store))], world$read), assigned = sort(task$assigned),
    next_step = unname(s$next_step), foreach = NULL, card = world$card
  )
  if (!is.null(s$condition)) found$next_step <- chosen_step(world, s, self)
  if (!is.null(s$foreach)) found$foreach <- world$elements(self, s$foreach)
  # NULL where a list has nothing is still a field.
  fields <- c("artifacts", "assigned", "next_step", "foreach", "card")
  structure(stats::setNames(lapply(fields, function(field) found[[field]]), fields), class = "gangway_called_step")
}

#' @export
format.gangway_called_step <- function(x, ...) {
  shown <- function(names) if (length(names)) paste(names, collapse = ", ") else "none"
  c(
    "<called step>", paste("artifacts:", shown(names(x$artifacts))), paste("assigned: ", shown(x$assigned)),
    if (!is.null(x$next_step)) paste("next step:", shown(x$next_step)),
    if (!is.null(x$foreach)) paste("foreach:  ", length(x$foreach), "tasks"),
    if (length(x$card)) paste("card:     ", shown(vapply(x$card, function(part) part$kind, "")))
  )
}

#' @export
print.gangway_called_step <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}
