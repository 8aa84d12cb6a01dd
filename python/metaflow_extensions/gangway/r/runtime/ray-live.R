# Conditions that shall be heard while the task that signals them still runs: class immediateCondition, as progressr's
# progress updates and what a user gives that class. A worker leaves them in the cluster's key-value store.

# What the conditions of one task are kept under; those of one process have its beginning.
live_key <- function() paste0(live_prefix(), ray_number())

live_prefix <- function() {
  ray_driver()
  paste0(ray_state$session, "/")
}

# ---- in the worker

# A handler, which travels with the code whose conditions it handles.
send_live_condition <- at_home(function(condition) {
  home$tell_condition(condition)
  for (restart in computeRestarts(condition)) {
    if (startsWith(restart$name, "muffle")) invokeRestart(restart)
  }
  FALSE # as a handler of future's: not to be recorded here
})

tell_condition <- function(condition) {
  worker$live$sent <- worker$live$sent + 1L
  ray_driver()$tell(sprintf("%s/%06d", worker$live$key, worker$live$sent), transport(condition))
}

# ---- where the values are waited for

ray_state$heard <- 0

# Signals the conditions that have come since the last time, those of other futures too; not more often than needed.
hear_live_conditions <- function(now = FALSE) {
  time <- proc.time()[[3L]]
  if (!now && time - ray_state$heard < 0.1) {
    return(invisible())
  }
  ray_state$heard <- time
  answer <- ray_driver()$hear(live_prefix())
  if (!length(answer$key)) {
    return(invisible())
  }
  keys <- sub("/[^/]*$", "", unlist(answer$key))
  conditions <- split_raw(answer$bytes, as.integer(unlist(answer$size)))
  for (i in seq_along(keys)) {
    future <- launched[[keys[i]]]
    if (is.null(future)) next
    future$heard <- c(future$heard, list(list(condition = conditions[[i]], signaled = 1L)))
    relay(conditions[i])
  }
}
