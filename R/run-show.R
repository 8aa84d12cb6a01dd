# What of a run's log is shown as it comes: its lines, or for a wide foreach in a terminal one line for all its tasks.

# A foreach is wide from so many tasks on; so many lines are kept of a task in case it fails, and so many such logs are
# shown.
wide_from <- 20L
lines_kept <- 100L
failures_shown <- 5L

#' How the log of a run is shown
#'
#' @param quiet What the user has said: `TRUE`, `FALSE`, or `NULL` for nothing.
#' @return `"lines"`, `"bar"` or `"quiet"`.
#' @noRd
log_mode <- function(quiet) {
  terminal <- interactive() && sink.number() == 0L && cli::is_dynamic_tty()
  if (isTRUE(quiet)) "quiet" else if (is.null(quiet) && terminal) "bar" else "lines"
}

#' Show a log as it comes
#'
#' @param mode As [log_mode()] says.
#' @return A list of two functions: `add` takes text, whole lines or not; `end` is to be called at the end.
#' @noRd
log_shower <- function(flow, mode) {
  if (mode == "lines") {
    return(list(add = show_text, end = function() NULL))
  }
  shower <- list2env(list(
    mode = mode, tally = new_tally(), foreach = foreach_of_steps(flow), kept = new.env(), cloned = character(),
    failures = 0L, bar = NULL, told = character()
  ), parent = emptyenv())
  rest <- ""
  list(
    add = function(text) {
      lines <- strsplit(paste0(rest, text, "."), "\n", fixed = TRUE)[[1L]]
      rest <<- sub("[.]$", "", lines[[length(lines)]])
      lines <- lines[-length(lines)]
      # No run shall fail because of how it is shown.
      tryCatch(show_lines(shower, lines), error = function(e) show_text(paste0(lines, "\n", collapse = "")))
    },
    end = function() {
      if (nzchar(rest)) show_lines(shower, rest)
      rest <<- ""
      say_cloned(shower)
      end_bar(shower)
    }
  )
}

show_text <- function(text) {
  cat(text)
  utils::flush.console()
}

show_lines <- function(shower, lines) {
  said <- task_lines(lines)
  for (i in seq_along(lines)) {
    if (is.na(said$step[i])) show_other(shower, said$line[i]) else show_of_task(shower, as.list(said[i, ]))
  }
}

# Metaflow's own lines have a time. Without one come its errors, and what parameters' functions print.
show_other <- function(shower, line) {
  say_cloned(shower)
  timed <- grepl("^[0-9]{4}-[0-9-]+ [0-9:.]+ ", line)
  # Every five minutes.
  counted <- timed && grepl("tasks? (is|are) (running|waiting)|No tasks are|steps? ha(s|ve) not started", line)
  if (if (shower$mode == "quiet") !timed else !(counted && length(shower$bar))) show_above(shower, line)
}

show_of_task <- function(shower, said) {
  event <- note_line(shower$tally, said$step, said$task, said$text)
  if (event == "cloned") {
    shower$cloned <- c(shower$cloned, said$line)
    return(invisible())
  }
  say_cloned(shower)
  if (shower$mode == "quiet" || is_wide(shower, said$step)) {
    keep_line(shower, said, event)
    if (shower$mode == "bar") update_bar(shower)
  } else {
    # The tasks of a switch or of a foreach that is resumed may be fewer than could be.
    if (event == "starts" && !any(wide_counts(shower)["running"] > 0L)) end_bar(shower)
    show_above(shower, said$line)
  }
}

is_wide <- function(shower, step) !is.na(shower$foreach[step]) && expected(shower, step) >= wide_from

expected <- function(shower, step) expected_tasks(shower$tally, shower$foreach, step)

# Those that the bar is about: not of a foreach that has ended.
wide_steps <- function(shower) {
  Filter(function(step) is_wide(shower, step), setdiff(names(shower$foreach), shower$told))
}

wide_counts <- function(shower) {
  Reduce(`+`, lapply(wide_steps(shower), function(step) counts_of(shower$tally, step)), c(running = 0L, done = 0L,
    failed = 0L))
}

# The log of a task is shown if it fails.
keep_line <- function(shower, said, event) {
  kept <- c(get0(said$task, shower$kept, inherits = FALSE), said$line)
  assign(said$task, utils::tail(kept, lines_kept), shower$kept)
  if (!event %in% c("done", "failed")) {
    return(invisible())
  }
  if (event == "failed") {
    shower$failures <- shower$failures + 1L
    if (shower$failures <= failures_shown) show_above(shower, utils::tail(kept, lines_kept))
    if (shower$failures == failures_shown) show_above(shower, "The logs of further tasks that fail are not shown.")
  }
  rm(list = said$task, envir = shower$kept)
}

say_cloned <- function(shower) {
  lines <- shower$cloned
  shower$cloned <- character()
  if (!length(lines) || shower$mode == "quiet") {
    return(invisible())
  }
  if (length(lines) >= wide_from) {
    counts <- table(task_lines(lines)$step)
    lines <- paste0(names(counts), ": ", counts, ifelse(counts == 1L, " task is", " tasks are"), " cloned")
  }
  show_above(shower, lines)
}

# cli moves its line out of the way of what it prints itself.
show_above <- function(shower, lines) {
  if (length(shower$bar)) cli::cli_verbatim(lines) else show_text(paste0(lines, "\n", collapse = ""))
}

update_bar <- function(shower) {
  steps <- wide_steps(shower)
  counts <- wide_counts(shower)
  known <- all(vapply(shower$foreach[steps], function(split) width_of(shower$tally, split) > 0L, NA))
  total <- if (known) sum(vapply(steps, function(step) expected(shower, step), 0L)) else NA
  if (!length(shower$bar)) {
    shower$since <- proc.time()[["elapsed"]]
    format <- paste0(
      "{cli::pb_extra$steps}: {cli::pb_bar}{if (!is.na(cli::pb_total)) ' '}{cli::pb_extra$counts}",
      "{if (nzchar(cli::pb_eta_str)) ', '}{cli::pb_eta_str}"
    )
    shower$bar <- cli::cli_progress_bar(
      total = total, format = format, extra = list(), clear = TRUE, .auto_close = FALSE
    )
  }
  shower$said <- counts_text(counts, total)
  cli::cli_progress_update(
    set = sum(counts[c("done", "failed")]), total = total, id = shower$bar,
    extra = list(steps = paste(steps, collapse = ", "), counts = shower$said)
  )
  if (!is.na(total) && counts[["running"]] == 0L && sum(counts) >= total) end_bar(shower)
}

end_bar <- function(shower) {
  if (!length(shower$bar)) {
    return(invisible())
  }
  cli::cli_progress_done(id = shower$bar)
  shower$bar <- NULL
  seconds <- format_seconds(proc.time()[["elapsed"]] - shower$since)
  steps <- wide_steps(shower)
  show_above(shower, paste0(paste(steps, collapse = ", "), ": ", shower$said, " in ", seconds))
  ended <- function(step) sum(counts_of(shower$tally, step)[c("done", "failed")]) >= expected(shower, step)
  shower$told <- c(shower$told, Filter(ended, steps))
}
