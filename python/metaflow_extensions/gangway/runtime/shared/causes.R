# Errors that pass on an error of the user's R code. The package and a task's runtime both load this file.

# A condition with the classes and fields of its cause, as far as its own leave room for them. `use_cli_format` is no
# fact about the cause: it says how rlang shows its text.
with_cause <- function(condition, cause, classes = class(cause)) {
  about <- attributes(condition)
  own <- unclass(condition)
  theirs <- if (is.list(cause)) unclass(cause)
  more <- theirs[setdiff(names(theirs), c(names(own), "", "use_cli_format", "rlang"))]
  fields <- c(own, more)
  kinds <- c("error", "condition")
  about$names <- names(fields)
  # rlang's own class stands where theirs has it, else behind them.
  about$class <- unique(c(setdiff(about$class, c("rlang_error", kinds)), setdiff(classes, kinds),
    intersect(about$class, "rlang_error"), kinds))
  attributes(fields) <- about
  fields
}

# trace[keep, ] without rlang's methods: what stood below a row that goes stands below the one above that.
trace_rows <- function(trace, keep) {
  about <- attributes(trace)
  parent <- .subset2(trace, "parent")
  for (i in seq_along(parent)) {
    while (parent[i] > 0L && !keep[parent[i]]) parent[i] <- parent[parent[i]]
  }
  columns <- lapply(unclass(trace), function(column) column[keep])
  columns$parent <- c(0L, cumsum(keep))[parent[keep] + 1L]
  about$row.names <- seq_len(sum(keep))
  attributes(columns) <- about
  columns
}
