#' A task of a step
#'
#' @details
#' `$artifact(name)` gives the R object exactly as a step stored it. What a Python step stored comes as
#' the same natural R object that an R step reads: numbers, strings, lists, NumPy arrays, pandas' and
#' Arrow's tables, dates and times. What R has no counterpart of is a Python object. What Netflix's R
#' package stored in an old run is unserialized.
#'
#' @examplesIf gangway:::can_run()
#' if ("HelloFlow" %in% list_flows()) {
#'   step <- new_run("HelloFlow", "latest_run")$step("start")
#'   task <- task_client$new(step, step$a_task)
#'   task$artifacts
#'   cat(task$stdout)
#'   task$summary()
#' }
#' @export
task_client <- R6::R6Class(
  "TaskClient",
  inherit = metaflow_object,
  public = list(
    #' @description Find a task.
    #' @param ... Either a path such as `"HelloFlow/12/start/139"`, or a [step_client] object and
    #'   the task's identifier.
    initialize = function(...) super$initialize(client_open("task", client_arguments("task", ...))),

    #' @description An artifact, as the R object that was stored.
    #' @param name Name of the artifact.
    artifact = function(name) task_artifact(private$obj_, name),

    #' @description Print a summary of this task.
    summary = function() {
      client_summary("Task Summary", self$id, list(
        "Successful" = self$successful, "Created At" = self$created_at,
        "Finished At" = self$finished_at, "Time" = client_duration(self), "Objects" = self$artifacts
      ))
    }
  ),
  private = list(
    glance = function() {
      list(
        finished = self$finished, successful = self$successful, time = client_duration(self),
        artifacts = self$artifacts
      )
    }
  ),
  active = list(
    #' @field super_ The base class's view of this object.
    super_ = function() super,

    #' @field exception The exception that ended this task, as a condition: of R code the one that it signalled, with
    #'   the further fields `traceback` (R's calls), `exception` (its message), `type` and `stacktrace` (Python's view
    #'   of it); `NULL` if there was none.
    exception = function() artifact_value(py_attribute(private$obj_, "exception"), "the exception"),

    #' @field finished Has the task finished?
    finished = function() private$obj_$finished,

    #' @field finished_at When the task finished, as [POSIXct]; `NULL` if it has not.
    finished_at = function() client_time(private$obj_, "finished_at"),

    #' @field successful Was the task successful?
    successful = function() private$obj_$successful,

    #' @field code The run's code package (a Python object); `NULL` if it has none.
    code = function() private$obj_$code,

    #' @field index Index in the innermost foreach, from 0; `NULL` outside one.
    index = function() private$obj_$index,

    #' @field metadata_dict Named list of what Metaflow noted about this task.
    metadata_dict = function() artifact_value(py_attribute(private$obj_, "metadata_dict"), "the metadata"),

    #' @field runtime_name Where the task ran, such as `"dev"`; `NULL` if that was not noted.
    runtime_name = function() private$obj_$runtime_name,

    #' @field stdout What the task wrote to its standard output.
    stdout = function() private$obj_$stdout,

    #' @field stderr What the task wrote to its standard error.
    stderr = function() private$obj_$stderr,

    #' @field artifacts Names of this task's artifacts, sorted.
    artifacts = function() sort(self$get_values())
  ),
  lock_class = TRUE
)
