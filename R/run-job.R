# The process of a run in the background: how it starts, and that it ends with the session.

# All of this session, and the process that has them: a fork of R is no end of theirs.
jobs <- new.env(parent = emptyenv())

#' Start a run, and wait until it has its number or has ended
#'
#' @param folder That of flow.py. It lies outside of R's own temporary folder, in case that the run outlives R.
#' @return An environment: `process`, `folder`, `mark`, `began`; `about`, what Metaflow says of the run, or `NULL` if it
#'   has ended without.
#' @noRd
start_job <- function(python, folder, command) {
  # Metaflow's own Runner learns the run's number by this.
  about <- file.path(folder, "run.json")
  command$args <- c(command$args, paste0("--runner-attribute-file=", about))
  job <- list2env(list(folder = folder, mark = run_mark(folder), began = Sys.time()), parent = emptyenv())
  on.exit(if (is.null(job$about)) end_job(job))
  job$process <- start_python_on(python, folder, command, job$mark,
    stdin = NULL, stdout = log_path(job), stderr = "2>&1", cleanup = FALSE,
    more = c(
      GANGWAY_STDERR = log_path(job, stderr = TRUE), GANGWAY_DETACHED = detached_path(job),
      # The client's cache lies in R's own temporary folder.
      METAFLOW_CLIENT_CACHE_PATH = Sys.getenv("METAFLOW_CLIENT_CACHE_PATH", file.path(folder, "metaflow_client"))
    )
  )
  end_with_session(job)
  while (is.null(job$about) && job$process$is_alive()) {
    job$process$wait(20)
    job$about <- read_about(about)
  }
  job$about <- job$about %||% read_about(about)
  if (is.null(job$about)) job_outcome(job)
  job
}

# `NULL` as long as it is not all there.
read_about <- function(path) {
  if (file.exists(path)) tryCatch(jsonlite::fromJSON(path), error = function(e) NULL)
}

log_path <- function(job, stderr = FALSE) file.path(job$folder, if (stderr) "stderr.txt" else "log.txt")

# A file that is there if the run is to go on when R has ended. Its log stays then.
detached_path <- function(job) file.path(job$folder, "detached")
is_detached <- function(job) isTRUE(job$detached)

job_runs <- function(job) is.null(job$outcome) && !is.null(job$process) && job$process$is_alive()

since <- function(then) as.numeric(difftime(Sys.time(), then, units = "secs"))

#' How a run ended that has
#' @return As [run_python()], with `said`, the end of its log.
#' @noRd
job_outcome <- function(job) {
  if (!is.null(job$outcome)) {
    return(job$outcome)
  }
  process <- job$process
  stop_process(process, NULL, job$mark) # what a run has left that somebody has killed
  status <- exit_status(process, FALSE)
  report <- report_path(job$folder)
  last <- file.mtime(if (file.exists(report)) report else log_path(job))
  job$outcome <- list(
    status = status, killed = if (!isTRUE(job$stopped)) killed_by(process),
    interrupted = isTRUE(job$stopped) || status == 130L,
    seconds = as.numeric(difftime(last, job$began, units = "secs")), report = read_report(report),
    said = utils::tail(Filter(nzchar, trimws(log_lines(log_path(job)), "right")), shown_lines)
  )
  tidy_job(job)
  job$outcome
}

# Of what is in the folder only the log is of use by now.
tidy_job <- function(job) {
  files <- list.files(job$folder, full.names = TRUE, all.files = TRUE, no.. = TRUE)
  unlink(setdiff(files, c(log_path(job), log_path(job, stderr = TRUE))), recursive = TRUE)
}

end_with_session <- function(job) {
  if (!identical(jobs$process, Sys.getpid())) {
    jobs$process <- Sys.getpid()
    jobs$all <- list()
  }
  jobs$all <- c(jobs$all, job)
  # R calls the newest finalizer first: this one has to come before that of the process, which loses its number there.
  reg.finalizer(jobs, end_jobs, onexit = TRUE)
}

#' Stop runs, all at once
#' @noRd
stop_jobs <- function(running) {
  running <- Filter(job_runs, running)
  for (job in running) {
    job$stopped <- TRUE
    job$process$signal(tools::SIGTERM)
  }
  for (job in running) stop_process(job$process, NULL, job$mark, asked = TRUE)
}

# At the session's end. R has ended before the run knows, if it was killed: then the run does the same.
end_jobs <- function(jobs) {
  if (!identical(jobs$process, Sys.getpid())) {
    return(invisible())
  }
  ending <- Filter(function(job) !is_detached(job), jobs$all)
  running <- vapply(Filter(job_runs, ending), function(job) paste0(" ", job$about$flow_name, "/", job$about$run_id), "")
  if (length(running)) message("[gangway] R ends, and with it the runs", paste(running, collapse = ","), ".")
  stop_jobs(ending)
  for (job in ending) unlink(job$folder, recursive = TRUE)
  # One that goes on tidies up itself.
  for (job in Filter(is_detached, jobs$all)) if (!job_runs(job)) tidy_job(job)
  jobs$all <- list()
}

end_job <- function(job) {
  stop_jobs(list(job))
  unlink(job$folder, recursive = TRUE)
}
