# The side of Ray's workers of futures and of foreach's loops.

# Evaluates a future's expression in a global environment that holds the globals and nothing else.
run_future <- function(template, key, expression, globals = list(), seed = NULL) {
  worker$live <- list(key = key, sent = 0L)
  if (!is.null(template)) {
    expression <- do.call(substitute, list(template, list(.gangway_expression = expression)))
  }
  everywhere <- globalenv()
  mine <- as.list(everywhere, all.names = TRUE)
  rm(list = names(mine), envir = everywhere)
  on.exit({
    rm(list = names(everywhere), envir = everywhere)
    list2env(mine, everywhere)
  })
  list2env(globals, everywhere)
  if (is.numeric(seed)) everywhere$.Random.seed <- seed
  result <- withCallingHandlers(eval(expression, everywhere), immediateCondition = tell_condition)
  # future has recorded what was told; the relay of other tasks' conditions shall not repeat it.
  if (worker$live$sent) worker$said <- Filter(function(x) !inherits(x, "immediateCondition"), worker$said)
  list(result = result, sent = worker$live$sent)
}

# Leaves a condition for the process that waits for the current future.
tell_condition <- function(condition) {
  worker$live$sent <- worker$live$sent + 1L
  ray_driver()$tell(sprintf("%s/%06d", worker$live$key, worker$live$sent), transport(condition))
  for (restart in computeRestarts(condition)) {
    if (startsWith(restart[[1L]], "muffle")) invokeRestart(restart)
  }
}

# A loop within a loop runs in the worker, without foreach's warning that no backend is registered there.
when_foreach_is_loaded <- function() {
  setHook(packageEvent("foreach", "onLoad"), function(...) foreach::registerDoSEQ())
}
