#' A flow and its runs
#'
#' @examplesIf gangway:::can_run()
#' if ("HelloFlow" %in% list_flows()) {
#'   flow <- flow_client$new("HelloFlow")
#'   flow$runs
#'   flow$run(flow$latest_run)$steps
#'   flow$summary()
#' }
#' @export
flow_client <- R6::R6Class(
  "FlowClient",
  inherit = metaflow_object,
  public = list(
    #' @description Find a flow by its name.
    #' @param flow_id Name of the flow, such as `"HelloFlow"`.
    initialize = function(flow_id) super$initialize(client_open("flow", flow_id)),

    #' @description A run of this flow.
    #' @param run_id Identifier of the run, `"latest_run"` or `"latest_successful_run"`.
    #' @return A [run_client] object.
    run = function(run_id) run_client$new(self, run_id),

    #' @description The runs that have all the tags given.
    #' @param ... Tags (strings).
    #' @return A list of [run_client] objects, newest first.
    runs_with_tags = function(...) {
      ids <- child_ids(private$obj_$runs(...))
      invisible(lapply(ids, function(id) run_client$new(self, id)))
    },

    #' @description Print a summary of this flow.
    summary = function() {
      client_summary("Flow Summary", self$id, list(
        "Created At" = self$created_at, "Latest Run" = self$latest_run,
        "Latest Successful Run" = self$latest_successful_run, "Runs" = length(self$runs)
      ))
    }
  ),
  private = list(
    glance = function() {
      list(
        runs = length(self$runs), "latest run" = self$latest_run,
        "latest successful run" = self$latest_successful_run
      )
    }
  ),
  active = list(
    #' @field super_ The base class's view of this object.
    super_ = function() super,

    #' @field finished_at When the latest run finished, as [POSIXct]; `NULL` if it has not.
    finished_at = function() {
      run <- private$obj_$latest_run
      if (is.null(run)) NULL else client_time(run, "finished_at")
    },

    #' @field latest_run Identifier of the latest run, finished or not; `NULL` if there is none.
    latest_run = function() private$obj_$latest_run$id,

    #' @field latest_successful_run Identifier of the latest run that succeeded; `NULL` if none has.
    latest_successful_run = function() private$obj_$latest_successful_run$id,

    #' @field runs Identifiers of all runs in the namespace, newest first.
    runs = function() self$get_values()
  ),
  lock_class = TRUE
)
