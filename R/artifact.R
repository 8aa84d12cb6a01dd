# Artifacts as R objects, exactly as they were stored.

#' The R object behind an artifact's Python value
#'
#' @param value The artifact's value, a Python object that reticulate has not converted.
#' @param label Where it comes from, for messages.
#' @return What R stored, unserialized; else R's equal of a plain Python value; else the Python
#'   object.
#' @noRd
artifact_value <- function(value, label = "an artifact") {
  client <- reticulate::import("metaflow_extensions.gangway.r.client", convert = FALSE)
  fetched <- client$fetch(value)
  kind <- reticulate::py_to_r(reticulate::py_get_item(fetched, 0L))
  value <- reticulate::py_get_item(fetched, 1L)
  if (identical(kind, "r")) {
    return(unserialize_artifact(reticulate::py_to_r(value), label))
  }
  restore_nested(python_value(value), label)
}

unserialize_artifact <- function(bytes, label) {
  tryCatch(
    unserialize(bytes),
    error = function(e) {
      gangway_abort(
        c("The stored value of {label} cannot be read as an R object ({length(bytes)} bytes).",
          i = "It is damaged, or was written by a newer R than {getRversion()}."),
        class = "gangway_error_client", call = NULL, parent = e
      )
    }
  )
}

# reticulate gives 0 for 2**40, -1 for 2**70, NA for -2**31 and renames the keys of {1: 2}: what
# would not come out equal stays a Python object.
python_value <- function(value) {
  plain <- reticulate::import("metaflow_extensions.gangway.r.plain", convert = FALSE)
  exact <- plain$exact(value)
  if (reticulate::py_to_r(reticulate::py_get_item(exact, 0L))) {
    reticulate::py_to_r(reticulate::py_get_item(exact, 1L))
  } else {
    value
  }
}

# A Python step may have put R objects in a list or a dictionary, as in [i.model for i in inputs]
restore_nested <- function(x, label) {
  if (inherits(x, "python.builtin.object")) {
    is_r <- any(grepl("\\.RObject$", class(x)))
    return(if (is_r) artifact_value(x, label) else x)
  }
  if (is.list(x) && !is.object(x)) {
    x[] <- lapply(x, restore_nested, label = label)
  }
  x
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
  artifact_value(value, label)
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
