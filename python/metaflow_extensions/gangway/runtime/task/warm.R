# Tasks that are forks of a process which has loaded the flow (the room warm/ of the Python core).

# cli's thread only ticks for progress bars; where it cannot be ended, tasks start cold.
pause_threads <- function() {
  if (isNamespaceLoaded("cli")) {
    tryCatch(
      {
        .Call(get("clic_stop_thread", asNamespace("cli")))
        TRUE
      },
      error = function(e) FALSE
    )
  } else {
    TRUE
  }
}

# In the task: what is a process's own.
begin_anew <- function() {
  own_process <<- Sys.getpid()
  # Else all tasks would have the same random numbers, where something has used some.
  if (exists(".Random.seed", globalenv(), inherits = FALSE)) set.seed(NULL)
  if (isNamespaceLoaded("cli")) start_clis_thread(asNamespace("cli"))
  # It goes on with one thread in forks.
  if (isNamespaceLoaded("data.table")) data.table::setDTthreads(NULL)
}

start_clis_thread <- function(cli) {
  try(.Call(cli$clic_start_thread, cli, cli$clienv$tick_time, cli$clienv$speed_time), silent = TRUE)
}
