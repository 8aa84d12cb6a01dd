# The log of a run in the background, as R reads it.

# How many lines are shown of one.
shown_lines <- 20L

log_lines <- function(path) {
  if (!file.exists(path)) {
    return(character())
  }
  as_valid(readLines(path, warn = FALSE, encoding = "UTF-8", skipNul = TRUE))
}

new_log <- function(lines, all) {
  shown <- if (all) lines else utils::tail(lines, shown_lines)
  structure(shown, class = "gangway_log", before = length(lines) - length(shown))
}

#' @export
format.gangway_log <- function(x, ...) {
  before <- attr(x, "before")
  c(if (before > 0L) sprintf("... %d lines before; $log(all = TRUE) has them", before), as.character(x))
}

#' @export
print.gangway_log <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}

#' Show a log as it grows, until its run has ended
#' @noRd
follow_log <- function(path, job, flow) {
  show <- log_shower(flow, log_mode(getOption("gangway.quiet")))
  on.exit(show$end())
  from <- 0
  repeat {
    runs <- job_runs(job)
    new <- read_from(path, from)
    from <- from + length(new)
    if (length(new)) show$add(as_valid(utf8_text(new)))
    if (!runs) break
    if (!length(new)) job$process$wait(200)
  }
}

#' The bytes of a file from a place on, up to the end of its last whole line
#' @noRd
read_from <- function(path, from) {
  size <- file.size(path)
  if (is.na(size) || size <= from) {
    return(raw())
  }
  file <- file(path, "rb")
  on.exit(close(file))
  seek(file, from)
  bytes <- readBin(file, "raw", size - from)
  bytes[seq_len(max(0L, which(bytes == as.raw(10L))))]
}

utf8_text <- function(bytes) {
  text <- rawToChar(bytes[bytes != as.raw(0L)])
  Encoding(text) <- "UTF-8"
  text
}
