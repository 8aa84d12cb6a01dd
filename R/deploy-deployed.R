# What deploy() gives: a deployed flow, and the runs that it starts.

#' Deployed flows, and the runs that they start
#'
#' @description
#' What [deploy()] returns. `deployed_flow()` finds one again, and `list_deployed_flows()` tells which there are.
#'
#' @param flow A flow, or the name of one. With a flow, values of `$trigger()` are checked against its parameters.
#' @param to `"argo"` or `"step_functions"`.
#' @param name What it is called there, if not as the flow: of a project `"project.branch.Flow"`.
#' @return `deployed_flow()`: an object (an environment of class `gangway_deployed_flow`) with
#'   * `$trigger(...)`: starts a run with these parameters and returns an object with `$run_id`, `$pathspec`, `$status`
#'     (`"pending"`, `"running"`, `"ok"`, `"failed"`, `"aborted"`) and `$terminate(authorize = NULL)`;
#'   * `$runs(count = 100)`: a tibble (a data frame where the package tibble is not installed) of the newest runs, with
#'     `run_id`, `status`, `started`, `finished`;
#'   * `$run(run_id)`: one of them, as `$trigger()` returns it;
#'   * `$delete(authorize = NULL)`: deletes the deployment and its schedule; runs that are running go on;
#'   * `$name`, `$flow`, `$scheduler`, `$namespace` (for [set_namespace()]), `$owner`.
#'
#' `authorize` is the production token, which is needed for what another user has deployed.
#' `list_deployed_flows()`: a tibble with `name`, `flow`, `owner`, `schedule`.
#' @section Errors:
#' Class `gangway_error_deployment`: the scheduler does not answer, or refuses. Of class `gangway_error_no_deployment`
#' as well: there is no such deployment or run. `gangway_error_parameter`: a parameter that does not exist, or a value
#' of another type.
#' @name deployed_flow
#' @export
#' @examples
#' \dontrun{
#' deployed <- deployed_flow("NightlyFlow", "step_functions")
#' deployed
#' run <- deployed$trigger()
#' run$terminate()
#' list_deployed_flows("step_functions")
#' }
deployed_flow <- function(flow, to, name = NULL) {
  to <- check_scheduler(to, c("argo", "step_functions"))
  if (!inherits(flow, "gangway_flow") && !is_string(flow)) {
    gangway_abort("{.arg flow} has to be a flow or the name of one.", "gangway_error_argument")
  }
  new_deployed_flow(flow, to, name %||% flow_name(flow))
}

#' @rdname deployed_flow
#' @export
list_deployed_flows <- function(to, flow = NULL) {
  to <- check_scheduler(to, c("argo", "step_functions"))
  rows <- ask_scheduler(to, "list", flow = if (!is.null(flow)) flow_name(flow))
  column <- function(name) vapply(rows, function(row) row[[name]] %||% NA_character_, "")
  columns <- c("name", "flow", "owner", "schedule")
  as_tibble_if_there(as.data.frame(stats::setNames(lapply(columns, column), columns)))
}

new_deployed_flow <- function(flow, to, name, call = rlang::caller_env()) {
  known <- ask_scheduler(to, "describe", name = name, call = call)
  of <- if (inherits(flow, "gangway_flow")) flow
  self <- new.env(parent = emptyenv())
  self$name <- known$name
  self$flow <- known$flow
  self$scheduler <- to
  self$owner <- known$owner
  self$namespace <- paste0("production:", known$token)
  self$schedule <- known$schedule
  self$trigger <- function(...) {
    texts <- trigger_texts(list(...), of, known)
    run_id <- ask_scheduler(to, "trigger", name = known$name, parameters = texts, call = NULL)
    new_triggered_run(self, run_id)
  }
  self$runs <- function(count = 100) {
    rows <- ask_scheduler(to, "runs", name = known$name, count = count, call = NULL)
    table <- data.frame(
      run_id = vapply(rows, function(row) row$run_id, ""), status = vapply(rows, function(row) row$status, ""),
      started = .POSIXct(vapply(rows, function(row) row$started %||% NA_real_, 0)),
      finished = .POSIXct(vapply(rows, function(row) row$finished %||% NA_real_, 0))
    )
    as_tibble_if_there(table)
  }
  self$run <- function(run_id) {
    ask_scheduler(to, "run", name = known$name, run_id = run_id, call = NULL)
    new_triggered_run(self, run_id)
  }
  self$delete <- function(authorize = NULL) {
    ask_scheduler(to, "delete", name = known$name, authorize = authorize, call = NULL)
    cli::cli_inform(c(v = "{.val {known$name}} is deleted on {schedulers[[to]]$title}. Runs of it go on."))
    invisible(self)
  }
  class(self) <- "gangway_deployed_flow"
  self
}

new_triggered_run <- function(deployed, run_id) {
  self <- new.env(parent = emptyenv())
  self$run_id <- run_id
  self$pathspec <- paste(deployed$flow, run_id, sep = "/")
  ask <- function(action, ...) {
    ask_scheduler(deployed$scheduler, action, name = deployed$name, run_id = run_id, ..., call = NULL)
  }
  makeActiveBinding("status", function() ask("run")$status, self)
  self$terminate <- function(authorize = NULL) {
    ended <- !ask("terminate", authorize = authorize)
    if (ended) cli::cli_inform(c(i = "Run {.val {self$pathspec}} has ended already."))
    invisible(self)
  }
  class(self) <- "gangway_triggered_run"
  self
}

# Values of parameters as text, by name.
trigger_texts <- function(values, of, known) {
  parameters <- if (is.null(of)) unlist(known$parameters) else names(.subset2(of, "parameters"))
  abort <- function(...) {
    gangway_abort(c(...), "gangway_error_parameter", call = quote(trigger()), .envir = parent.frame())
  }
  if (length(values) && (is.null(names(values)) || !all(nzchar(names(values))))) {
    abort("The arguments of {.code $trigger()} are parameters, and have names.")
  }
  flow_name <- known$flow
  texts <- structure(list(), names = character())
  for (name in names(values)) {
    if (!name %in% parameters) {
      abort("Flow {.val {flow_name}} has no parameter {.val {name}} as it is deployed.", did_you_mean(name, parameters),
        i = if (is.null(of)) "{.code deployed_flow(flow, ...)} with the flow itself knows all its parameters."
      )
    }
    p <- .subset2(of, "parameters")[[name]] %||% list(name = name, type = default_type(values[[name]]))
    if (identical(p$type, "file")) {
      abort("Parameter {.val {name}} is a file, which was stored when flow {.val {flow_name}} was deployed.",
        i = "Deploy again to change it.")
    }
    p$is_flag <- FALSE
    if (!is.null(values[[name]])) {
      texts[[name]] <- sub("^[^=]*=", "", parameter_argument(p, values[[name]], flow_name))
    }
  }
  texts
}

#' @export
print.gangway_deployed_flow <- function(x, ...) {
  cat(
    paste0("<deployed flow> ", x$flow, " on ", schedulers[[x$scheduler]]$title),
    if (x$name != x$flow) paste("  name      ", x$name), paste("  owner     ", x$owner),
    paste("  namespace ", x$namespace), if (!is.null(x$schedule)) paste("  schedule  ", x$schedule),
    sep = "\n"
  )
  invisible(x)
}

#' @export
print.gangway_triggered_run <- function(x, ...) {
  cat("<triggered run> ", x$pathspec, ": ", x$status, "\n", sep = "")
  invisible(x)
}
