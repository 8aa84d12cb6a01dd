# Questions about deployed flows, answered by a Python process of its own: this session's Metaflow may have read its
# settings before the user changed them.

#' Ask a scheduler
#'
#' @param scheduler One of `names(schedulers)`.
#' @param action,... What to do, and its arguments: see gangway/run/deployments.py.
#' @return The answer.
#' @noRd
ask_scheduler <- function(scheduler, action, ..., call = rlang::caller_env()) {
  python <- gangway_python()
  check_python(python)
  file <- tempfile("gangway-", fileext = ".json")
  on.exit(unlink(file))
  # Not on the command line: a production token is for those alone who have it.
  asked <- list(scheduler = schedulers[[scheduler]]$command, action = action, ...)
  writeLines(enc2utf8(jsonlite::toJSON(asked, auto_unbox = TRUE, null = "null")), file, useBytes = TRUE)
  Sys.chmod(file, "0600")
  # Metaflow comes before a module of its extension, and a folder of its name in the project is not Metaflow.
  code <- "import sys; sys.path = [p for p in sys.path if p]; import metaflow
from metaflow_extensions.gangway.run import deployments as d; d.main(sys.argv[1])"
  out <- processx::run(python, c("-c", code, file),
    env = c("current", python_env(python)), error_on_status = FALSE, timeout = 300, encoding = "UTF-8"
  )
  said <- tryCatch(from_json(utils::tail(strsplit(trimws(out$stdout), "\n")[[1L]], 1L)), error = function(e) NULL)
  where <- schedulers[[scheduler]]$title
  if (is.null(said)) {
    lines <- utils::tail(strsplit(trimws(out$stderr), "\n")[[1L]], 3L)
    abort_deployment(c("{where} could not be asked: Python failed.", verbatim_bullets(lines)), call = call)
  }
  if (!is.null(said$problem)) {
    lines <- strsplit(trimws(said$problem), "\n+")[[1L]]
    class <- if (isTRUE(said$absent)) "gangway_error_no_deployment"
    text <- if (isTRUE(said$absent)) lines else c(paste(where, "says no:"), lines)
    abort_deployment(c(cli_literal(text[[1L]]), verbatim_bullets(text[-1L]),
      if (isTRUE(said$absent)) c(i = "{.fn list_deployed_flows} tells what is deployed.")
    ), class, call = call)
  }
  said$value
}

abort_deployment <- function(message, class = NULL, ..., call, .envir = parent.frame()) {
  gangway_abort(message, c(class, "gangway_error_deployment"), ..., call = call, .envir = .envir)
}

# By the word that R has for them: Metaflow's command, and what they are called.
schedulers <- list(
  argo = list(command = "argo-workflows", title = "Argo Workflows"),
  step_functions = list(command = "step-functions", title = "AWS Step Functions"),
  airflow = list(command = "airflow", title = "Airflow")
)

check_scheduler <- function(to, known = names(schedulers), arg = "to", call = rlang::caller_env()) {
  to <- if (is_string(to)) gsub("-", "_", sub("[-_]workflows$", "", to), fixed = TRUE) else to
  if (is_string(to) && to %in% known) {
    return(to)
  }
  got <- describe(to)
  near <- if (is_string(to)) did_you_mean(to, known)
  other <- if (is_string(to) && to %in% names(schedulers)) {
    c(i = "Airflow reads DAGs from files: what it has deployed and runs is told by Airflow itself.")
  }
  gangway_abort(c("{.arg {arg}} has to be one of {.val {known}}, not {got}.", other, near),
    "gangway_error_argument", name = arg, call = call)
}
