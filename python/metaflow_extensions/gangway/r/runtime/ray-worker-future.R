# The side of Ray's workers of futures and of foreach's loops.

# Evaluates a future's expression in a global environment that holds the globals and nothing else.
run_future <- function(expression, globals, key) {
  worker$live <- list(key = key, sent = 0L)
  mine <- as.list(globalenv(), all.names = TRUE)
  rm(list = names(mine), envir = globalenv())
  on.exit({
    rm(list = ls(globalenv(), all.names = TRUE), envir = globalenv())
    list2env(mine, globalenv())
  })
  list2env(globals, globalenv())
  list(result = eval(expression, globalenv()), sent = worker$live$sent)
}

# Leaves a condition for the process that waits for the current future.
tell_condition <- function(condition) {
  worker$live$sent <- worker$live$sent + 1L
  ray_driver()$tell(sprintf("%s/%06d", worker$live$key, worker$live$sent), transport(condition))
}

# A loop within a loop runs in the worker, without foreach's warning that no backend is registered there.
when_foreach_is_loaded <- function() {
  setHook(packageEvent("foreach", "onLoad"), function(...) foreach::registerDoSEQ())
}
