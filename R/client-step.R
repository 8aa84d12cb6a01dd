#' A step of a run
#'
#' @examplesIf gangway:::can_run()
#' if ("HelloFlow" %in% list_flows()) {
#'   step <- new_run("HelloFlow", "latest_run")$step("start")
#'   step$tasks
#'   step$task(step$a_task)
#'   step_client$new(step$pathspec)$summary()
#' }
#' @export
step_client <- R6::R6Class(
  "StepClient",
  inherit = metaflow_object,
  public = list(
    #' @description Find a step.
    #' @param ... Either a path such as `"HelloFlow/12/start"`, or a [run_client] object and the
    #'   step's name.
    initialize = function(...) super$initialize(client_open("step", client_arguments("step", ...))),

    #' @description A task of this step.
    #' @param task_id Identifier of the task.
    #' @return A [task_client] object.
    task = function(task_id) task_client$new(self, task_id),

    #' @description Print a summary of this step.
    summary = function() {
      client_summary("Step Summary", self$id, list(
        "# Tasks" = length(self$tasks), "Created at" = self$created_at,
        "Finished at" = self$finished_at, "Time" = client_duration(self)
      ))
    }
  ),
  private = list(
    glance = function() list(time = client_duration(self), tasks = rev(self$tasks))
  ),
  active = list(
    #' @field super_ The base class's view of this object.
    super_ = function() super,

    #' @field finished_at When the last task finished, as [POSIXct]; `NULL` if one has not.
    finished_at = function() client_time(private$obj_, "finished_at"),

    #' @field a_task Identifier of one task of this step.
    a_task = function() private$obj_$task$id,

    #' @field control_task Identifier of the control task of a gang step; `NULL` in other steps.
    control_task = function() private$obj_$control_task$id,

    #' @field tasks Identifiers of all tasks, newest first.
    tasks = function() self$get_values()
  ),
  lock_class = TRUE
)
