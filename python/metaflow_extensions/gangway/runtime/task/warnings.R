# Warnings of a step. Each is shown as it comes (options(warn = 1)); of thousands, the first, and how many there were.

# Of the same text, and of all.
warnings_alike <- 10L
warnings_shown <- 100L
# Texts that are told apart.
warnings_kept <- 1000L

#' What a step's code warns of
#' @return `note(condition)`, a calling handler; `tell(step)`, which says what was not shown; `kept()`, a data frame of
#'   the texts and how often each came.
#' @noRd
warning_record <- function() {
  texts <- character()
  counts <- hidden <- integer()
  note <- function(condition) {
    # R does the rest: the error that it makes of a warning, or what it keeps for later. A child has nobody to tell.
    if (is_forked() || !identical(as.integer(getOption("warn")), 1L)) {
      return()
    }
    text <- text_of(condition)
    at <- match(text, texts)
    if (is.na(at)) {
      at <- min(length(texts) + 1L, warnings_kept)
      texts[at] <<- if (at < warnings_kept) text else "other warnings"
      if (length(counts) < at) counts[at] <<- hidden[at] <<- 0L
    }
    counts[at] <<- counts[at] + 1L
    if (counts[at] > warnings_alike || sum(counts) - sum(hidden) > warnings_shown) {
      restart <- computeRestarts(condition)
      restart <- Find(function(one) one$name == "muffleWarning", restart)
      if (is.null(restart)) {
        return()
      }
      hidden[at] <<- hidden[at] + 1L
      if (sum(hidden) == 1L) cat("[gangway] More warnings come, and are counted from here on.\n", file = stderr())
      invokeRestart(restart)
    }
  }
  tell <- function(step) {
    if (!sum(hidden)) {
      return(invisible())
    }
    most <- utils::head(order(hidden, decreasing = TRUE), 5L)
    most <- most[hidden[most] > 0L]
    count <- function(n) format(n, big.mark = ",", scientific = FALSE, trim = TRUE)
    cat("[gangway] Step ", dQuote(step, FALSE), " has given ", count(sum(counts)), " warnings, of which ",
      count(sum(hidden)), " are not shown:\n",
      paste0("[gangway]   ", count(hidden[most]), "x ", substr(sub("\n.*", " ...", texts[most]), 1L, 200L), "\n"),
      if (sum(hidden > 0L) > 5L) "[gangway]   ...\n",
      sep = "", file = stderr()
    )
  }
  list(
    note = note, tell = tell,
    kept = function() data.frame(times = counts, warning = texts, stringsAsFactors = FALSE)
  )
}
