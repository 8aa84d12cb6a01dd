# Artifacts as R objects, exactly as they were stored.

#' The R object behind an artifact's Python value
#'
#' @param value The artifact's value, a Python object that reticulate has not converted.
#' @param label Where it comes from, for messages.
#' @param task The Python task that holds it, or `NULL`.
#' @return What R stored, unserialized; else R's natural object of a Python value (docs/artifacts.md); else the
#'   Python object.
#' @noRd
artifact_value <- function(value, label = "an artifact", task = NULL) {
  client <- reticulate::import("metaflow_extensions.gangway.r.client", convert = FALSE)
  fetched <- tryCatch(client$fetch(value, task), error = function(e) abort_unreadable(label, e))
  part <- function(i) reticulate::py_get_item(fetched, i)
  switch(reticulate::py_to_r(part(0L)),
    r = read_stream(part(1L), label, function(x) restore_value(x, py_strings(part(2L)))),
    parts = read_stream(part(1L), label, function(x) {
      others <- lapply(py_list(part(2L)), artifact_value, label = label)
      if (length(others)) fill_in(x, others) else x
    }),
    py = part(1L)
  )
}

read_stream <- function(bytes, label, finish) {
  tryCatch(finish(unserialize(reticulate::py_to_r(bytes))), error = function(e) abort_unreadable(label, e))
}

abort_unreadable <- function(label, error) {
  gangway_abort(
    c("The stored value of {label} cannot be read as an R object by R {getRversion()}.",
      x = cli_literal(conditionMessage(error))),
    class = "gangway_error_client", call = NULL, parent = error
  )
}

#' An artifact of a task, by its name
#' @param task A Python task.
#' @param run The run_client whose end task this is, to say where else the artifact is.
#' @noRd
task_artifact <- function(task, name, run = NULL) {
  if (!rlang::is_string(name) || !nzchar(name)) {
    gangway_abort(
      "An artifact is named by one string, not by {.obj_type_friendly {name}}.",
      class = "gangway_error_client", call = NULL
    )
  }
  label <- paste(task$pathspec, name, sep = "/")
  artifact <- get_artifact(task, name)
  if (is.null(artifact)) {
    abort_no_artifact(task, name, run)
  }
  value <- tryCatch(
    py_attribute(artifact, "data"),
    error = function(e) {
      gangway_abort(
        c("Artifact {.val {label}} could not be loaded.",
          i = "Its data are in the datastore of the run; is that configured in this session?"),
        class = "gangway_error_client", call = NULL, parent = e
      )
    }
  )
  artifact_value(value, label, task)
}

# The Python DataArtifact, or NULL if the task has none of that name
get_artifact <- function(task, name) {
  tryCatch(reticulate::py_get_item(task, name), error = function(e) {
    if (is_lookup_error(e)) NULL else stop(e)
  })
}

abort_no_artifact <- function(task, name, run = NULL) {
  choices <- child_ids(task)
  elsewhere <- if (is.null(run)) NULL else steps_with(run, name)
  hint <- if (length(elsewhere)) {
    c(i = "It is an artifact of {.val {elsewhere}}:
           {.code run$step(\"{elsewhere[[1]]}\")$task(id)$artifact(\"{name}\")}.")
  } else {
    near_artifacts(name, choices)
  }
  gangway_abort(
    c("The task {.val {task$pathspec}} has no artifact {.val {name}}.", hint),
    class = "gangway_error_client", call = NULL, kind = "artifact", id = name
  )
}

near_artifacts <- function(name, choices) {
  if (length(choices)) did_you_mean(name, choices, "artifacts") else c(i = "It has no artifacts.")
}
