# Futures of a function that was interrupted, or failed, while it waited for them, and whom nobody can ask any more: a
# future_map() that will never have a value. Their tasks would hold the cluster; only later versions of future cancel
# them.

orphans <- new.env(parent = emptyenv())
orphans$numbers <- integer()
orphans$look <- FALSE

# Makes the function that calls future() tell when it ends without a value.
watch_caller <- function(future) {
  frame <- frame_of_caller()
  if (is.null(frame)) {
    return()
  }
  if (!identical(orphans$frame, frame)) {
    orphans$frame <- frame
    mine <- list2env(list(keys = character()), parent = emptyenv())
    tell <- substitute(ended(mine, returnValue(mine)), list(mine = mine, ended = caller_ended))
    do.call(on.exit, list(tell, add = TRUE), envir = frame)
    orphans$mine <- mine
  }
  orphans$mine$keys <- c(orphans$mine$keys, future$conditions_key)
}

frame_of_caller <- function() {
  for (i in rev(seq_len(sys.nframe()))) {
    if (identical(sys.function(i), future::future)) {
      parent <- sys.parents()[i]
      return(if (parent > 0L) sys.frame(parent))
    }
  }
}

# returned: what the function returns; `mine` itself if it does not. Its frame still holds the futures now: the garbage
# collector tells later which of them nobody holds.
caller_ended <- function(mine, returned) {
  orphans$frame <- NULL
  if (identical(returned, mine)) {
    lost <- intersect(mine$keys, names(launched))
    for (key in lost) reg.finalizer(launched[[key]], orphaned)
    rm(list = lost, envir = launched)
    orphans$look <- orphans$look || length(lost) > 0L
  }
}

orphaned <- function(future) {
  if (future$state == "running") orphans$numbers <- c(orphans$numbers, future$ref$number)
}

cancel_orphans <- function() {
  if (orphans$look) {
    orphans$look <- FALSE
    gc(FALSE)
  }
  if (length(orphans$numbers)) {
    ray_driver()$cancel(orphans$numbers)
    orphans$numbers <- integer()
  }
}
