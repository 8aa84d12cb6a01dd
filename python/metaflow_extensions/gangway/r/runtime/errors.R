# R code run so that Python learns of its errors: message, call and traceback.

# list(value), or list(NULL, message, call, traceback) after an error, or list(NULL, "") after an
# interrupt, whose reason Python knows.
guarded <- function(expr) {
  frames <- NULL
  depth <- sys.nframe()
  tryCatch(
    withCallingHandlers(
      list(expr),
      error = function(e) frames <<- all_frames()
    ),
    error = function(e) {
      list(NULL, conditionMessage(e), one_line(conditionCall(e)), user_calls(frames, depth))
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

# The calls that are going on, and which of them are of gangway's own functions.
all_frames <- function() {
  calls <- sys.calls()[-sys.nframe()]
  functions <- lapply(seq_along(calls), sys.function)
  list(calls = calls, ours = vapply(functions, function(f) identical(environment(f), environment(guarded)), NA))
}

# The user's part of the stack: without gangway's own frames before it, what a function of gangway's does inside, and
# R's error handling after.
user_calls <- function(frames, depth) {
  calls <- frames$calls
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
  last <- min(length(calls), own - 1L, which(frames$ours & seq_along(calls) >= first))
  while (last >= first && heads[last] %in% c(after, "$<-", "[[<-")) last <- last - 1L
  vapply(calls[seq_len(max(0L, last - first + 1L)) + first - 1L], one_line, "")
}
