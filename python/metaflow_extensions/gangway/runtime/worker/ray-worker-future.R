# The side of Ray's workers of futures and of foreach's loops.

# Evaluates a future's expression in a global environment that holds the globals, which are not there afterwards.
run_future <- function(template, key, expression, around = NULL, globals = list(), seed = NULL) {
  worker$immediate <- list(key = key, sent = 0L)
  if (!is.null(template)) expression <- put_at(template$code, template$place, expression)
  everywhere <- globalenv()
  forget_globals(c(around$gone, names(around$left)))
  put_globals(around$values)
  bind_left(around$left, everywhere)
  put_globals(globals)
  if (is.numeric(seed)) everywhere$.Random.seed <- seed
  result <- withCallingHandlers(eval(expression, everywhere), immediateCondition = send_condition)
  # future has recorded what was told; the relay of other tasks' conditions shall not repeat it.
  if (worker$immediate$sent) worker$said <- Filter(function(x) !inherits(x, "immediateCondition"), worker$said)
  list(result = result, sent = worker$immediate$sent)
}

# The code of a template, and where in it the expression belongs.
open_template <- function(data) {
  code <- unserialize(memDecompress(data, "gzip"))
  list(code = code, place = place_of(quote(.gangway_expression), code))
}

place_of <- function(symbol, code) {
  for (i in seq_along(code)) {
    part <- code[[i]]
    if (identical(part, symbol)) {
      return(i)
    }
    below <- if (is.call(part)) place_of(symbol, part)
    if (!is.null(below)) {
      return(c(i, below))
    }
  }
}

put_at <- function(code, place, value) {
  part <- if (length(place) == 1L) value else put_at(code[[place[1L]]], place[-1L], value)
  if (is.null(part)) code[place[1L]] <- list(NULL) else code[[place[1L]]] <- part
  code
}

# Sets the plan for futures within the current one, unless it is that.
set_worker_plan <- function(strategies) {
  if (!identical(worker$plan_for, strategies) || !identical(future::plan("list"), worker$plan)) {
    future::plan(strategies, substitute = FALSE, .cleanup = FALSE, .init = FALSE)
    worker$plan_for <- strategies
    worker$plan <- future::plan("list")
  }
}

# Leaves a condition for the process that waits for the current future.
send_condition <- function(condition) {
  worker$immediate$sent <- worker$immediate$sent + 1L
  ray_driver()$send_condition(sprintf("%s/%06d", worker$immediate$key, worker$immediate$sent), transport(condition))
  for (restart in computeRestarts(condition)) {
    if (startsWith(restart[[1L]], "muffle")) invokeRestart(restart)
  }
}

# A loop within a loop runs in the worker, without foreach's warning that no backend is registered there.
when_foreach_is_loaded <- function() {
  setHook(packageEvent("foreach", "onLoad"), function(...) foreach::registerDoSEQ())
}
