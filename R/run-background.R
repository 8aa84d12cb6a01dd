# run(wait = FALSE): a run that goes on while the console does something else.

#' A run in the background
#'
#' What `run(flow, wait = FALSE)` returns, as soon as the run has its number and before its first task. A flow, an
#' argument or a parameter that is wrong is an error of [run()] itself, whoever finds it. Any number may run at a time.
#'
#' The run goes on whatever the console does meanwhile, also without the object; Ctrl-C in the console does not reach
#' it. It ends with the session, however that ends: tasks are stopped, and nothing is left behind, unless `detach()`
#' says otherwise.
#'
#' @section Errors:
#' Class `gangway_error_run`, raised by `result()` alone, for a run that has failed (as [run()] raises it), or that was
#' stopped.
#' @seealso [latest_run()], for runs of other sessions.
#' @name background_run
#' @examples
#' \dontrun{
#' fit <- run(flow, alpha = 0.5, wait = FALSE)
#' fit # how far it is
#' fit$log()
#' fit$result()$metrics # waits for it
#'
#' fits <- lapply(1:4, function(seed) run(flow, seed = seed, wait = FALSE))
#' lapply(fits, function(fit) fit$result()$metrics)
#' }
NULL

#' @rdname background_run
background_run <- R6::R6Class(
  "gangway_background_run",
  public = list(
    #' @description `run()` makes these objects.
    #' @param python,folder,flow,command What to run; internal.
    initialize = function(python, folder, flow, command) {
      private$of <- flow
      private$command <- command
      private$job <- start_job(python, folder, command)
      if (is.null(private$job$about)) abort_start(flow, command, job_outcome(private$job))
    },

    #' @description Lines of the log, of the tasks and of Metaflow itself.
    #' @param all `FALSE` for the last 20 lines, `TRUE` for all.
    #' @param follow `TRUE` shows the log from its beginning and goes on as it grows, as [run()] does, until the run
    #'   has ended. Ctrl-C ends that, and not the run.
    #' @param stderr `TRUE` for what the run itself (not its tasks) has written to its standard error alone.
    #' @return A character vector, which is printed line by line; with `follow` the object, invisibly.
    log = function(all = FALSE, follow = FALSE, stderr = FALSE) {
      check_flag(all, "all")
      check_flag(follow, "follow")
      check_flag(stderr, "stderr")
      path <- log_path(private$job, stderr)
      if (follow) {
        follow_log(path, private$job, private$of)
        return(invisible(self))
      }
      new_log(log_lines(path), all)
    },

    #' @description Wait until the run has ended, or the time is over. Ctrl-C ends the wait, and not the run.
    #' @param timeout In seconds.
    #' @return The object, invisibly, whether the run has ended or not, well or not; see `status`.
    wait = function(timeout = Inf) {
      if (!is.numeric(timeout) || length(timeout) != 1L || is.na(timeout) || timeout < 0) {
        abort_argument("timeout", timeout, "a number of seconds")
      }
      if (job_runs(private$job)) follow(private$job$process, NULL, proc.time()[["elapsed"]] + timeout)
      invisible(self)
    },

    #' @description The result, when there is one: this waits for the run's end.
    #' @return What [run()] returns. A run that failed is the error here that [run()] would have raised.
    result = function() {
      self$wait()
      ended <- job_outcome(private$job)
      if (ended$interrupted) abort_stopped(self, private$command)
      finish_run(private$of, private$command, ended, call = quote(run()))
    },

    #' @description Stop the run and its tasks, as Ctrl-C stops one that is waited for.
    #' @return The object, invisibly.
    stop = function() {
      stop_jobs(list(private$job))
      invisible(self)
    },

    #' @description Let the run go on when the session ends. Its log stays then, in the file that a message names;
    #'   its results are there by [latest_run()].
    #' @return The object, invisibly.
    detach = function() {
      if (job_runs(private$job)) {
        private$job$detached <- file.create(detached_path(private$job))
        log <- log_path(private$job)
        cli::cli_inform(c(i = "Run {.val {self$pathspec}} goes on when R ends. Its log is {.file {log}}."))
      }
      invisible(self)
    },

    #' @description How far it is: a line about the run, and one for each step.
    #' @param ... Not used.
    format = function(...) format_background(self, private$of, log_lines(log_path(private$job))),

    #' @description Print that.
    #' @param ... Not used.
    print = function(...) {
      cat(self$format(), sep = "\n")
      invisible(self)
    }
  ),
  active = list(
    #' @field status `"running"`, `"ok"`, `"failed"` or `"stopped"`.
    status = function() {
      if (job_runs(private$job)) {
        return("running")
      }
      ended <- job_outcome(private$job)
      if (ended$interrupted) "stopped" else if (ended$status == 0L) "ok" else "failed"
    },

    #' @field flow Name of the flow.
    flow = function() private$of[["name"]],

    #' @field run_id The run's number, a string.
    run_id = function() private$job$about$run_id,

    #' @field pathspec Both, as the client's functions take them: `"HelloFlow/12"`.
    pathspec = function() paste(self$flow, self$run_id, sep = "/"),

    #' @field seconds How long it has been running, or has run.
    seconds = function() {
      job <- private$job
      if (job_runs(job)) since(job$began) else job_outcome(job)$seconds
    },

    #' @field failed Of a run that failed, the tasks that did, as [run()]'s error has them; else an empty list.
    failed = function() if (job_runs(private$job)) list() else as.list(job_outcome(private$job)$report$failed)
  ),
  private = list(of = NULL, command = NULL, job = NULL),
  cloneable = FALSE
)

is_for_background <- function(command) {
  # A script's command line may ask for what is no run, as `Rscript flow.R show`.
  if (!command$writes && !command$from_script) {
    gangway_abort(c(
      "{.code wait = FALSE} is for runs, and {.code {command$name}} is none.", i = "Leave {.arg wait} out."
    ), "gangway_error_argument", name = "wait", call = quote(run()))
  }
  command$writes
}

#' What run()'s arguments say of waiting, unless the flow has a parameter of that name
#' @return `TRUE`, `FALSE`, or `NULL`.
#' @noRd
run_waits <- function(flow, args) {
  wait <- if (!"wait" %in% names(.subset2(flow, "parameters"))) args[["wait"]]
  if (!is.null(wait) && !is_bool(wait)) abort_argument("wait", wait, "TRUE or FALSE")
  wait
}

check_flag <- function(value, name) {
  if (!is_bool(value)) {
    gangway_abort(
      "{.arg {name}} has to be TRUE or FALSE, not {describe(value)}.", "gangway_error_argument", call = NULL
    )
  }
}

# As a run that is waited for fails; by `other_args` Python may have done something else, and well.
abort_start <- function(flow, command, outcome) {
  if (outcome$status != 0L) finish_run(flow, command, outcome, call = quote(run()))
  gangway_abort(
    c("Python has ended without a run of flow {.val {flow[[\"name\"]]}}.", verbatim_bullets(outcome$said)),
    "gangway_error_run", call = quote(run())
  )
}

abort_stopped <- function(run, command) {
  gangway_abort(
    c("Run {.val {run$pathspec}} was stopped before its end.", resume_hint(run$run_id, command)),
    "gangway_error_run", flow = run$flow, run_id = run$run_id, call = NULL
  )
}

format_background <- function(run, flow, lines) {
  head <- sprintf("<background run> %s: %s, %s", run$pathspec, run$status, format_seconds(run$seconds))
  tally <- tally_log(lines)
  foreach <- foreach_of_steps(flow)
  counts <- vapply(names(tally$counts), function(step) {
    counts_text(tally$counts[[step]], expected_tasks(tally, foreach, step))
  }, "")
  failed <- if (run$status == "failed" && length(run$failed)) run$failed[[1L]]$message
  c(
    head, sprintf("  %s  %s", format(names(counts)), counts),
    if (length(failed)) paste0("  ", sub("\n.*", "", failed)),
    switch(run$status,
      running = "$log(), $wait(), $result(), $stop(), $detach(); it ends with this session",
      ok = "$result() has its artifacts, $log() its log",
      failed = "$result() is its error, $log() its log",
      stopped = "$log() has its log"
    )
  )
}
