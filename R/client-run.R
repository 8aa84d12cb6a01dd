#' A run of a flow
#'
#' @seealso [latest_run()].
#' @examplesIf gangway:::can_run()
#' if ("HelloFlow" %in% list_flows()) {
#'   flow <- flow_client$new("HelloFlow")
#'   run <- run_client$new(flow, run = flow$latest_run)
#'   run$successful
#'   run$artifacts
#'   run_client$new(run$pathspec)$summary()
#' }
#' @export
run_client <- R6::R6Class(
  "RunClient",
  inherit = metaflow_object,
  public = list(
    #' @description Find a run.
    #' @param ... Either a path such as `"HelloFlow/12"`, or a [flow_client] object and the run's
    #'   identifier, `"latest_run"` or `"latest_successful_run"`.
    initialize = function(...) {
      args <- client_arguments("run", ...)
      if (length(args) == 2L) {
        args[[2]] <- resolve_run_id(args[[1]], args[[2]])
      }
      super$initialize(client_open("run", args))
    },

    #' @description A step of this run.
    #' @param step_id Name of the step.
    #' @return A [step_client] object.
    step = function(step_id) step_client$new(self, step_id),

    #' @description An artifact of the end step, as the R object that was stored.
    #' @param name Name of the artifact.
    artifact = function(name) {
      end <- private$obj_$end_task
      if (is.null(end)) {
        abort_no_end(self, name)
      }
      task_artifact(end, name, run = self)
    },

    #' @description Print a summary of this run.
    summary = function() {
      client_summary("Run Summary", self$id, list(
        "Successful" = self$finished && self$successful, "Created at" = self$created_at,
        "Finished at" = self$finished_at, "Time" = client_duration(self)
      ))
    }
  ),
  private = list(
    glance = function() {
      list(
        finished = self$finished, successful = self$successful, time = client_duration(self),
        steps = rev(self$steps), artifacts = self$artifacts
      )
    }
  ),
  active = list(
    #' @field super_ The base class's view of this object.
    super_ = function() super,

    #' @field code The run's code package (a Python object); `NULL` if it has none.
    code = function() private$obj_$code,

    #' @field end_task Identifier of the end step's task; `NULL` if the run did not get there.
    end_task = function() private$obj_$end_task$id,

    #' @field finished Has the run finished?
    finished = function() private$obj_$finished,

    #' @field finished_at When the run finished, as [POSIXct]; `NULL` if it has not.
    finished_at = function() client_time(private$obj_, "finished_at"),

    #' @field successful Was the end step successful?
    successful = function() private$obj_$successful,

    #' @field steps Names of the steps that have started, newest first.
    steps = function() self$get_values(),

    #' @field artifacts Names of the end step's artifacts; `NULL` if the run did not get there.
    artifacts = function() {
      end <- private$obj_$end_task
      if (is.null(end)) NULL else sort(child_ids(end))
    }
  ),
  lock_class = TRUE
)

# "latest_run" and "latest_successful_run" in place of a run's identifier
resolve_run_id <- function(flow, run_id) {
  if (!inherits(flow, "FlowClient")) {
    return(run_id)
  }
  if (identical(run_id, "latest_run") || identical(run_id, "latest_successful_run")) {
    what <- run_id
    run_id <- flow[[what]]
  }
  if (is.null(run_id)) {
    gangway_abort(
      c("Flow {.val {flow$id}} has no such run: the identifier is {.code NULL}.",
        i = "{.code $latest_run} and {.code $latest_successful_run} are {.code NULL} until there
             is one.",
        i = "Its runs in the namespace {namespace_label()}: {length(flow$runs)}."),
      class = "gangway_error_client", call = NULL
    )
  }
  run_id
}

abort_no_end <- function(run, name) {
  gangway_abort(
    c("Artifact {.val {name}}: run {.val {run$pathspec}} has not reached its end step.",
      i = "Its steps so far: {.val {rev(run$steps)}}.",
      i = "Read it from a step: {.code run$step(\"...\")$task(id)$artifact(\"{name}\")}."),
    class = "gangway_error_client", call = NULL
  )
}
