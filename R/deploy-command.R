# The command line of a deployment, as a pure function of the flow and of deploy()'s arguments.

# Options of Metaflow's command `create`, by kind as in run-args.R; "no" is a flag that is on unless `--no-` says else.
create_options <- list(
  argo = c(
    tag = "many", namespace = "one", max_workers = "one", workflow_timeout = "one", authorize = "one",
    generate_new_token = "flag", new_token = "one", workflow_priority = "one", auto_emit_argo_events = "no",
    notify_on_success = "flag", notify_pager_duty_integration_key = "one", notify_incident_io_api_key = "one",
    incident_io_alert_source_config_id = "one", incident_io_metadata = "many", enable_heartbeat_daemon = "flag",
    enable_error_msg_capture = "no", workflow_title = "one", workflow_description = "one", only_json = "flag"
  ),
  step_functions = c(
    tag = "many", namespace = "one", max_workers = "one", workflow_timeout = "one", authorize = "one",
    generate_new_token = "flag", new_token = "one", aws_batch_tag = "many", log_execution_history = "flag",
    use_distributed_map = "flag", compress_state_machine = "flag", only_json = "flag"
  ),
  airflow = c(
    tag = "many", namespace = "one", max_workers = "one", workflow_timeout = "one", authorize = "one",
    generate_new_token = "flag", new_token = "one", is_paused_upon_creation = "flag", worker_pool = "one"
  )
)

# Those before the scheduler that say which deployment of a project it is: of the decorator `project`.
project_options <- c(branch = "one", production = "flag")

#' The arguments of `python flow.py` that deploy a flow
#'
#' @param flow A flow.
#' @param to One of `names(schedulers)`.
#' @param args deploy()'s arguments, named.
#' @param attributes Where Metaflow writes what the deployment is called.
#' @return As [run_command()].
#' @noRd
deploy_command <- function(flow, to, args, attributes = NULL, call = rlang::caller_env()) {
  check_deploy_arguments(flow, to, args, call)
  args <- args[!vapply(args, is.null, NA)]
  configs <- args[names(args) %in% names(.subset2(flow, "configs"))]
  options <- args[!names(args) %in% names(configs)]
  known <- create_options[[to]]
  top <- c(top_arguments(options), config_arguments(flow, configs), option_arguments(options, project_options))
  check_configs(flow, names(configs), "run")
  on <- options[intersect(names(known)[known == "no"], names(options))]
  words <- c(
    schedulers[[to]]$command, if (!is.null(options$name)) paste0("--name=", options$name), "create",
    option_arguments(options, known[known != "no"]), negated(on), failure_arguments(to, options$on_failure),
    if (to == "airflow") options$file else if (!is.null(attributes)) paste0("--deployer-attribute-file=", attributes)
  )
  list(
    args = as.character(c(top, words)), top = top, with = as.character(options$with), name = schedulers[[to]]$command,
    writes = FALSE, from_script = FALSE
  )
}

negated <- function(options) {
  off <- Filter(function(name) !is_true(options, name), names(options))
  if (length(off)) paste0("--no-", gsub("_", "-", off, fixed = TRUE))
}

check_deploy_arguments <- function(flow, to, args, call) {
  flow_name <- .subset2(flow, "name")
  abort <- function(...) gangway_abort(c(...), "gangway_error_argument", call = call, .envir = parent.frame())
  known <- c(
    names(create_options[[to]]), names(project_options), names(top_options), names(.subset2(flow, "configs")), "name",
    "on_failure", "quiet", if (to == "airflow") "file"
  )
  if (length(args) && (is.null(names(args)) || !all(nzchar(names(args))))) {
    abort("The arguments of {.fn deploy} after {.arg to} have names.")
  }
  for (name in setdiff(names(args), known)) {
    title <- schedulers[[to]]$title
    if (name %in% names(.subset2(flow, "parameters"))) {
      abort("{.arg {name}} is a parameter of flow {.val {flow_name}}, and {.fn deploy} makes no run.",
        i = "Give it to the run: {.code deployed$trigger({name} = )}; scheduled runs have its default.")
    }
    abort("{.fn deploy} has no option {.arg {name}} for {title}.", did_you_mean(name, known))
  }
  in_project <- any(vapply(.subset2(flow, "decorators"), function(d) d$name == "project", NA))
  if (!in_project && (isTRUE(args$production) || !is.null(args$branch))) {
    abort("{.arg branch} and {.arg production} are for flows of a project, and {.val {flow_name}} is of none.",
      i = "{.code metaflow(\"{flow_name}\", decorator(\"project\", name = \"my_project\"))}")
  }
  if (in_project && !is.null(args$name)) {
    abort("A flow of a project has its name from the project and the branch: give {.arg branch}, not {.arg name}.")
  }
  if (to == "airflow" && !is_string(args$file)) {
    abort("Airflow reads flows from a folder of DAGs: give {.arg file}, such as {.val dags/{tolower(flow_name)}.py}.")
  }
}

#' Arguments that have somebody told of runs that fail
#'
#' Slack's hook is Argo's own. A topic of SNS on Step Functions is a rule of EventBridge, made after the deployment;
#' all else is a hook of the flow (graph-hooks.R).
#' @noRd
failure_arguments <- function(to, on_failure) {
  slack <- grep(slack_hook, on_failure, value = TRUE)
  if (to == "argo" && length(slack)) c("--notify-on-error", paste0("--notify-slack-webhook-url=", slack))
}

slack_hook <- "^https://hooks\\.slack\\.com/"

check_on_failure <- function(on_failure, to, call = rlang::caller_env()) {
  abort <- function(...) gangway_abort(c(...), "gangway_error_argument", call = call, .envir = parent.frame())
  if (is.null(on_failure)) {
    return(invisible())
  }
  kind <- "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]+:.+$|^https://.+$"
  if (!is_string(on_failure) || !grepl(kind, on_failure)) {
    got <- describe(on_failure)
    abort("{.arg on_failure} has to be the ARN of an SNS topic or an address that begins with {.val https://}, \\
           not {got}.")
  }
  if (to == "airflow") {
    abort("{.arg on_failure} is not for Airflow, which tells of failures itself: see its {.val email_on_failure}.")
  }
  if (to == "step_functions" && !startsWith(on_failure, "arn:")) {
    abort("Step Functions tells a topic of SNS of failures, not a web address.",
      i = "Subscribe the address, or Amazon Q for Slack, to a topic, and give the topic's ARN.")
  }
}
