# Conditions that shall be heard while the task that signals them still runs: class immediateCondition, as progressr's
# progress updates and what a user gives that class. A worker leaves them in the cluster's key-value store
# (ray-worker-future.R), where the process that waits for the task takes them.

# What the conditions of one task are kept under; those of one process have its beginning.
immediate_key <- function() paste0(immediate_prefix(), ray_number())

immediate_prefix <- function() {
  ray_driver()
  paste0(ray_state$session, "/")
}

ray_state$heard <- 0

# Signals the conditions that have come since the last time, those of other futures too; not more often than needed.
relay_immediate_conditions <- function(now = FALSE) {
  time <- proc.time()[[3L]]
  if (!now && time - ray_state$heard < 0.1) {
    return(invisible())
  }
  ray_state$heard <- time
  answer <- ray_driver()$take_conditions(immediate_prefix())
  if (!length(answer$key)) {
    return(invisible())
  }
  keys <- sub("/[^/]*$", "", unlist(answer$key))
  ends <- cumsum(as.integer(unlist(answer$size)))
  for (i in seq_along(keys)) {
    future <- launched[[keys[i]]]
    if (is.null(future)) next
    condition <- unserialize(answer$bytes[seq.int(c(0L, ends)[i] + 1L, ends[i])])
    future$heard <- sum(future$heard, 1L)
    relay(list(condition))
  }
}
