# What can be seen only in the whole graph. check_flow() is called whenever a flow is compiled, so
# that a mistake costs no start of Python and no upload. Metaflow checks again before a run.

#' Check the graph of a flow
#'
#' @param flow A flow.
#' @return The flow, invisibly; aborts with class `gangway_error_flow` at the first thing wrong.
#' @noRd
check_flow <- function(flow, call = rlang::caller_env()) {
  check_is_flow(flow, "python_code", call)
  abort <- function(...) gangway_abort(c(...), class = "gangway_error_flow", call = call, .envir = parent.frame())
  check_ends(flow, abort)
  check_config_expressions(flow, abort)
  check_known_steps(flow, abort)
  check_num_parallel_parameter(flow, abort)
  check_gangs(flow, abort)
  check_acyclic(flow, abort)
  check_reachable(flow, abort)
  check_joined(flow, abort)
  check_environments(flow, abort)
  invisible(flow)
}

# tests/python/test_registries.py compares these with what Metaflow has.
ray_decorators <- c("ray_parallel", "metaflow_ray")

# Decorators that make a step a gang, Metaflow's own and those of its extensions.
gang_decorators <- c(
  "ray_parallel", "metaflow_ray", "parallel", "pytorch_parallel", "torchrun", "torchrun_parallel", "deepspeed",
  "mpi", "tensorflow"
)

# Decorators known not to. One that is in neither list is left to Metaflow to judge.
other_decorators <- c(
  "batch", "card", "catch", "checkpoint", "conda", "environment", "huggingface_hub", "kubernetes", "model", "pypi",
  "resources", "retry", "secrets", "timeout"
)

decorator_names <- function(step) vapply(step$decorators, function(d) d$name, "")

is_gang <- function(step) any(decorator_names(step) %in% gang_decorators)

# A switch may lead back to its own step; nothing else may, and that arrow says nothing about order.
next_steps <- function(step) {
  to <- unique(unname(step$next_step))
  if (is.null(step$condition)) to else setdiff(to, step$name)
}

check_ends <- function(flow, abort) {
  steps <- flow$steps
  missing <- setdiff(c("start", "end"), names(steps))
  if (length(missing)) {
    has <- if (length(steps)) paste("has", paste(dQuote(names(steps), FALSE), collapse = ", ")) else "has no steps yet"
    abort("Flow {.val {flow$name}} has no step called {.val {missing[[1]]}}.",
      i = "It {has}. A flow begins with {.val start} and finishes with {.val end}.")
  }
  if (steps$start$join) {
    abort("Step {.val start} of flow {.val {flow$name}} cannot be a join: nothing comes before it.",
      i = "Leave {.arg join} out.")
  }
  if (steps$end$join) {
    abort("Step {.val end} of flow {.val {flow$name}} cannot be a join.",
      i = "Add a step before it with {.code join = TRUE} and {.code next_step = \"end\"}.")
  }
  if (!is.null(steps$end$next_step)) {
    abort("Step {.val end} of flow {.val {flow$name}} has a {.arg next_step}, {.val {steps$end$next_step}}.",
      i = "Nothing comes after {.val end}: leave {.arg next_step} out.")
  }
}

check_known_steps <- function(flow, abort) {
  for (s in flow$steps) {
    if (is.null(s$next_step) && s$name != "end") {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} has no {.arg next_step}.",
        i = "Say which step comes next; only {.val end} has none.")
    }
    unknown <- setdiff(s$next_step, names(flow$steps))
    if (length(unknown)) {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} goes to {.val {unknown[[1]]}}, and there is no such step.",
        did_you_mean(unknown[[1L]], names(flow$steps), "steps"))
    }
    if ("start" %in% s$next_step) {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} goes to {.val start}, which has to be the first step.",
        i = "Choose another {.arg next_step}.")
    }
  }
}

check_num_parallel_parameter <- function(flow, abort) {
  for (s in flow$steps) {
    n <- s$num_parallel
    if (!is.character(n)) next
    type <- flow$parameters[[n]]$type
    if (identical(type, "int")) next
    found <- if (!n %in% names(flow$parameters)) {
      "there is no such parameter"
    } else if (is.null(type)) {
      "that parameter has no type"
    } else {
      "the type of that parameter is {.val {type}}"
    }
    abort(
      paste0("Step {.val {s$name}} of flow {.val {flow$name}} has {.code num_parallel = \"{n}\"}, but ", found, "."),
      i = "Give a whole number, or the name of a parameter with {.code type = \"integer\"}."
    )
  }
}

check_gangs <- function(flow, abort) {
  for (s in flow$steps) {
    for (to in flow$steps[s$next_step]) {
      check_gang_entry(s, to, flow, abort)
    }
    if (is_gang(s) && s$name != "start" && s$name != "end") {
      after <- flow$steps[[s$next_step[[1L]]]]
      if (!after$join) {
        abort(
          "Step {.val {s$name}} of flow {.val {flow$name}} is a gang, so the step after it has to be a join, \\
           and {.val {after$name}} is not.",
          i = if (after$name == "end") {
            "Add a step before {.val end} with {.code join = TRUE}; its {.code inputs} has one entry for each node."
          } else {
            "Say {.code step(step = \"{after$name}\", join = TRUE)}; its {.code inputs} has one entry for each node."
          }
        )
      }
    }
  }
  for (name in c("start", "end")) {
    if (is_gang(flow$steps[[name]])) {
      abort("Step {.val {name}} of flow {.val {flow$name}} cannot be a gang.",
        i = "Let a step before it say {.code num_parallel = 2}, and add a join after it.")
    }
  }
}

check_gang_entry <- function(s, to, flow, abort) {
  gang <- intersect(decorator_names(to), gang_decorators)
  if (is.null(s$num_parallel) && length(gang)) {
    abort(
      "Step {.val {to$name}} of flow {.val {flow$name}} has {.code decorator(\"{gang[[1]]}\")}, \\
       but step {.val {s$name}} goes to it without {.arg num_parallel}.",
      i = "Say how many nodes the gang has: \\
           {.code step(step = \"{s$name}\", next_step = \"{to$name}\", num_parallel = 2)}."
    )
  }
  plain <- all(decorator_names(to) %in% other_decorators)
  if (!is.null(s$num_parallel) && !length(gang) && plain) {
    abort("Step {.val {s$name}} of flow {.val {flow$name}} has {.arg num_parallel}, \\
           but step {.val {to$name}} after it has no gang decorator.",
      i = "Add one: {.code step(decorator(\"ray_parallel\"), step = \"{to$name}\")}.")
  }
}

check_reachable <- function(flow, abort) {
  seen <- character()
  todo <- "start"
  while (length(todo)) {
    seen <- c(seen, todo)
    todo <- setdiff(unlist(lapply(flow$steps[todo], next_steps)), seen)
  }
  lost <- setdiff(names(flow$steps), seen)
  if (length(lost)) {
    abort("Step {.val {lost[[1]]}} of flow {.val {flow$name}} cannot be reached from {.val start}.",
      i = "Name it in the {.arg next_step} of another step, or remove it.")
  }
}

check_acyclic <- function(flow, abort) {
  state <- stats::setNames(integer(length(flow$steps)), names(flow$steps))
  visit <- function(name, path) {
    if (state[[name]] == 2L) {
      return(invisible())
    }
    path <- c(path, name)
    if (state[[name]] == 1L) {
      loop <- paste(path[seq(match(name, path), length(path))], collapse = paste0(" ", arrow(), " "))
      abort("Flow {.val {flow$name}} goes in a circle: {loop}.",
        i = "Change a {.arg next_step}; only a switch can lead back, and only to its own step.")
    }
    state[[name]] <<- 1L
    for (to in next_steps(flow$steps[[name]])) visit(to, path)
    state[[name]] <<- 2L
  }
  visit("start", character())
}
