# The client reads past runs from an R session: flow > run > step > task > artifact, as Metaflow's
# Python client does. Python starts with the first object that is made, not with library(gangway).

#' Read flows, runs, steps and tasks
#'
#' A factory for the client's four classes, kept for scripts written for Netflix's R package;
#' [flow_client], [run_client], [step_client] and [task_client] can be used directly.
#'
#' @seealso [latest_run()] for the short way to the results of a flow.
#' @examplesIf gangway:::can_run()
#' client <- mf_client$new()
#' flows <- list_flows()
#' if (length(flows)) client$flow(flows[[1]])$runs
#' @export
mf_client <- R6::R6Class(
  "MetaflowClient",
  public = list(
    #' @description A flow.
    #' @param flow_id Name of the flow, such as `"HelloFlow"`.
    #' @return A [flow_client] object.
    flow = function(flow_id) flow_client$new(flow_id),

    #' @description A run of a flow.
    #' @param flow_client A [flow_client] object.
    #' @param run_id Identifier of the run, `"latest_run"` or `"latest_successful_run"`.
    #' @return A [run_client] object.
    run = function(flow_client, run_id) run_client$new(flow_client, run_id),

    #' @description A step of a run.
    #' @param run_client A [run_client] object.
    #' @param step_id Name of the step.
    #' @return A [step_client] object.
    step = function(run_client, step_id) step_client$new(run_client, step_id),

    #' @description A task of a step.
    #' @param step_client A [step_client] object.
    #' @param task_id Identifier of the task.
    #' @return A [task_client] object.
    task = function(step_client, task_id) task_client$new(step_client, task_id)
  )
)

#' What flows, runs, steps and tasks have in common
#'
#' The base class of [flow_client], [run_client], [step_client] and [task_client].
#' @keywords internal
metaflow_object <- R6::R6Class(
  "metaflow_object",
  public = list(
    #' @description Wrap an object of Metaflow's Python client.
    #' @param obj The Python object.
    initialize = function(obj = NA) {
      if (!inherits(obj, "metaflow.client.core.MetaflowObject")) {
        gangway_abort(
          c("{.arg obj} must be an object of Metaflow's Python client,
             not {.obj_type_friendly {obj}}.",
            i = "Use {.code flow_client$new(\"HelloFlow\")} or another of the client's classes."),
          class = "gangway_error_client", call = NULL
        )
      }
      private$obj_ <- obj
    },

    #' @description Is this object in the current namespace?
    #' @return `TRUE` or `FALSE`.
    is_in_namespace = function() private$obj_$is_in_namespace(),

    #' @description The Python object itself, for what has no method here.
    #' @return A Python object (see [reticulate::py_get_attr()]).
    get_obj = function() private$obj_,

    #' @description Identifiers of the objects one level below, newest first.
    #' @return A character vector.
    get_values = function() child_ids(private$obj_),

    #' @description Print what this is and what it holds.
    #' @param ... Not used.
    print = function(...) {
      cat("<", class(self)[[1]], "> ", self$pathspec, "\n", sep = "")
      client_fields(private$glance())
      invisible(self)
    }
  ),
  private = list(
    obj_ = NULL,
    # What print() shows: a named list; the classes below replace it.
    glance = function() list()
  ),
  active = list(
    #' @field id Identifier of this object.
    id = function() private$obj_$id,

    #' @field pathspec Path that names this object, such as `"HelloFlow/12/start"`.
    pathspec = function() private$obj_$pathspec,

    #' @field parent Identifier of the object one level above; `NULL` for a flow.
    parent = function() private$obj_$parent$id,

    #' @field tags Tags of the run that this object belongs to, sorted.
    tags = function() sort(py_strings(private$obj_$tags)),

    #' @field created_at When this object was created, as [POSIXct].
    created_at = function() client_time(private$obj_, "created_at")
  )
)

#' Flows, runs, steps and tasks by their identifiers
#'
#' The functions of Netflix's R package that stand for the classes [flow_client], [run_client],
#' [step_client] and [task_client].
#' @param flow_id Name of the flow.
#' @return The client's object.
#' @examplesIf gangway:::can_run()
#' flows <- list_flows()
#' if (length(flows)) new_flow(flows[[1]])
#' @export
new_flow <- function(flow_id) {
  flow_client$new(flow_id)
}

#' @rdname new_flow
#' @param run_id Identifier of the run, `"latest_run"` or `"latest_successful_run"`.
#' @export
new_run <- function(flow_id, run_id) {
  new_flow(flow_id)$run(run_id)
}

#' @rdname new_flow
#' @param step_id Name of the step.
#' @export
new_step <- function(flow_id, run_id, step_id) {
  new_run(flow_id, run_id)$step(step_id)
}

#' @rdname new_flow
#' @param task_id Identifier of the task.
#' @export
new_task <- function(flow_id, run_id, step_id, task_id) {
  new_step(flow_id, run_id, step_id)$task(task_id)
}

#' Names of all flows
#'
#' @return The names of the flows that have a run in the current namespace, sorted.
#' @seealso [set_namespace()] to see other people's.
#' @examplesIf gangway:::can_run()
#' list_flows()
#' @export
list_flows <- function() {
  sort(child_ids(mf_python()$Metaflow()))
}
