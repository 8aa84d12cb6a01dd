# deploy(): a flow on a scheduler, from a console.

#' Deploy a flow
#'
#' Hands a flow to a scheduler, which starts its runs: at a time, by an event, or when `$trigger()` asks for one. It is
#' `Rscript flow.R step-functions create` (or `argo-workflows`, `airflow`) from a console, with an object for the rest.
#'
#' @param flow A flow; see [metaflow()]. Its decorators say when it starts (`schedule`, `trigger`,
#'   `trigger_on_finish`), of which `project` it is, and what happens at a run's end (`exit_hook`).
#' @param to `"argo"`, `"step_functions"` or `"airflow"`.
#' @param ... Named options: those of [run()] that stand before the command (`with`, `datastore`, `environment`, ...),
#'   configurations, `branch` and `production` of a flow with `decorator("project")`, `name`, and those of Metaflow's
#'   command `create` with underscores: `tag`, `namespace`, `max_workers`, `workflow_timeout` (seconds), `authorize`,
#'   `generate_new_token`, `new_token`, ... For Airflow `file`, the DAG to write.
#' @param on_failure Who is told of a run that fails: the ARN of an SNS topic, or for Argo a web address (Slack's hooks
#'   too), which gets JSON by POST. On Step Functions the topic's policy has to allow `events.amazonaws.com`.
#' @param quiet `FALSE` shows what Metaflow says.
#' @return A [deployed_flow]; for Airflow the path of the DAG, invisibly.
#' @section Exit hooks:
#' `decorator("exit_hook", on_error = f, on_success = list(f, g))` calls R functions (or Python ones, by name) after a
#' run on Argo. A function with an argument gets a list: `flow`, `run_id`, `pathspec`, `status`, `tags`, and `failed`, a
#' list with `pathspec`, `step` and `message` of each failed task.
#' @section Errors:
#' Class `gangway_error_argument`: an option that is unknown, or not for that scheduler. `gangway_error_deployment`:
#' Metaflow or the scheduler refuses; what a scheduler cannot do, and settings that are missing, are found before
#' anything is uploaded.
#' @seealso [deployed_flow] for flows that are deployed already.
#' @export
#' @examples
#' flow <- metaflow("NightlyFlow", decorator("schedule", daily = TRUE)) %>%
#'   parameter("alpha", default = 0.3) %>%
#'   step(step = "start", r_function = function(self) self$double <- 2 * self$alpha,
#'        next_step = "end") %>%
#'   step(step = "end")
#' \dontrun{
#' deployed <- deploy(flow, "step_functions", tag = "nightly")
#' run <- deployed$trigger(alpha = 0.5)
#' run$status
#' deployed$runs()
#' deployed$delete()
#' }
#' # An option that does not exist is an error before anything starts:
#' try(deploy(flow, "argo", tagg = "nightly"))
deploy <- function(flow, to, ..., on_failure = NULL, quiet = TRUE) {
  check_is_flow(flow, "deploy")
  to <- check_scheduler(to)
  check_flag(quiet, "quiet")
  check_on_failure(on_failure, to)
  folder <- NULL
  if (to == "argo" && !is.null(on_failure) && !grepl(slack_hook, on_failure)) {
    flow <- add_failure_hook(flow, on_failure)
  }
  attributes <- tempfile("gangway-", fileext = ".json")
  on.exit(unlink(c(attributes, folder), recursive = TRUE))
  command <- deploy_command(flow, to, c(list(...), list(on_failure = on_failure)), attributes)
  code <- flow_code(flow)
  python <- gangway_python()
  check_python(python)
  folder <- write_flow(flow, code, flow_bundle_bytes(flow, is_stored(flow, command)))
  said <- deploy_python(python, folder, command, flow, quiet)
  if (to == "airflow") {
    return(invisible(list(...)$file))
  }
  if (isTRUE(list(...)$only_json)) {
    return(jsonlite::fromJSON(json_of(said), simplifyVector = FALSE))
  }
  name <- jsonlite::fromJSON(attributes)$name
  if (to == "step_functions") ask_scheduler(to, "tell_of_failures", name = name, topic = on_failure)
  new_deployed_flow(flow, to, name)
}

# What Metaflow says of a deployment, as one text; an error if it has not worked.
deploy_python <- function(python, folder, command, flow, quiet) {
  outcome <- NULL
  said <- utils::capture.output(outcome <- run_python(python, folder, command, flow, "lines"))
  if (!quiet) cat(said, sep = "\n")
  if (outcome$interrupted) rlang::interrupt()
  if (outcome$status != 0L) {
    lines <- utils::tail(Filter(nzchar, trimws(said)), 12L)
    flow_name <- .subset2(flow, "name")
    abort_deployment(c("Flow {.val {flow_name}} was not deployed.", verbatim_bullets(lines)), call = quote(deploy()))
  }
  paste(said, collapse = "\n")
}

# Metaflow prints lines of its own before and after the JSON.
json_of <- function(said) sub("^.*?\n(\\{\n.*\n\\}).*$", "\\1", paste0("\n", said), perl = FALSE)
