# R code run so that Python learns of its errors: message, call and traceback.

# list(value), or list(NULL, message, call, traceback) after an error, or list(NULL, "") after an
# interrupt, whose reason Python knows.
guarded <- function(expr) {
  calls <- ours <- NULL
  runtime <- environment(guarded)
  depth <- sys.nframe()
  tryCatch(
    withCallingHandlers(
      list(expr),
      error = function(e) {
        calls <<- sys.calls()
        ours <<- vapply(seq_along(calls), function(i) identical(environment(sys.function(i)), runtime), NA)
      }
    ),
    error = function(e) {
      list(NULL, conditionMessage(e), one_line(conditionCall(e)), user_calls(calls, ours, depth))
    },
    interrupt = function(e) list(NULL, "")
  )
}

one_line <- function(call) {
  if (is.null(call)) {
    return("")
  }
  line <- deparse(call, width.cutoff = 100L, nlines = 2L)
  paste0(line[1], if (length(line) > 1L) " ...")
}

# The user's part of the stack: without gangway's own frames before it, what a function of gangway's (ours) does inside,
# and R's error handling after.
user_calls <- function(calls, ours, depth) {
  heads <- vapply(calls, function(call) if (is.symbol(call[[1]])) as.character(call[[1]]) else "", "")
  before <- c(
    "guarded", "tryCatch", "tryCatchList", "tryCatchOne", "doTryCatch", "withCallingHandlers",
    "call_as", "call_with", "eval"
  )
  after <- c("", "h", ".handleSimpleError", "stop", "decode")
  own <- which(heads %in% c(
    "self_get", "$.gangway_self", "[[.gangway_self", "$<-.gangway_self", "[[<-.gangway_self"
  ))
  first <- depth + 1L
  while (first <= length(calls) && heads[first] %in% before) first <- first + 1L
  last <- min(length(calls), own - 1L, which(ours & seq_along(ours) >= first))
  while (last >= first && heads[last] %in% c(after, "$<-", "[[<-")) last <- last - 1L
  vapply(calls[seq_len(max(0L, last - first + 1L)) + first - 1L], one_line, "")
}
