# Progress bars in a log. A bar draws its line anew after each carriage return; a log would have them all in one line of
# thousands of characters, at the end. So of what cat() writes to the log with carriage returns, a line is shown every
# few seconds as it is then, and at last as it has become. What has none is written as ever, and so is what does not
# come from cat(): C code's own.

# Seconds between two lines of a bar; later, a fifth of what it has taken.
carriage_seconds <- 5

# `line` is what a terminal would show; `at_start`, whether what comes next is written over it.
carriage <- new.env(parent = emptyenv())
carriage$line <- ""
carriage$at_start <- FALSE
carriage$written <- ""

#' Whether cat() has nothing more to do, as what it writes has been taken
#' @noRd
take_carriage <- function(file, sep, ...) {
  to <- if (!is_forked()) log_stream(file) # a child may end without a word
  if (is.null(to) || (!is_carrying() && !has_carriage(sep, ...))) {
    return(FALSE)
  }
  if (is_carrying() && !identical(carriage$to, to)) {
    end_carriage()
    if (!has_carriage(sep, ...)) return(FALSE)
  }
  carriage$to <- to
  take_text(text_of_cat(sep, ...))
  TRUE
}

is_carrying <- function() carriage$at_start || nzchar(carriage$line)

# Of what goes to the log: 1 or 2.
log_stream <- function(file) {
  if (identical(file, "")) file <- stdout()
  if (!inherits(file, "terminal")) {
    return(NULL)
  }
  number <- as.integer(file)
  if (number == 1L || (number == 2L && sink.number(type = "message") == 2L)) number
}

# Without a loop: R compiles what has one when it is called again, and loading the compiler takes a task 50 ms.
has_carriage <- function(...) {
  any(vapply(list(...), function(x) is.character(x) && any(grepl("\r", x, fixed = TRUE, useBytes = TRUE)), NA))
}

text_of_cat <- function(sep, ...) {
  to <- rawConnection(raw(), "w")
  on.exit(close(to))
  carriage$cat(..., file = to, sep = sep)
  rawToChar(rawConnectionValue(to))
}

take_text <- function(text) {
  pieces <- regmatches(text, gregexpr("[\r\n]|[^\r\n]+", text))[[1L]]
  for (i in seq_along(pieces)) {
    piece <- pieces[i]
    if (piece == "\n") {
      write_line()
      carriage$line <- ""
      carriage$at_start <- FALSE
    } else if (piece == "\r") {
      if (!is_carrying()) carriage$began <- carriage$shown <- proc.time()[[3L]]
      carriage$at_start <- TRUE
    } else if (!carriage$at_start) {
      carriage$line <- paste0(carriage$line, piece)
    } else if (grepl("[^ ]", piece)) { # blanks are to wipe the line out
      # What comes with its own end is no later state of the bar.
      if (identical(pieces[i + 1L], "\n")) end_carriage() else show_carriage()
      carriage$line <- piece
      carriage$at_start <- FALSE
    }
  }
}

show_carriage <- function() {
  now <- proc.time()[[3L]]
  if (now - carriage$shown >= max(carriage_seconds, (now - carriage$began) / 5)) {
    carriage$shown <- now
    if (nzchar(carriage$line)) write_line()
  }
}

write_line <- function() {
  carriage$cat(carriage$line, "\n", sep = "", file = if (carriage$to == 2L) stderr() else "")
  carriage$written <- carriage$line
}

#' Write a bar's line as it is now, if it has not been written
#' @noRd
end_carriage <- function() {
  if (nzchar(carriage$line) && !identical(carriage$line, carriage$written)) write_line()
  carriage$line <- ""
  carriage$at_start <- FALSE
}

# What cat() writes to the log may be taken by a function of this process: it says whether it has done so. A copy of
# cat() in another process finds none there, and is R's own.
guard_cat <- function(take) {
  assign(".gangway_cat", take, as.environment("gangway:task"))
  carriage$cat <- cat
  replace_in("base", "cat", function(cat) beginning_with(code_of_cat, cat))
}

code_of_cat <- quote({
  take <- get0(".gangway_cat", globalenv(), mode = "function")
  if (!is.null(take) && take(file, sep, ...)) {
    return(invisible())
  }
})

beginning_with <- function(code, f) {
  body(f) <- call("{", code, body(f))
  f
}

# Bars that are not shown where no terminal is, or not until they are full.
guard_bars <- function() {
  guard_cat(take_carriage)
  replace_in("utils", "txtProgressBar", function(bar) beginning_with(code_of_bar, bar))
  replace_in("progress", "is_supported", function(is_supported) {
    function(stream) environment(is_supported)$is_option_enabled()
  })
}

code_of_bar <- quote(if (identical(as.integer(style), 1L)) style <- 3L)
