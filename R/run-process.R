# The Python process of a run: started without a shell, its output passed on as it comes, and stopped for good.

# How long the tasks have to end after Ctrl-C before they are killed: Metaflow itself waits five seconds for them.
patience_s <- 15
# How long what a killed run has left gets to clean up after itself. Both are in times.py with what they must outlast.
left_behind_s <- 10

#' Run Python on the flow in `folder`, and wait for its end
#'
#' @param mode How its log is shown; see [log_mode()].
#' @return A list: `status` (exit status), `killed` (the number of the signal that has ended Python, or NULL),
#'   `interrupted`, `seconds`, `report` (what Python told about the run, or NULL).
#' @noRd
run_python <- function(python, folder, command, flow, mode) {
  # Who has R's own standard output redirected (a notebook, sink()) shall find the log there too.
  piped <- mode != "lines" || interactive() || sink.number() > 0L || isTRUE(getOption("knitr.in.progress"))
  show <- if (piped) log_shower(flow, mode)
  started <- proc.time()[["elapsed"]]
  mark <- run_mark(folder)
  process <- start_python_on(python, folder, command, mark,
    stdin = if (interactive()) NULL else "", stdout = if (piped) "|" else "", stderr = if (piped) "2>&1" else "",
    cleanup_tree = TRUE
  )
  on.exit({
    stop_process(process, show, mark)
    if (piped) show$end()
  })
  interrupted <- tryCatch(
    {
      follow(process, show)
      FALSE
    },
    interrupt = function(e) TRUE
  )
  if (interrupted) stop_process(process, show, mark)
  list(
    status = exit_status(process, interrupted), killed = killed_by(process), interrupted = interrupted,
    seconds = proc.time()[["elapsed"]] - started, report = report_path(folder)
  )
}

report_path <- function(folder) file.path(folder, "report.json")

#' Start Python on the flow in `folder`
#'
#' @param ... How: arguments of processx's process.
#' @param more Further environment variables.
#' @noRd
start_python_on <- function(python, folder, command, mark, ..., more = character()) {
  env <- python_env(python)
  env <- c(
    "current", env[!names(env) %in% names(more)], GANGWAY_PARENT_PID = Sys.getpid(), PYTHONIOENCODING = "utf-8",
    warm_start_env(), more,
    if (command$from_script) c(GANGWAY_SCRIPT = script_path()),
    if (!is.null(script_file())) c(GANGWAY_BESIDE_SCRIPT = dirname(script_file())),
    # A step that is spun runs here, and nothing is packaged.
    if (command$name != "spin") c(GANGWAY_FILES = files_folder()),
    command$image,
    if (command$writes) c(GANGWAY_REPORT = report_path(folder)),
    # Not of a resumed run: other code has made its first steps.
    if (command$name == "run") c(GANGWAY_CODE = paste(code_tags(), collapse = " ")),
    stats::setNames("YES", mark)
  )
  processx::process$new(
    python, c(file.path(folder, "flow.py"), native_arguments(command$args)), env = env, encoding = "UTF-8", ...
  )
}

# What the option says of warm starts; without it the variable stays what it is.
warm_start_env <- function(choice = getOption("gangway.warm_start")) {
  if (isTRUE(choice) || isFALSE(choice)) c(GANGWAY_WARM_START = if (choice) "1" else "0")
}

#' Arguments in the bytes that Python reads them by
#'
#' In the C locale, where R makes "<U+00E9>" of what it passes on, Python reads UTF-8 (PEP 540).
#' @noRd
native_arguments <- function(words) {
  in_c <- Sys.getlocale("LC_CTYPE") %in% c("C", "POSIX")
  vapply(words, function(x) {
    x <- as_utf8(x)
    if (!in_c && is.na(iconv(x, "UTF-8", ""))) {
      locale <- Sys.getlocale("LC_CTYPE")
      gangway_abort(c(
        "The locale {.val {locale}} of this session has not all letters of the argument {.val {x}}.",
        i = "Start R in a locale with UTF-8: {.code LC_ALL=C.UTF-8}."
      ), "gangway_error_argument", call = quote(run()))
    }
    if (in_c) Encoding(x) <- "unknown"
    x
  }, "", USE.NAMES = FALSE)
}

# `show` is how the log is shown; `NULL` where it does not come through a pipe.
follow <- function(process, show, until = Inf) {
  left <- function() until - proc.time()[["elapsed"]]
  if (is.null(show)) {
    process$wait(if (is.finite(until)) max(0, 1000 * left()) else -1)
    return(invisible())
  }
  while (left() > 0 && (process$is_alive() || process$is_incomplete_output())) {
    process$poll_io(200)
    pass_on(process, show)
    # What outlives the run may hold the pipe open; what the run itself wrote is there by now.
    if (!process$is_alive()) {
      pass_on(process, show)
      break
    }
  }
}

pass_on <- function(process, show) {
  repeat {
    text <- process$read_output()
    if (!nzchar(text)) break
    show$add(text)
  }
}

#' Stop a run, its tasks and whatever they started
#'
#' Python turns SIGTERM into the clean-up of Ctrl-C, and hands it on to the tasks. A run that somebody has killed could
#' not: its gangs' tasks notice that it is gone and remove what they have made, if nobody kills them meanwhile.
#'
#' @param asked Whether the run has got its SIGTERM already. A second one would cut its clean-up short.
#' @noRd
stop_process <- function(process, show, mark, left_behind = left_behind_s, asked = FALSE) {
  if (process$is_alive()) {
    if (!asked) process$signal(tools::SIGTERM)
    # A second Ctrl-C: no more patience.
    tryCatch(
      follow(process, show, proc.time()[["elapsed"]] + patience_s),
      interrupt = function(e) NULL
    )
    process$kill_tree()
  } else if (isTRUE(process$get_exit_status() < 0L)) {
    end <- proc.time()[["elapsed"]] + left_behind
    while (length(ps::ps_find_tree(mark)) && proc.time()[["elapsed"]] < end) Sys.sleep(0.1)
    process$kill_tree()
  }
  invisible(process)
}

# The name of a variable in the environment of a run's processes. ps wants the time from which on it has to look.
run_mark <- function(folder) sprintf("GANGWAYRUN_%.0f_%s", as.double(Sys.time()) - 60, basename(folder))

# A process that a signal ended has that signal as its negative status; a shell says 128 + signal.
exit_status <- function(process, interrupted) {
  status <- process$get_exit_status()
  if (interrupted) {
    130L
  } else if (is.null(status) || is.na(status)) {
    1L
  } else if (status < 0L) {
    128L - status
  } else {
    status
  }
}

killed_by <- function(process) {
  status <- process$get_exit_status()
  if (isTRUE(status < 0L)) -status
}

# Such a run has told no reason: it could not.
killed_bullets <- function(number) {
  numbers <- c(SIGHUP = 1L, SIGINT = 2L, SIGQUIT = 3L, SIGABRT = 6L, SIGKILL = 9L, SIGSEGV = 11L, SIGTERM = 15L)
  by <- c(names(numbers)[numbers == number], paste("signal", number))[1L]
  c(
    x = paste0("The run's own process was killed by ", by, "; its tasks have ended with it."),
    if (by == "SIGKILL") {
      c(i = "Unless somebody did that, the system has run out of memory: let fewer tasks run at once (max_workers).")
    }
  )
}

#' What Python wrote about the run, if it got that far
#' @noRd
read_report <- function(path) {
  if (!file.exists(path)) {
    return(NULL)
  }
  report <- tryCatch(jsonlite::fromJSON(path, simplifyVector = FALSE), error = function(e) NULL)
  report$failed <- lapply(report$failed, read_failure)
  report
}

# A failed task as Python reports it. `parent` is the condition that its R code has signalled, `NULL` if that was none
# or cannot be read in this session.
read_failure <- function(failure) {
  for (name in c("class", "traceback")) failure[[name]] <- as.character(unlist(failure[[name]]))
  if (!is.null(failure$condition)) {
    parent <- tryCatch(unserialize(jsonlite::base64_dec(failure$condition)), error = function(e) NULL)
    failure$parent <- if (inherits(parent, "condition")) parent
  }
  failure$condition <- NULL
  failure
}
