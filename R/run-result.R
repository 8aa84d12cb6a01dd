# What run() gives back, and latest_run(). What is known of the run are attributes: `$` is for artifacts
# alone, so that no artifact's name can be taken.

new_run_result <- function(flow, run_id, status, seconds, metadata) {
  info <- list(flow = flow, run_id = run_id, status = status, seconds = seconds, metadata = metadata)
  structure(list(), class = "gangway_run", run = info)
}

#' The results of a flow's latest run
#'
#' @param flow Name of a flow, or the flow.
#' @param successful Whether only a run that succeeded will do.
#' @return An object of class `gangway_run`, as [run()] gives. `result$metrics` is an artifact of the run: of
#'   its end step, or of the last step that has it. `names(result)` are the artifacts; `print(result)` shows the
#'   run and its steps; `attr(result, "run")` holds `flow`, `run_id`, `status`, `seconds`, and the `metadata`
#'   where the run is recorded. `status` is `"ok"`, `"failed"`, `"running"`, or `"aborted"` of a run that was killed or
#'   interrupted; `seconds` is then `NA` if the run could not say when it ended.
#' @section Errors:
#' Class `gangway_error_client`: no such flow, run or artifact, or one that has different values in several tasks.
#' @seealso [list_runs()] for all runs, [run_client] for everything else of a run.
#' @export
#' @examples
#' \dontrun{
#' latest_run("TuneHousing")$metrics
#' }
latest_run <- function(flow, successful = FALSE) {
  name <- flow_name(flow)
  client <- flow_client$new(name)
  id <- if (successful) client$latest_successful_run else client$latest_run
  if (is.null(id)) {
    what <- if (successful) "successful run" else "run"
    gangway_abort(c(
      "Flow {.val {name}} has no {what} in the namespace that is searched.",
      i = "{.fn set_namespace} searches those of other users."
    ), "gangway_error_client")
  }
  run <- run_client$new(client, id)
  known <- from_json(runs_module()$status(run$get_obj()))
  until <- if (known$status == "running") as.numeric(Sys.time()) else known$finished %||% NA_real_
  new_run_result(name, id, known$status, until - known$started, get_metadata())
}

run_info <- function(x) attr(x, "run", exact = TRUE)

# A run is read from where it was made, whatever metadata and namespace the session has chosen since.
with_run <- function(x, read) {
  mf <- mf_python()
  old <- list(metadata = get_metadata(), namespace = get_namespace())
  on.exit({
    if (isTRUE(session$metadata_chosen)) mf$metadata(old$metadata) else default_metadata(mf)
    mf$namespace(old$namespace)
  })
  info <- run_info(x)
  mf$metadata(info$metadata)
  mf$namespace(NULL)
  read(run_client$new(flow_client$new(info$flow), info$run_id))
}

#' @export
`$.gangway_run` <- function(x, name) run_artifact(x, name)

#' @export
`[[.gangway_run` <- function(x, i) {
  if (!is_string(i)) {
    gangway_abort(
      "A run's artifacts have names: {.code result[[\"metrics\"]]}, not {.code result[[{describe(i)}]]}.",
      "gangway_error_client"
    )
  }
  run_artifact(x, i)
}

# Scripts for Netflix's package compare the exit status, which its run() returns: 0 of a run that went well.
#' @export
Ops.gangway_run <- function(e1, e2) {
  run <- if (inherits(e1, "gangway_run")) e1 else e2
  other <- if (nargs() == 1L) 0L else if (inherits(e1, "gangway_run")) e2 else e1
  if (!.Generic %in% c("==", "!=", "!") || !(is.numeric(other) || is.logical(other))) {
    operator <- .Generic
    gangway_abort(c(
      "{.code {operator}} does not work on a run of a flow.",
      i = "An artifact of the run is {.code result$name}; whether it went well is
           {.code attr(result, \"run\")$status == \"ok\"}."
    ), "gangway_error_client", call = NULL)
  }
  status <- switch(run_info(run)$status, ok = 0L, running = NA_integer_, 1L)
  if (.Generic == "!") !status else get(.Generic)(status, other)
}

#' @export
names.gangway_run <- function(x) with_run(x, function(run) run_artifact_names(x, run))

#' @export
length.gangway_run <- function(x) length(names(x))

result_read_only <- function(x, ..., value) {
  gangway_abort(c(
    "The artifacts of a finished run cannot be changed.", i = "Copy what you need: {.code metrics <- result$metrics}."
  ), "gangway_error_client", call = NULL)
}

#' @export
`$<-.gangway_run` <- result_read_only # nolint: object_name_linter. An S3 method.

#' @export
`[[<-.gangway_run` <- result_read_only

#' @export
`[<-.gangway_run` <- result_read_only

#' @export
format.gangway_run <- function(x, ...) {
  info <- run_info(x)
  head <- sprintf("<run> %s/%s: %s, %s", info$flow, info$run_id, info$status, format_seconds(info$seconds))
  steps <- tryCatch(with_run(x, run_steps), error = function(e) e)
  if (inherits(steps, "error")) {
    return(c(head, paste("  its steps cannot be read:", conditionMessage(steps))))
  }
  tasks <- paste(steps$tasks, ifelse(steps$tasks == 1L, "task", "tasks"))
  c(head, paste0("  ", format(steps$step), "  ", format(tasks, justify = "right"), "  ", format_seconds(steps$seconds)))
}

#' @export
print.gangway_run <- function(x, ...) {
  cat(format(x), sep = "\n")
  cat("Artifacts: result$name, names(result)\n")
  invisible(x)
}

#' @rawNamespace S3method(utils::str, gangway_run)
str.gangway_run <- function(object, ...) {
  cat("gangway_run:", utils::capture.output(utils::str(run_info(object))), sep = "\n")
}

format_seconds <- function(x) {
  text <- ifelse(
    x < 60, sprintf("%.1f s", x),
    ifelse(
      x < 3600,
      sprintf("%.0f min %02.0f s", x %/% 60, trunc(x %% 60)),
      sprintf("%.0f h %02.0f min", x %/% 3600, x %/% 60 %% 60)
    )
  )
  ifelse(is.na(x), "not finished", text)
}

#' What run() returns, or how it fails
#' @noRd
finish_run <- function(flow, command, outcome, call = parent.frame()) {
  name <- flow[["name"]]
  if (!command$writes) {
    if (outcome$status != 0L) abort_command(name, command, outcome, call)
    return(invisible(outcome$status))
  }
  report <- outcome$report
  if (outcome$interrupted) {
    cli::cli_inform(c(
      x = "The run of {.val {name}} was interrupted, and all of its tasks stopped.", resume_hint(report$run_id, command)
    ))
    rlang::interrupt()
  }
  if (outcome$status != 0L) abort_run(name, report, outcome, call, command)
  result <- new_run_result(name, report$run_id, "ok", outcome$seconds, report$metadata)
  if (interactive()) result else invisible(result)
}

abort_command <- function(name, command, outcome, call) {
  gangway_abort(
    "{.code {command$name}} of flow {.val {name}} ended with status {outcome$status}; its reason stands above.",
    "gangway_error_run", status = outcome$status, call = call
  )
}

#' @param report What Python told about the run.
#' @noRd
abort_run <- function(name, report, outcome, call, command) {
  fields <- list(flow = name, run_id = report$run_id, status = outcome$status, failed = report$failed)
  first <- if (length(report$failed)) report$failed[[1L]]
  cause <- first$parent
  if (is.null(first)) {
    message <- c(
      "The run of flow {.val {name}} failed with status {outcome$status}.",
      if (!is.null(outcome$killed)) killed_bullets(outcome$killed),
      if (!is.null(outcome$said)) {
        verbatim_bullets(outcome$said)
      } else if (is.null(outcome$killed)) {
        c(i = "The reason stands above, in the log.")
      }
    )
  } else {
    message <- c(
      failure_headline(first),
      failure_bullets(first),
      if (length(report$failed) > 1L) {
        c(i = "{length(report$failed) - 1L} more task{?s} failed; see `failed` of this condition.")
      },
      next_bullets(first, report$run_id, command)
    )
    # What happened on a worker happened after what happened in the step.
    on_worker <- if (inherits(cause, "gangway_error_ray")) cause$traceback
    fields <- c(fields, list(index = first$index, node = first$node, traceback = c(first$traceback, on_worker)))
  }
  error <- new_error(message, "gangway_error_run", parent = cause, call = call)
  error[names(fields)] <- fields
  signal_error(with_cause(error, cause, first$class))
}

# What to do next, as Metaflow says it to users of its command line.
next_bullets <- function(failure, run_id, command) {
  # No task has failed whose log could be read, or whose step could be run again.
  if (!length(failure$pathspec)) {
    return(NULL)
  }
  path <- sub("^[^/]+/", "", failure$pathspec)
  c(i = call_line("The task's log: run(%s, logs = \"%s\")", command$flow, path), resume_hint(run_id, command))
}

resume_hint <- function(run_id, command) {
  if (length(run_id)) {
    c(i = "To go on where it ended, with steps that are mended:",
      " " = call_line("run(%s, resume = TRUE, origin_run_id = \"%s\")", command$flow, run_id))
  }
}

# Without a place to break the line: cli makes spaces of these.
call_line <- function(...) gsub(" ", "\u00a0", cli_literal(sprintf(...)), fixed = TRUE)

failure_headline <- function(failure) {
  if (!is.null(failure$headline)) {
    return("Flow {.val {name}} failed before its first task: {first$headline}.")
  }
  # Metaflow knows no task of a flow that it refuses.
  where <- if (length(failure$pathspec)) " ({first$pathspec})"
  paste0("Flow {.val {name}} failed in step {.val {first$step}}", where, ".")
}

failure_bullets <- function(failure) {
  c(
    # rlang shows the parent, with its call, below.
    if (is.null(failure$parent)) c(x = cli_literal(failure$message)),
    if (length(failure$traceback)) c(i = "R's traceback, the call that failed last:"),
    verbatim_bullets(failure$traceback)
  )
}

verbatim_bullets <- function(lines) stats::setNames(cli_literal(lines), rep(" ", length(lines)))

# The methods of the cause's classes would look for the cause's text.
#' @rawNamespace S3method(rlang::cnd_header, gangway_error_run)
cnd_header.gangway_error_run <- function(cnd, ...) cnd$message # nolint: object_name_linter. An S3 method.

#' @rawNamespace S3method(rlang::cnd_body, gangway_error_run)
cnd_body.gangway_error_run <- function(cnd, ...) cnd$body # nolint: object_name_linter.

#' @rawNamespace S3method(rlang::cnd_footer, gangway_error_run)
cnd_footer.gangway_error_run <- function(cnd, ...) character() # nolint: object_name_linter.

#' @export
conditionMessage.gangway_error_run <- function(c) rlang::cnd_message(c) # nolint: object_name_linter.
