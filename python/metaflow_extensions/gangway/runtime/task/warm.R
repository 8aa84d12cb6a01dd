# Tasks that are forks of a process which has R loaded, and nothing of the user's (the room warm/ of the Python core).

# Before it is forked: whether R is as after any start. A profile may do anything: draw random numbers, load packages
# that have threads, note the time.
is_plain_start <- function() {
  own <- c("base", "methods", "datasets", "utils", "grDevices", "graphics", "stats", "compiler", "parallel", "tools")
  !length(dir(tempdir(), all.files = TRUE, no.. = TRUE)) && !length(ls(globalenv(), all.names = TRUE)) &&
    all(loadedNamespaces() %in% own)
}

# In the task: what is a process's own.
begin_anew <- function() own_process <<- Sys.getpid()
