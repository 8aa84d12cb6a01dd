# What a finished run gives to latest_run() and to the object that run() returns.

#' An artifact of a run: of its end step, else of the last step that holds it
#'
#' @param run A [run_client] object.
#' @param name Name of the artifact.
#' @noRd
run_artifact <- function(run, name) {
  for (step in py_list(run$get_obj())) {
    tasks <- tasks_with(step, name)
    if (length(tasks)) {
      check_one_value(run, step$id, tasks, name)
      return(task_artifact(tasks[[1]], name))
    }
  }
  abort_no_run_artifact(run, name)
}

# The tasks of a step that hold an artifact. A gang's artifacts are its control task's.
tasks_with <- function(step, name) {
  control <- step$control_task
  tasks <- if (is.null(control)) py_list(step) else list(control)
  Filter(function(task) !is.null(get_artifact(task, name)), tasks)
}

# The tasks of a foreach may hold different values: taking any of them would be a guess
check_one_value <- function(run, step, tasks, name) {
  sha <- vapply(tasks, function(task) get_artifact(task, name)$sha, "")
  if (length(unique(sha)) == 1L) {
    return(invisible())
  }
  ids <- rev(vapply(tasks, function(task) task$id, ""))
  first <- paste(run$pathspec, step, ids[[1]], sep = "/")
  gangway_abort(
    c("Artifact {.val {name}} has different values in the {length(tasks)} tasks of step
       {.val {step}} of {.val {run$pathspec}}.",
      i = "Take one: {.code task_client$new(\"{first}\")$artifact(\"{name}\")}.",
      i = "The tasks are {.val {ids}}. To have them all in the result, gather them in the join."),
    class = "gangway_error_client", call = NULL, kind = "artifact", id = name
  )
}

abort_no_run_artifact <- function(run, name) {
  choices <- run_artifact_names(run)
  gangway_abort(
    c("No step of run {.val {run$pathspec}} has an artifact {.val {name}}.",
      near_artifacts(name, choices)),
    class = "gangway_error_client", call = NULL, kind = "artifact", id = name
  )
}

# Names of all artifacts of a run that run_artifact() can find
run_artifact_names <- function(run) {
  steps <- py_list(run$get_obj())
  sort(unique(unlist(lapply(steps, function(step) {
    task <- step$control_task %||% step$task
    # Metaflow keeps the flow's own name as an artifact.
    if (is.null(task)) NULL else setdiff(child_ids(task), "name")
  }))))
}

# Steps of a run that hold an artifact, the last one first
steps_with <- function(run, name) {
  steps <- py_list(run$get_obj())
  held <- vapply(steps, function(step) length(tasks_with(step, name)) > 0L, NA)
  vapply(steps[held], function(step) step$id, "")
}

#' Steps of a run in the order in which they began
#'
#' @param run A [run_client] object.
#' @return A data frame: step, tasks (how many), seconds (from the first task's start to the last
#'   one's end, `NA` if one has not finished).
#' @noRd
run_steps <- function(run) {
  steps <- rev(py_list(run$get_obj()))
  seconds <- function(step) {
    finished <- client_time(step, "finished_at")
    if (is.null(finished)) {
      return(NA_real_)
    }
    as.numeric(difftime(finished, client_time(step, "created_at"), units = "secs"))
  }
  data.frame(
    step = vapply(steps, function(step) step$id, ""),
    tasks = vapply(steps, function(step) length(child_ids(step)), 0L),
    seconds = vapply(steps, seconds, 0)
  )
}
