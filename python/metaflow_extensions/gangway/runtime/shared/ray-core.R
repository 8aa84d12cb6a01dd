# References to values on a Ray cluster. What runs there and where the values are is Python's business
# (ray_r/driver.py); R knows them by numbers and hands bytes over. Base R only: the package gangway and the
# runtime of tasks and workers both load the files ray-*.R that callers need.

# What the user's code sees in a task.
ray_exported <- c(
  "ray_put", "ray_get", "ray_wait", "ray_cancel", "ray_remote", "ray_map", "ray_map2", "ray_pmap", "ray_nodes",
  "ray_resources", "ray_actor", "ray_driver", "ray", "registerDoRay", "ray_daemons", "crew_controller_ray"
)

ray_state <- new.env(parent = emptyenv())
ray_state$last <- 0L
ray_state$dropped <- integer()
ray_state$dropped_jobs <- integer()

# How long one look at the cluster lasts (seconds): between two of them R sees an interrupt.
ray_look <- 0.25

ray_number <- function() {
  ray_state$last <- ray_state$last + 1L
}

# Not the portable XDR format: a cluster's machines are alike, and copying is faster than swapping bytes. For what holds
# no code; for the rest see parcel.R.
transport <- function(x) serialize(x, NULL, xdr = FALSE)

# From this size on (bytes) R serializes a value into a file in memory, which Python gives to Ray as it lies: a raw
# vector would hold it three times on its way, and fresh pages cost more than copying does.
staged_size <- 8e6

# Of a vector of that size Ray takes the numbers from where R has them, and `front`, what serialize() writes before
# them. Not where R has none in memory, such as 1:1e9.
has_numbers <- function(x) {
  length(x) >= staged_size / 8 && is_bare(x) && typeof(x) %in% c("double", "integer", "logical", "raw") &&
    utils::object.size(x) >= staged_size
}

front_of <- function(x) {
  n <- length(x)
  empty <- serialize(x[0L], NULL, xdr = FALSE)
  low <- n %% 2^32
  size <- if (n < 2^31) n else c(-1, n %/% 2^32, if (low < 2^31) low else low - 2^32)
  c(utils::head(empty, -4L), writeBin(as.integer(size), raw()))
}

# A value as it travels: the length of what follows, in four bytes; the conditions and the output that go with it, if
# there are any; the value. Lengths go first, so that no value can look like them (docs/wire-formats.md).
#
# head: what stands before the value.
# driver: asked for a file where the value is large, whose name is then returned in place of the bytes.
write_value <- function(x, head, driver, name = "x", policy = argument_policy) {
  path <- if (utils::object.size(x) >= staged_size) driver$stage() else ""
  if (!nzchar(path)) {
    return(c(head, parcel(x, name, policy)))
  }
  into_file(path, function(file) {
    writeBin(head, file)
    parcel(x, name, policy, to = file)
  })
}

into_file <- function(path, write) {
  file <- file(path, "wb")
  on.exit(close(file))
  write(file)
  path
}

no_conditions <- raw(4L)

with_conditions <- function(conditions) {
  if (!length(conditions)) {
    return(no_conditions)
  }
  more <- transport(conditions)
  c(writeBin(length(more), raw(), endian = "little"), more)
}

# A reference; when R forgets it, Python does too, at the next occasion: a finalizer may run at any time.
#
# actor: kept alive by the references to what it is asked.
new_ref <- function(number, label = "a value", actor = NULL) {
  ref <- new.env(hash = FALSE, parent = emptyenv())
  ref$number <- number
  ref$session <- ray_state$session
  ref$label <- label
  ref$actor <- actor
  reg.finalizer(ref, drop_ref)
  class(ref) <- "gangway_ref"
  ref
}

drop_ref <- function(ref) {
  if (identical(ref$session, ray_state$session)) ray_state$dropped <- c(ray_state$dropped, ref$number)
}

release_dropped <- function(driver) {
  if (length(ray_state$dropped_jobs)) {
    numbers <- ray_state$dropped_jobs
    ray_state$dropped_jobs <- integer()
    driver$drop_jobs(numbers)
  }
  if (length(ray_state$dropped)) {
    numbers <- ray_state$dropped
    ray_state$dropped <- integer()
    driver$release(numbers)
  }
}

is_ref <- function(x) inherits(x, "gangway_ref")

ref_numbers <- function(refs, who) {
  if (is_ref(refs)) refs <- list(refs)
  if (!is.list(refs) || !all(vapply(refs, is_ref, NA))) {
    ray_stop(
      "argument", who, "() takes a reference, or a list of references, as ray_put() and functions made by ",
      "ray_remote() return; got ", paste(class(refs), collapse = "/"), "."
    )
  }
  driver <- ray_driver()
  for (ref in refs) {
    if (!identical(ref$session, ray_state$session)) {
      ray_stop(
        "lost", "A reference (to ", ref$label, ") is known only where it was made, while that cluster is up: it ",
        "cannot be used in another process, after ray_shutdown(), or inside another value. Give references to a ",
        "task as arguments of their own, f(ref)."
      )
    }
  }
  release_dropped(driver)
  vapply(refs, function(ref) ref$number, 0L, USE.NAMES = FALSE)
}

ray_put <- function(x) {
  driver <- ray_driver()
  release_dropped(driver)
  number <- ray_number()
  size <- if (has_numbers(x)) driver$put_numbers(number, front_of(x), x)
  if (is.null(size)) size <- driver$put(number, write_value(x, no_conditions, driver))
  size <- format(structure(as.double(size), class = "object_size"), units = "auto")
  new_ref(number, paste0("a ", class(x)[1L], ", ", size))
}

ray_get <- function(refs, timeout = NULL) {
  numbers <- ref_numbers(refs, "ray_get")
  done <- await(numbers, length(numbers), timeout)
  if (length(done) < length(numbers)) {
    ray_stop(
      "timeout", "ray_get(): ", length(numbers) - length(done), " of ", length(numbers), " values are not ready after ",
      timeout, " s. They go on; ask again, or ray_cancel() them."
    )
  }
  if (is_ref(refs)) {
    return(outcome_value(outcomes(numbers)[[1L]]))
  }
  found <- outcomes(numbers)
  values <- vector("list", length(refs))
  names(values) <- names(refs)
  for (i in seq_along(found)) {
    value <- outcome_value(found[[i]], index = i)
    if (!is.null(value)) values[[i]] <- value
  }
  values
}

ray_wait <- function(refs, n = 1, timeout = NULL) {
  numbers <- ref_numbers(refs, "ray_wait")
  if (is_ref(refs)) refs <- list(refs)
  ready <- await(numbers, min(n, length(numbers)), timeout)
  ready <- utils::head(ready, n)
  list(ready = refs[ready], waiting = refs[setdiff(seq_along(refs), ready)])
}

ray_cancel <- function(refs) {
  if (inherits(refs, "gangway_actor")) {
    ray_driver()$cancel(-actor_number(refs))
  } else {
    ray_driver()$cancel(ref_numbers(refs, "ray_cancel"))
  }
  invisible(refs)
}

# Places of the references that are done when `n` are, or `timeout` seconds are over. In short looks, so that an
# interrupt ends it.
await <- function(numbers, n, timeout = NULL) {
  driver <- ray_driver()
  end <- if (!is.null(timeout)) as.double(Sys.time()) + timeout
  waiting <- seq_along(numbers)
  repeat {
    seconds <- if (is.null(end)) ray_look else max(0, min(ray_look, end - as.double(Sys.time())))
    done <- as.integer(driver$wait(numbers[waiting], n - length(numbers) + length(waiting), seconds))
    if (length(done)) waiting <- waiting[-done]
    enough <- length(numbers) - length(waiting) >= n
    late <- !is.null(end) && as.double(Sys.time()) >= end
    if (enough || (late && !length(done))) {
      return(setdiff(seq_along(numbers), waiting))
    }
  }
}

# How tasks end, by the numbers that Python has for it (ray_r/wire.py).
task_ends <- c("small", "large", "r_error", "failed")

# What became of tasks: each list(value =, conditions =) or list(failure =). NULL if not all are done within
# some seconds.
outcomes <- function(numbers, seconds = NULL) {
  if (!length(numbers)) {
    return(list())
  }
  driver <- ray_driver()
  answer <- if (is.null(seconds)) driver$fetch(numbers) else driver$fetch(numbers, seconds)
  if (!length(answer$state)) {
    return(NULL)
  }
  sizes <- as.integer(answer$size)
  ends <- cumsum(as.double(sizes))
  single <- length(numbers) == 1L
  Map(function(number, state, size, end) {
    data <- if (single) answer$bytes else answer$bytes[seq.int(end - size + 1, length.out = size)]
    switch(task_ends[state + 1L],
      small = read_outcome(data),
      large = read_outcome(data, function(hook) driver$read_value(number, hook)),
      r_error = list(failure = unserialize(data)),
      failed = list(failure = failure_text(data))
    )
  }, numbers, as.integer(answer$state), sizes, ends, USE.NAMES = FALSE)
}

failure_text <- function(data) {
  text <- rawToChar(data)
  Encoding(text) <- "UTF-8"
  split <- regexpr("\n", text, fixed = TRUE)
  list(kind = substr(text, 1L, split - 1L), message = substring(text, split + 1L))
}

# Reads what write_value() has written.
#
#' @param head What stands before the value, and the value itself, unless `read` gives it: see open_parcel().
#' @noRd
read_outcome <- function(head, read = NULL) {
  more <- readBin(head, "integer", endian = "little")
  outcome <- list(value = if (is.null(read)) {
    open_parcel(head[seq.int(5 + more, length.out = length(head) - 4 - more)])
  } else {
    open_parcel(read = read)
  })
  arrive()
  if (more) outcome$conditions <- unserialize(head[seq.int(5L, length.out = more)])
  outcome
}

# The value of what outcomes() gave; what the task has said is said again here, and its error raised.
outcome_value <- function(outcome, index = NULL) {
  relay(outcome$conditions)
  if (is.null(outcome$failure)) {
    return(outcome$value)
  }
  relay(outcome$failure$conditions)
  stop(ray_failure(outcome$failure, "task", "A task on Ray", index = index))
}

relay <- function(conditions) {
  for (condition in conditions) {
    if (is.character(condition)) {
      cat(condition)
    } else if (inherits(condition, "gangway_stderr")) {
      cat(condition$text, file = stderr())
    } else if (inherits(condition, "warning")) {
      warning(condition)
    } else if (inherits(condition, "message")) {
      message(condition)
    } else {
      withRestarts(signalCondition(condition), muffleProgression = function(p) NULL)
    }
  }
}

format.gangway_ref <- function(x, ...) {
  paste0("<reference ", x$number, " to ", x$label, if (!identical(x$session, ray_state$session)) ", lost", ">")
}

print.gangway_ref <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}
