# What a finished run gives to latest_run() and to the object that run() returns.

#' An artifact of a run: of its end step, else of the last step that holds it
#'
#' @param x The result of a run.
#' @param name Name of the artifact.
#' @noRd
run_artifact <- function(x, name) {
  info <- run_info(x)
  pathspec <- paste(info$flow, info$run_id, sep = "/")
  label <- paste(pathspec, name, sep = "/")
  fail <- function(e) abort_not_loaded(label, e)
  if (identical(session$reader_of, reader_key(info))) {
    known <- tryCatch(session$known(name), error = fail)
    if (!is.null(known)) {
      return(read_found(session$reader$last, label, pathspec, name, known))
    }
  }
  with_run(x, function(run) {
    found <- tryCatch(run_reader(x, run)$find(name), error = fail)
    if (reticulate::py_to_r(reticulate::py_get_item(found, 0L)) == "missing") abort_no_run_artifact(x, run, name)
    read_found(found, label, pathspec, name)
  })
}

# What has been found of the run that was read last. A run that goes on makes more.
run_reader <- function(x, run) {
  info <- run_info(x)
  key <- reader_key(info)
  if (!identical(session$reader_of, key)) {
    session$reader <- client_module()$RunReader(run$get_obj())
    session$reader_of <- if (!identical(info$status, "running")) key
    known <- session$reader$known
    session$known <- function(name) reticulate::py_to_r(known(name))
  }
  session$reader
}

reader_key <- function(info) paste(info$metadata, info$flow, info$run_id)

# Names of all artifacts of a run that run_artifact() can find.
run_artifact_names <- function(x, run) py_strings(run_reader(x, run)$names())

read_found <- function(found, label, pathspec, name, said = reticulate::py_to_r(reticulate::py_get_item(found, 0L))) {
  if (said != "differs") {
    return(read_fetched(found, label, said))
  }
  # The tasks of a foreach may hold different values: taking any of them would be a guess.
  step <- reticulate::py_to_r(reticulate::py_get_item(found, 1L))
  ids <- rev(py_strings(reticulate::py_get_item(found, 2L)))
  first <- paste(pathspec, step, ids[[1]], sep = "/")
  gangway_abort(
    c("Artifact {.val {name}} has different values in the {length(ids)} tasks of step
       {.val {step}} of {.val {pathspec}}.",
      i = "Take one: {.code task_client$new(\"{first}\")$artifact(\"{name}\")}.",
      i = "The tasks are {.val {ids}}. To have them all in the result, gather them in the join."),
    class = "gangway_error_client", call = NULL, kind = "artifact", id = name
  )
}

# The tasks of a step that hold an artifact. A gang's artifacts are its control task's.
tasks_with <- function(step, name) {
  control <- step$control_task
  tasks <- if (is.null(control)) py_list(step) else list(control)
  Filter(function(task) !is.null(get_artifact(task, name)), tasks)
}

abort_no_run_artifact <- function(x, run, name) {
  choices <- run_artifact_names(x, run)
  gangway_abort(
    c("No step of run {.val {run$pathspec}} has an artifact {.val {name}}.",
      near_artifacts(name, choices)),
    class = "gangway_error_client", call = NULL, kind = "artifact", id = name
  )
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
