# What stands for Python and Metaflow where call_step() calls a step's function: the runtime of tasks is loaded as a
# task loads it, and asks here, where a task asks r/session.py.

#' The R code of tasks, loaded once in a session; its parts that the package has, too, are the package's
#' @noRd
task_runtime <- function() {
  if (is.null(session$task_runtime)) {
    folder <- system.file("python", "metaflow_extensions", "gangway", "runtime", "task", package = "gangway")
    runtime <- new.env(parent = environment(task_runtime))
    for (file in list.files(folder, pattern = "[.]R$", full.names = TRUE)) {
      sys.source(file, runtime, keep.source = FALSE)
    }
    runtime$register_methods()
    session$task_runtime <- runtime
  }
  session$task_runtime
}

#' All that is there while a step's function is called
#' @return An environment: `tasks` (of each the `store` of its artifacts, the names that were `assigned`, its `path`),
#'   `parameters`, `stack`, `card`, and functions.
#' @noRd
called_world <- function(called, current) {
  runtime <- task_runtime()
  world <- new.env(parent = emptyenv())
  world$called <- called
  world$tasks <- list()
  world$handles <- character()
  world$card <- list()
  world$stack <- list()
  world$current <- current_facts(called, current)
  world$refuse <- function(...) {
    stop(structure(
      class = c("gangway_error_task", "gangway_error", "error", "condition"),
      list(message = paste0(...), call = NULL)
    ))
  }
  world$read <- function(stored) runtime$decode(stored)
  world$write <- function(x, name) stored_form(world, runtime$encode(x, name))
  world$add_task <- function(given, step, number = NULL) add_task(world, given, step, number)
  world$value <- function(handle, name) {
    p <- world$parameters
    if (name %in% names(p$values)) world$read(p$values[[name]]) else world$read(world$tasks[[handle]]$store[[name]])
  }
  world$call <- function(f, self, inputs, names) call_in_world(world, runtime, f, self, inputs, names)
  world$elements <- function(handle, name) foreach_elements(world, handle, name)
  world
}

# A session may call a step from within a step: each has its own world.
enter_called_world <- function(world) {
  runtime <- task_runtime()
  before <- list(py = runtime$py, bundle = runtime$bundle, called = session$called_task)
  runtime$py <- world_functions(world)
  session$called_task <- runtime
  parsers <- if (!is.null(world$called$flow)) named_functions(.subset2(world$called$flow, "parameters"), "parser")
  runtime$bundle <- list(parsers = parsers)
  world$close <- function() {
    known <- intersect(world$handles, ls(runtime$states))
    runtime$forget(known)
    runtime$py <- before$py
    runtime$bundle <- before$bundle
    session$called_task <- before$called
    unlink(world$stream)
  }
}

call_in_world <- function(world, runtime, f, handle, input_handles, input_names) {
  self <- runtime$new_self(handle)
  inputs <- if (!is.null(input_handles)) runtime$new_inputs(input_handles, input_names)
  world$handles <- as.character(c(handle, input_handles))
  runtime$check_reports(f)
  runtime$call_as(world$called$step, f, c(list(self = self), if (!is.null(inputs)) list(inputs = inputs)))
  runtime$self_flush(self)
}

add_task <- function(world, given, step, number) {
  what <- attr(given, "what")
  path <- world$current$pathspec
  if (!is.null(number)) path <- paste(world$called$flow_name, world$current$run_id, step, number, sep = "/")
  store <- lapply(stats::setNames(nm = names(given)), function(name) {
    problem <- name_problem(world, name)
    if (nzchar(problem)) world$refuse(gsub("`self$", paste0("`", what, "$"), problem, fixed = TRUE))
    world$write(given[[name]], paste0(what, "$", name))
  })
  handle <- length(world$tasks) + 1
  world$tasks[[handle]] <- list(store = store, assigned = character(), path = path, is_input = !is.null(number))
  handle
}

# What encode() has made, as decode() takes it.
stored_form <- function(world, encoded) {
  if (encoded[[1L]] == "plain") {
    return(encoded)
  }
  bytes <- if (length(encoded) > 2L) encoded[[3L]] else readBin(world$stream, "raw", file.size(world$stream))
  # As in describe(): the fifth says what restore_value() has to do.
  list("r", bytes, strsplit(encoded[[2L]][[5L]], " ", fixed = TRUE)[[1L]])
}

current_facts <- function(called, given) {
  good <- is.list(given) && (!length(given) || (!is.null(names(given)) && all(nzchar(names(given)))))
  if (!good) {
    abort_called("{.arg current} has to be a named list, such as {.code list(run_id = \"12\")}.", NULL)
  }
  facts <- list(
    flow_name = called$flow_name, run_id = "1", origin_run_id = NULL, step_name = called$step, task_id = "1",
    namespace = "user:test", username = "test", retry_count = 0L, tags = list(), is_running_flow = TRUE,
    parameter_names = as.list(names(if (!is.null(called$flow)) .subset2(called$flow, "parameters")))
  )
  facts[names(given)] <- given
  path <- paste(facts$flow_name, facts$run_id, facts$step_name, facts$task_id, sep = "/")
  if (is.null(facts$pathspec)) facts$pathspec <- path
  facts
}

# What r/session.py provides, of which each answers as it does.
world_functions <- function(world) {
  answers <- list(
    problem = function(...) "", # of what R itself writes, readers refuse next to nothing
    names = function(handle) artifact_names(world, handle),
    are_control = function(handles) as.list(isTRUE(world$called$of_gang) & seq_along(handles) == 1L),
    label = function(handle) world$tasks[[handle]]$path,
    name_problem = function(handle, name) name_problem(world, name),
    input_problem = function(known, name) input_problem(unlist(known), name),
    merge = function(handle, inputs, exclude, include) merge_inputs(world, handle, inputs, exclude, include),
    read_ahead = function(...) NULL,
    foreach_places = function(handle) lapply(world$stack, function(level) level[1:2]),
    parameter_file = function(handle, name, folder) copied_parameter_file(world, name, folder),
    current = function(name) current_fact(world, name),
    card = function(id, what, ...) on_card(world, id, what, ...),
    open_stream = function() world$stream <- world$stream %||% tempfile("artifact-"),
    stream_size = function() file.size(world$stream),
    set = function(handle, name, ...) {
      world$tasks[[handle]]$store[[name]] <- stored_form(world, list(...))
      world$tasks[[handle]]$assigned <- union(world$tasks[[handle]]$assigned, name)
      ""
    }
  )
  # These answer with what is stored.
  c(lapply(answers, function(answer) function(...) list("plain", answer(...))), list(
    get = function(handle, name, unsaved) stored_artifact(world, handle, name, unsaved),
    foreach_element = function(handle, level) world$write(world$stack[[level + 1]][[3L]], "input")
  ))
}

artifact_names <- function(world, handle) {
  task <- world$tasks[[handle]]
  sort(c(names(task$store), if (!task$is_input) names(world$parameters$values)))
}

stored_artifact <- function(world, handle, name, unsaved) {
  task <- world$tasks[[handle]]
  if (name %in% names(task$store)) {
    return(task$store[[name]])
  }
  if (!task$is_input && name %in% c("input", "index")) {
    level <- if (length(world$stack)) world$stack[[length(world$stack)]]
    return(world$write(if (name == "input") level[[3L]] else if (!is.null(level)) as.integer(level[[1L]]), name))
  }
  if (name %in% names(world$parameters$values)) {
    return(get(name, world$parameters$values, inherits = FALSE))
  }
  if (name %in% world$parameters$unknown) {
    world$refuse("Parameter `", name, "` of flow ", world$called$flow_name, " is required and has no default: ",
      "give it a value, call_step(parameters = list(", name, " = )).")
  }
  known <- sort(unique(c(artifact_names(world, handle), unsaved)))
  there <- paste0("There is no artifact '", name, "' in ", task$path)
  of_inputs <- any(vapply(world$tasks[-1L], function(one) name %in% names(one$store), NA))
  if (!task$is_input && of_inputs) {
    world$refuse(there, ", which is a join: its inputs have it. merge_artifacts(self, inputs) before takes over ",
      "what is the same in all of them; gather_inputs(inputs, '", name, "') gives the value of each.")
  }
  world$refuse(there, ". ", near_or_all(name, known, "It has"))
}

near_or_all <- function(name, known, all) {
  near <- nearest_name(name, known)
  if (!is.null(near)) {
    return(paste0("Did you mean '", near, "'?"))
  }
  paste0(all, " ", if (length(known)) paste0("'", known, "'", collapse = ", ") else "none", ".")
}

name_problem <- function(world, name) {
  flow <- world$called$flow
  parameters <- c(names(world$parameters$values), world$parameters$unknown)
  if (!is_identifier(name) || startsWith(name, "_")) {
    paste0("`", name, "` cannot be an artifact's name: use letters, digits and underscores, not first a digit or an ",
      "underscore, and no Python keyword.")
  } else if (name == "name") {
    "`self$name` is where Metaflow keeps the flow's own name; choose another name."
  } else if (name %in% c(parameters, "input", "index")) {
    paste0("`self$", name, "` is a parameter of the flow or belongs to Metaflow and cannot be set.")
  } else if (name %in% c(reserved_names, if (!is.null(flow)) names(.subset2(flow, "steps")))) {
    paste0("`self$", name, "` is a step of the flow or belongs to Metaflow; choose another name.")
  } else {
    ""
  }
}

input_problem <- function(known, name) {
  if (!length(known)) {
    return(paste0("There is no input '", name, "': the inputs of this join have no names. inputs[[1]] is the first; ",
      "gather_inputs(inputs, '", name, "') gives the artifact of that name from each."))
  }
  paste0("There is no input '", name, "' of this join. ", near_or_all(name, known, "The inputs are"))
}

current_fact <- function(world, name) {
  if (name %in% names(world$current)) {
    return(world$current[[name]])
  }
  world$refuse("`current` has no '", name, "' here. ", near_or_all(name, sort(names(world$current)), "It has"),
    " What a decorator puts there is given to call_step(current = list(", name, " = )).")
}

on_card <- function(world, id, what, ...) {
  if (isFALSE(world$called$has_card)) {
    world$refuse('This step has no card: add decorator("card") to its step(), before current("card").')
  }
  if (what %in% c("find", "refresh", "move")) {
    return(NULL)
  }
  content <- list(...)
  if (what == "report") content <- list(paste(readLines(content[[1L]], encoding = "UTF-8"), collapse = "\n"))
  world$card <- c(world$card, list(list(id = id, kind = what, content = content)))
  if (what == "bar") length(world$card)
}
