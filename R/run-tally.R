# Which tasks of a run have started, ended and failed, as the run's log tells: by what Metaflow's own lines say.

# "2026-11-30 16:55:09.533 [1796/each/2 (pid 31495)] text"; without the process where a task is cloned.
task_line <- "^[0-9-]+ [0-9:.]+ \\[[^][/ ]+/([^][/ ]+)/([^][/ ]+)(?: \\(pid [0-9]+\\))?\\] ?(.*)$"

#' The lines of a log by the tasks that they are of
#' @return A data frame with a row for each line: `step`, `task` and `text`; `step` is `NA` where it is no task's.
#' @noRd
task_lines <- function(lines) {
  lines <- as_valid(lines)
  is_task <- grepl(task_line, lines, perl = TRUE)
  part <- function(i) ifelse(is_task, sub(task_line, paste0("\\", i), lines, perl = TRUE), NA_character_)
  data.frame(line = lines, step = part(1L), task = paste(part(1L), part(2L), sep = "/"), text = part(3L))
}

# What is no UTF-8 would be an error of all that looks at text.
as_valid <- function(text) iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "byte")

new_tally <- function() {
  list2env(list(status = new.env(), caught = new.env(), counts = list(), yields = integer()), parent = emptyenv())
}

#' Note what a task's line says
#' @return `"starts"`, `"done"`, `"failed"`, `"cloned"` or, of what changes nothing, `""`.
#' @noRd
note_line <- function(tally, step, task, text) {
  if (startsWith(text, "Task is starting")) {
    move_task(tally, step, task, "running")
    "starts"
  } else if (startsWith(text, "Task fallback is starting")) {
    assign(task, TRUE, tally$caught)
    move_task(tally, step, task, "running")
    "starts"
  } else if (text == "Task finished successfully.") {
    # What @catch has caught has failed.
    ended <- if (exists(task, tally$caught, inherits = FALSE)) "failed" else "done"
    move_task(tally, step, task, ended)
    ended
  } else if (startsWith(text, "Task failed")) {
    move_task(tally, step, task, "failed")
    "failed"
  } else if (startsWith(text, "Cloning previously run task ")) {
    move_task(tally, step, task, "done")
    "cloned"
  } else {
    if (startsWith(text, "@catch caught an exception from ")) assign(task, TRUE, tally$caught)
    note_width(tally, step, text)
    ""
  }
}

note_width <- function(tally, step, text) {
  wide <- "^Foreach yields ([0-9]+) child steps[.]$"
  if (grepl(wide, text)) tally$yields[[step]] <- width_of(tally, step) + as.integer(sub(wide, "\\1", text))
}

# How many tasks a foreach has made so far.
width_of <- function(tally, step) if (step %in% names(tally$yields)) tally$yields[[step]] else 0L

move_task <- function(tally, step, task, to) {
  counts <- counts_of(tally, step)
  was <- get0(task, tally$status, inherits = FALSE)
  if (!is.null(was)) counts[[was]] <- counts[[was]] - 1L
  counts[[to]] <- counts[[to]] + 1L
  tally$counts[[step]] <- counts
  assign(task, to, tally$status)
}

counts_of <- function(tally, step) tally$counts[[step]] %||% c(running = 0L, done = 0L, failed = 0L)

#' Count the tasks of a log
#' @noRd
tally_log <- function(lines) {
  tally <- new_tally()
  # Few of the lines of a long log are Metaflow's.
  said <- task_lines(grep("] (Task |Foreach yields |Cloning |@catch caught)", lines, value = TRUE, useBytes = TRUE))
  said <- said[!is.na(said$step), ]
  for (i in seq_len(nrow(said))) note_line(tally, said$step[i], said$task[i], said$text[i])
  tally
}

#' How many tasks a step will have, as far as is known
#'
#' Of a foreach that is resumed nobody says how wide it is, and a switch decides by itself.
#' @param foreach As [foreach_of_steps()] gives it.
#' @noRd
expected_tasks <- function(tally, foreach, step) {
  known <- step %in% names(foreach) && step %in% attr(foreach, "certain")
  max(sum(counts_of(tally, step)), if (known) width_of(tally, foreach[[step]]))
}

#' In words: "37 of 400 tasks done, 4 running, 1 failed"
#' @param total How many tasks there will be; `NA` if nobody knows.
#' @noRd
counts_text <- function(counts, total = NA) {
  all <- if (is.na(total)) sum(counts) else total
  done <- counts[["done"]]
  of <- if (all > done) paste(done, "of", all) else done
  more <- counts[c("running", "failed")]
  more <- more[more > 0L]
  paste(c(
    paste(of, if (all == 1L) "task" else "tasks", "done"), if (length(more)) paste(more, names(more))
  ), collapse = ", ")
}

#' Within which foreach the tasks of each step are
#'
#' @return A named vector: by step, the step that begins the innermost foreach; without those in none. The attribute
#'   `certain` has the steps that each of its splits passes: no switch decides about them.
#' @noRd
foreach_of_steps <- function(flow) {
  steps <- .subset2(flow, "steps")
  # run() has checked the flow already.
  within <- check_joined(flow, stop)
  innermost <- vapply(within, function(stack) {
    splits <- sub(" .*$", "", stack)
    splits <- splits[vapply(splits, function(name) !is.null(steps[[name]]$foreach), NA)]
    if (length(splits)) splits[[length(splits)]] else NA_character_
  }, "")
  uncertain <- character()
  for (name in topological_order(flow)) {
    s <- steps[[name]]
    if (!is.null(s$condition) || (name %in% uncertain && is.null(s$foreach))) uncertain <- c(uncertain, next_steps(s))
  }
  structure(innermost[!is.na(innermost)], certain = setdiff(names(within), uncertain))
}
