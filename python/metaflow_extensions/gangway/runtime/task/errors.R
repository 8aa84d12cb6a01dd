# R code run so that its errors are data: a list of message, call, class, traceback and the condition itself, which go
# from a worker to a task, to Metaflow and to the user's session without being read from any text.

# list(value), or list(NULL, failure) after an error, or list(NULL, NULL) after an interrupt, whose reason Python knows.
guarded <- function(expr) {
  frames <- NULL
  depth <- sys.nframe()
  on.exit(end_if_forked())
  tryCatch(
    withCallingHandlers(
      list(expr),
      error = function(e) frames <<- all_frames()
    ),
    error = function(e) list(NULL, as_failure(e, frames, depth)),
    interrupt = function(e) list(NULL, NULL)
  )
}

# What is known of an error. `error` is the condition, as far as it can travel.
#
# frames, depth: what all_frames() gave when it was signalled, and where the user's frames begin.
as_failure <- function(e, frames = NULL, depth = 0L) {
  own_trace <- is.list(e) && is_trace(.subset2(e, "trace")) && is_of_here(.subset2(e, "trace"), depth)
  e <- with_missing_packages(e)
  text <- text_of(e)
  call <- one_line(call_of(e))
  e <- with_user_traces(e, depth)
  calls <- if (own_trace) .subset2(.subset2(e, "trace"), "call") else user_calls(frames, depth)
  list(
    message = text, call = call, class = class(e), traceback = vapply(calls, one_line, "", USE.NAMES = FALSE),
    index = if (is.list(e)) whole_number(.subset2(e, "index")),
    node = if (is.list(e)) one_string(.subset2(e, "node")), error = portable(e)
  )
}

# "No applicable method" for an object whose methods are in a package that is not installed here: which one.
with_missing_packages <- function(e) {
  packages <- names(missing_packages)
  if (!length(packages) || !is.list(e) || !call_heads(list(call_of(e))) %in% "UseMethod") {
    return(e)
  }
  class <- class(e)
  e <- unclass(e)
  e$message <- paste0(e$message, "\n", missing_package_text(packages))
  structure(e, class = class)
}

# A class's own methods may fail, or say several things.
text_of <- function(e) {
  text <- tryCatch(as.character(conditionMessage(e)), error = function(x) as.character(.subset2(e, "message")))
  enc2utf8(paste(text, collapse = "\n"))
}

call_of <- function(e) tryCatch(conditionCall(e), error = function(x) NULL)

# Ray's conditions have these two; a user's condition may call other things by these names.
whole_number <- function(x) if (is.numeric(x) && length(x) == 1L && !is.na(x)) as.integer(x)

one_string <- function(x) if (is.character(x) && length(x) == 1L && !is.na(x)) x

one_line <- function(call) {
  if (is.null(call)) {
    return("")
  }
  line <- deparse(call, width.cutoff = 100L, nlines = 2L)
  enc2utf8(paste0(line[1], if (length(line) > 1L) " ..."))
}

# ---- what a condition takes along

# Bytes of its serialization up to which a condition travels as it is. Its call may hold a whole data frame
# (do.call()), and its fields anything.
condition_room <- 1e6

# The condition without what is too large, its parents too.
portable <- function(e, room = condition_room) {
  if (weight(e, room) <= room) {
    return(e)
  }
  fields <- if (is.list(e)) unclass(e) else list()
  fields$message <- text_of(e)
  for (name in setdiff(names(fields), c("message", "parent"))) {
    if (weight(fields[[name]], room) > room / 20) fields[[name]] <- NULL
  }
  if (inherits(fields$parent, "condition")) fields$parent <- portable(fields$parent, room / 2)
  small <- structure(fields, class = class(e))
  if (weight(small, room) <= room) small else structure(fields["message"], class = class(e))
}

# object.size() is quick, and does not look into environments.
weight <- function(x, room) {
  size <- as.numeric(utils::object.size(x))
  if (size > 4 * room) size else length(serialize(x, NULL, xdr = FALSE))
}

# ---- frames

# The calls that are going on, and which of them are of gangway's own functions.
all_frames <- function() {
  calls <- sys.calls()[-sys.nframe()]
  functions <- lapply(seq_along(calls), sys.function)
  list(calls = calls, ours = vapply(functions, function(f) identical(environment(f), environment(guarded)), NA))
}

# The functions that stand between guarded() and the user's first one, and those by which an error is signalled.
entry_calls <- c(
  "guarded", "captured", "tryCatch", "tryCatchList", "tryCatchOne", "doTryCatch", "withCallingHandlers",
  "call_as", "call_with", "eval"
)
signal_calls <- c("", "stop", "decode", "abort", "cli_abort", "signal_abort", "cnd_signal")

# The user's part of the stack: without gangway's own frames before it, what a function of gangway's does inside, and
# R's error handling after.
user_calls <- function(frames, depth) {
  calls <- frames$calls
  heads <- call_heads(calls)
  own <- which(heads %in% c(
    "self_get", "$.gangway_self", "[[.gangway_self", "$<-.gangway_self", "[[<-.gangway_self"
  ))
  first <- first_user_call(heads, depth)
  last <- min(length(calls), own - 1L, which(frames$ours & seq_along(calls) >= first))
  plumbing <- is_plumbing(calls, heads)
  while (last >= first && (plumbing[last] || heads[last] %in% c(signal_calls, "$<-", "[[<-"))) last <- last - 1L
  users <- seq_along(calls) >= first & seq_along(calls) <= last
  calls[users & !plumbing]
}

first_user_call <- function(heads, depth) {
  first <- depth + 1L
  while (first <= length(heads) && heads[first] %in% entry_calls) first <- first + 1L
  first
}

# The names of the functions that are called, without their packages; "" for a function without a name.
call_heads <- function(calls) {
  vapply(calls, function(call) {
    head <- if (is.call(call)) call[[1L]] else call
    if (is.call(head) && length(head) == 3L && is.symbol(head[[3L]])) head <- head[[3L]]
    if (is.symbol(head)) as.character(head) else if (is.call(head)) "(" else ""
  }, "")
}

# Calls of R's own that only carry conditions and handlers.
plumbing_calls <- c("withCallingHandlers", "signalCondition", ".handleSimpleError", "tryCatchList", "tryCatchOne",
  "doTryCatch")
plumbing_code <- list(quote(value[[3L]](cond)), quote(h(simpleError(msg, call))))

is_plumbing <- function(calls, heads) {
  heads %in% plumbing_calls | vapply(calls, function(call) any(vapply(plumbing_code, identical, NA, call)), NA)
}

# ---- rlang's traces

is_trace <- function(x) inherits(x, "rlang_trace") && is.list(.subset2(x, "call"))

# The condition and its parents with the user's part of the traces that rlang has put into them.
with_user_traces <- function(e, depth) {
  if (!is.list(e)) {
    return(e)
  }
  class <- class(e)
  e <- unclass(e)
  if (is_trace(e$trace)) e$trace <- user_trace(e$trace, depth)
  if (inherits(e$parent, "condition")) e$parent <- with_user_traces(e$parent, depth)
  structure(e, class = class)
}

# Whether it was made below this guarded(): its rows are frames from R's first one on. Else it has come from elsewhere.
is_of_here <- function(trace, depth) {
  calls <- .subset2(trace, "call")
  depth >= 1L && depth <= length(calls) && call_heads(calls[depth]) %in% c("guarded", "captured")
}

user_trace <- function(trace, depth) {
  calls <- .subset2(trace, "call")
  heads <- call_heads(calls)
  first <- if (is_of_here(trace, depth)) first_user_call(heads, depth) else 1L
  keep <- !is_plumbing(calls, heads) & seq_along(calls) >= first
  last <- max(0L, which(keep & !heads %in% signal_calls))
  trace_rows(trace, keep & seq_along(calls) <= last)
}
