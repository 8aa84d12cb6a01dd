# How far a map is: a bar of the package cli in a console, now and then a line in a log.

progress_line_seconds <- 10

progress_shower <- function(progress, who, total) {
  if (!isTRUE(progress)) {
    return(list(tick = function(n) NULL, end = function() NULL))
  }
  if (is_console() && requireNamespace("cli", quietly = TRUE)) bar_shower(who, total) else line_shower(who, total)
}

is_console <- function() interactive() && isatty(stderr())

bar_shower <- function(who, total) {
  bar <- cli::cli_progress_bar(who, total = total, .auto_close = FALSE)
  list(
    tick = function(n) cli::cli_progress_update(n, id = bar),
    end = function() cli::cli_progress_done(id = bar)
  )
}

line_shower <- function(who, total) {
  done <- 0L
  began <- said <- proc.time()[["elapsed"]]
  say <- function() {
    seconds <- round(proc.time()[["elapsed"]] - began, 1)
    message(who, "(): ", done, " of ", total, " elements, ", format(seconds), " s")
  }
  list(
    tick = function(n) {
      done <<- done + n
      if (done < total && proc.time()[["elapsed"]] - said >= progress_line_seconds) {
        said <<- proc.time()[["elapsed"]]
        say()
      }
    },
    end = function() say()
  )
}
