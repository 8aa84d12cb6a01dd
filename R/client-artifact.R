# Artifacts as R objects, exactly as they were stored.

#' The R object behind an artifact's Python value
#'
#' @param value The artifact's value, a Python object that reticulate has not converted.
#' @param label Where it comes from, for messages.
#' @param task The Python task that holds it, or `NULL`.
#' @return What R stored, unserialized; else R's natural object of a Python value (vignettes/artifacts.Rmd); else the
#'   Python object.
#' @noRd
artifact_value <- function(value, label = "an artifact", task = NULL) {
  fetched <- tryCatch(client_module()$fetch(value, task), error = function(e) abort_unreadable(label, e))
  read_fetched(fetched, label)
}

client_module <- function() {
  if (is.null(session$client)) {
    mf_python()
    session$client <- reticulate::import("metaflow_extensions.gangway.r.client", convert = FALSE)
  }
  session$client
}

# Not as a raw vector, which would be one copy more; and Python's goes before anything else is done.
read_bytes <- function(place, bytes, hook = NULL) {
  if (!is.null(bytes)) on.exit(bytes$release())
  .Call(read_at, place[c(TRUE, FALSE)], place[c(FALSE, TRUE)], hook)
}

# What fetch() or load() of client.py have returned.
read_fetched <- function(fetched, label, said = reticulate::py_to_r(reticulate::py_get_item(fetched, 0L))) {
  # `fetched` may be a promise that need not be kept: each look at Python's objects takes its time.
  part <- function(i) reticulate::py_get_item(fetched, i)
  said <- strsplit(said, " ", fixed = TRUE)[[1]]
  if (said[[1]] == "py") {
    return(part(1L))
  }
  place <- as.numeric(said[2:3])
  tryCatch({
    x <- read_bytes(place, if (place[[2]] > 1e5) part(1L))
    if (said[[1]] == "r") {
      restore_value(x, said[-(1:3)])
    } else {
      unconverted <- lapply(py_list(part(2L)), artifact_value, label = label)
      if (length(unconverted)) fill_placeholders(x, unconverted) else x
    }
  }, error = function(e) abort_unreadable(label, e))
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
  loaded <- tryCatch(client_module()$load(artifact, task), error = function(e) abort_not_loaded(label, e))
  read_fetched(loaded, label)
}

abort_not_loaded <- function(label, error) {
  if (!grepl("NotLoaded", conditionMessage(error), fixed = TRUE)) abort_unreadable(label, error)
  gangway_abort(
    c("Artifact {.val {label}} could not be loaded.",
      i = "Its data are in the datastore of the run; is that configured in this session?"),
    class = "gangway_error_client", call = NULL, parent = error
  )
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
