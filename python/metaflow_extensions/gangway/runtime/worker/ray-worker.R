# The side of Ray's workers: jobs, values that several calls use, and what a call says.

worker <- new.env(parent = emptyenv())
worker$jobs <- worker$worlds <- list()
worker$values <- new.env(parent = emptyenv())
worker$most_jobs <- 30L
worker$jobs_room <- 32e6 # bytes

ray_primitives <- NULL

# Python's functions as R calls them; the first use joins the cluster.
ray_driver <- function() {
  if (is.null(ray_primitives)) {
    names <- grep("^ray_", names(py), value = TRUE)
    functions <- lapply(py[names], function(f) {
      force(f)
      function(...) decode(f(...))
    })
    names(functions) <- sub("^ray_", "", names)
    functions$threads_run <- TRUE # rpy2 gives Python's lock up while R runs
    functions$submit <- submit
    functions$put_numbers <- function(number, front, x, once = FALSE) decode(put_numbers(number, front, x, once))
    functions$read_value <- function(number, hook) decode(read_large(number, hook))
    ray_state$session <- functions$connect()
    ray_primitives <<- functions
  }
  ray_primitives
}

submit <- function(number, job, args, needs = NULL) {
  if (length(needs)) {
    return(decode(py$ray_submit(number, job, args, needs)))
  }
  decode(quick_submit(c(writeBin(c(number, job), raw()), args)))
}

read_hooked <- function(data, hook) from_any_locale(unserialize(data, refhook = hook))

start_worker <- function(node) {
  worker$node <- node
  options(r_defaults)
  options(warn = 1, keep.source = FALSE)
  note_process()
  worker$options_before <- names(options())
  watch_packages()
  watch_unlocking()
  arrived$at_libraries <- watch_packages
  open_capture()
  guard_cat(take_stderr)
  when_foreach_is_loaded()
  register_ray_methods()
  for (generic in c("$", "[[", "$<-", "[[<-")) registerS3method(generic, "gangway_self", no_self, envir = baseenv())
  NULL
}

# A formula or a quosure that was made in a step's function brings the step's `self` along, which would read as NULL.
no_self <- function(x, name, ...) {
  ray_stop(
    "argument", "There is no `self` in Ray's workers. Read what they need from it before (", name, " <- self$", name,
    "), or put the value in place: !!self$", name, " in tidymodels' and dplyr's arguments."
  )
}

register_ray_methods <- function() {
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  method("print", "gangway_ref", print.gangway_ref)
  method("format", "gangway_ref", format.gangway_ref)
  method("print", "gangway_remote", print.gangway_remote)
  method("print", "gangway_actor", print.gangway_actor)
  method("format", "gangway_actor", format.gangway_actor)
  method("$", "gangway_actor", `$.gangway_actor`)
  method("[[", "gangway_actor", `[[.gangway_actor`)
  method("conditionMessage", "gangway_error_ray", conditionMessage.gangway_error_ray)
  method("print", "gangway_error_ray", print.gangway_error_ray)
  when_rlang_is_loaded()
  when_future_is_loaded()
  NULL
}

# ---- jobs

# Whether the job is known here; if so it is the current one.
use_job <- function(key) {
  job <- worker$jobs[[key]]
  if (is.null(job)) {
    return(FALSE)
  }
  leave_job()
  if (use_packages(job$packages_along)) {
    change_packages()
    return(FALSE)
  }
  enter_job(key, job)
  TRUE
}

open_job <- function(key, data) {
  leave_job()
  before <- dev_state$used
  opened <- guarded(unseal(open_parcel(data)))
  job <- if (length(opened) > 1L) list(broken = opened) else opened[[1L]]
  if (!identical(dev_state$used, before)) change_packages()
  if (!is.null(job$shared_key)) job$shared <- world_of(job)
  job$around <- arrived$around
  job$restored <- if (!identical(job$kind, "future")) environments_to_restore(arrived$made)
  job$size <- length(data)
  job$libraries <- .libPaths()
  arrived$around <- arrived$made <- NULL
  worker$jobs[[key]] <- job
  enter_job(key, job)
  forget_jobs()
  NULL
}

# What all jobs of a session share (ray-world.R), opened once.
world_of <- function(job) {
  if (!job$shared_key %in% names(worker$worlds)) {
    mine <- arrived$around
    arrived$around <- NULL
    open_parcel(job$shared)
    worker$worlds <- utils::tail(c(worker$worlds, stats::setNames(list(as.list(arrived$around)), job$shared_key)), 2L)
    arrived$around <- mine
  }
  worker$worlds[[job$shared_key]]
}

# The functions of other jobs are those of packages that have gone.
change_packages <- function() {
  leave_world()
  worker$jobs <- worker$worlds <- list()
  if (!is.null(worker$base)) worker$base <- process_state()
}

# The last jobs, as far as they are small.
forget_jobs <- function() {
  sizes <- rev(vapply(worker$jobs, function(job) as.numeric(job$size), 0))
  keep <- cumsum(sizes) <= worker$jobs_room & seq_along(sizes) <= worker$most_jobs
  keep[1L] <- TRUE
  worker$jobs <- worker$jobs[rev(keep)]
}

leave_job <- function() {
  if (!is.null(worker$job)) {
    restore_state(worker$base)
    worker$base <- with_options_now(worker$base)
    worker$options_before <- names(worker$base$options)
    restore_world()
    worker$job <- worker$key <- NULL
  }
}

# The process as the job needs it: what it comes back to after each call.
enter_job <- function(key, job) {
  leave_job()
  ready <- if (!is.null(job$everywhere)) run_everywhere(job$everywhere)
  ray_state$everywhere <- job$everywhere # for the jobs that this one makes
  if (is.null(worker$base)) worker$base <- process_state()
  enter_world(job$shared_key, job$shared)
  .libPaths(job$libraries)
  use_settings(job$settings)
  worker$options_before <- names(options())
  use_process(job$process)
  for (done in list(ready, guarded(follow_plan(job$search)))) {
    if (length(done) > 1L && is.null(job$broken)) job$broken <- done
  }
  forget_globals(job$gone)
  for (part in job$around) settle(part)
  job$state <- process_state()
  worker$key <- key
  worker$job <- job
}

# After each call, whatever became of it.
end_call <- function() {
  job <- worker$job
  restore_state(job$state, variables = FALSE) # first: a change of RNGkind() leaves a seed
  worker$options_seen <- NULL
  if (length(worker$of_packages) > length(job$of_packages)) {
    worker$job$state <- with_options_now(job$state)
    worker$job$of_packages <- worker$of_packages
  }
  restore_globals(job)
  arrived$around <- arrived$made <- NULL
  forget_kept()
}

# After a call that has left other environment variables than it found, which Python sees sooner than R.
restore_variables_of_job <- function() {
  restore_variables(Sys.getenv(), worker$job$state$variables)
  NULL
}

# What the user wants to run first in every process. Where it fails another job tries again.
run_everywhere <- function(everywhere) {
  if (identical(worker$everywhere, everywhere)) {
    return(NULL)
  }
  done <- guarded(everywhere())
  if (length(done) == 1L) worker$everywhere <- everywhere
  note_process()
  worker$base <- process_state()
  done
}

# ---- values, which Python puts into worker$values (RWorker._keep())

# A value as it is kept; what belongs around it comes with each use.
read_kept <- function(data) open_parcel(data)

keep_around <- function(name) {
  worker$around[[name]] <- arrived$around
  arrived$around <- arrived$made <- NULL
  NULL
}

drop_value <- function(name) {
  rm(list = name, envir = worker$values)
  worker$around[[name]] <- NULL
  NULL
}

# What the slots of the next call stand for.
use_names <- function(names) {
  worker$names <- names
  NULL
}

fill_slots <- function(args, names) {
  for (i in which(vapply(args, inherits, NA, "gangway_slot"))) {
    name <- names[[unclass(args[[i]])]]
    number <- if (startsWith(name, "actor ")) as.integer(substring(name, 7L))
    for (part in worker$around[[name]]) settle(without_globals(part, globals_of_job()))
    args[i] <- list(if (is.null(number)) get(name, worker$values, inherits = FALSE) else new_actor(number))
  }
  args
}

# A stored function brings what it used then; what the job's own code names is as it was when the job was made.
without_globals <- function(part, names) {
  for (kind in c("globals", "active", "left")) part[[kind]] <- part[[kind]][!names(part[[kind]]) %in% names]
  part$locked <- intersect(part$locked, names(part$globals))
  part
}

globals_of_job <- function() unlist(lapply(worker$job$around, function(part) names(c(part$globals, part$active))))

# ---- actors

# A number for an actor that a task was given.
adopted_number <- function() {
  ray_driver()
  ray_number()
}

# Makes the object that calls of this actor go to.
make_actor <- function(data) {
  job <- worker$job
  answer <- if (is.null(job$broken)) captured(call_with(".f", job$f, read_args(data))) else job$broken
  arrived$made <- NULL # an actor keeps its state
  if (length(answer) > 1L) {
    return(failed(answer))
  }
  worker$object <- answer[[1L]]
  if (!is.environment(worker$object) && !is.list(worker$object)) {
    return(failed(list(NULL, as_failure(simpleError(paste0(
      "The function gave no environment, R6 object or list to call, but ", class(worker$object)[1L]
    ))))))
  }
  write_outcome(NULL)
}

use_method <- function(name) {
  worker$method <- name
  NULL
}

call_actor <- function(data) {
  name <- worker$method
  args <- open_args(data)
  # What functions among the arguments use is theirs for this call; the actor's globals are its own.
  brought <- unlist(lapply(arrived$around, function(part) names(c(part$globals, part$active))))
  brought <- brought[brought %in% names(globalenv())]
  mine <- mget(as.character(brought), globalenv())
  on.exit(put_globals(mine))
  args <- filled_args(args)
  answer <- captured({
    if (!name %in% names(worker$object)) {
      has <- paste(sort(names(worker$object)), collapse = ", ")
      stop("The actor has no `", name, "`; it has: ", has, call. = FALSE)
    }
    member <- worker$object[[name]]
    if (is.function(member)) call_with(name, member, args) else member
  })
  if (length(answer) > 1L) failed(answer) else returned(answer[[1L]])
}

# ---- calls

# The serialized value; after an error list(serialized failure, message).
run_task <- function(data) {
  job <- worker$job
  if (!is.null(job$broken)) {
    worker$opened <- NULL
    return(failed(job$broken))
  }
  on.exit(end_call())
  if (job$kind == "map") {
    args <- open_args(data)
    arrive()
    return(run_chunk(job, args))
  }
  args <- read_args(data)
  answer <- captured(call_with(".f", job$f, args))
  if (length(answer) > 1L) failed(answer) else returned(answer[[1L]])
}

# What write_value() gives of a value; of a large vector of numbers a list of what stands before it, the vector itself
# and its front.
write_outcome <- function(value, conditions = NULL) {
  head <- with_conditions(conditions)
  if (is_bare(value) && length(value) <= 1000L && !is.character(value)) { # most of all
    return(c(head, serialize(value, NULL, xdr = FALSE)))
  }
  if (has_numbers(value) && !decode(is_altrep(value))) {
    return(list(head, value, front_of(value)))
  }
  write_value(value, head, ray_driver(), "result", policy = NULL)
}

# The value as bytes, unless it cannot travel.
returned <- function(value) {
  written <- guarded(write_outcome(value, taken()))
  if (length(written) > 1L) failed(written) else written[[1L]]
}

# Arguments with large vectors Python has opened already, without a copy of the stream.
open_args <- function(data) {
  if (length(data)) {
    return(open_parcel(data))
  }
  args <- worker$opened
  worker$opened <- NULL
  args
}

read_args <- function(data) filled_args(open_args(data))

filled_args <- function(args) {
  force(args) # what is read brings what arrives
  arrive()
  if (is.null(worker$names)) {
    return(args)
  }
  names <- worker$names
  worker$names <- NULL
  fill_slots(args, names)
}

argument_names <- sprintf(".x%d", 1:50)
argument_symbols <- lapply(argument_names, as.name)

# .f(...) with symbols for all values: quick to evaluate, and short in a traceback. Names with a dot, since code that
# asks for a variable of its parent.frame() shall find the script's.
call_with <- function(name, f, args) {
  env <- new.env(hash = FALSE, parent = globalenv())
  assign(name, f, env)
  all <- seq_along(args)
  if (length(all) > length(argument_names)) {
    return(eval(as.call(c(as.name(name), args)), env))
  }
  for (i in all) assign(argument_names[i], args[[i]], env)
  symbols <- argument_symbols[all]
  names(symbols) <- names(args)
  eval(as.call(c(as.name(name), symbols)), env)
}

failed <- function(answer, ...) {
  failure <- c(failure_of(answer), list(conditions = taken(), ...))
  list(transport(failure), enc2utf8(failure$message))
}

# What as_failure() tells, and where it happened.
failure_of <- function(answer) {
  failure <- answer[[2L]]
  failure$node <- worker$node
  failure
}

# ---- chunks of ray_map() and its relatives

run_chunk <- function(job, args) {
  names <- worker$names
  worker$names <- NULL
  if (is.null(job$call)) {
    job <- worker$job <- worker$jobs[[worker$key]] <- callable(job, length(args[[2L]]))
  }
  columns <- args[[2L]]
  if (length(names)) {
    columns <- lapply(columns, function(column) if (is.list(column)) fill_slots(column, names) else column)
    list2env(structure(fill_slots(job$constants, names), names = job$constant_names), job$env)
    on.exit(list2env(structure(job$constants, names = job$constant_names), job$env))
  }
  values <- vector("list", length(columns[[1L]]))
  bad <- integer()
  slots <- job$slots
  # The job is kept, and what it was called with is not.
  on.exit(rm(list = slots, envir = job$env), add = TRUE)
  for (i in seq_along(values)) {
    for (k in seq_along(columns)) assign(slots[k], columns[[k]][[i]], job$env)
    if (length(args[[3L]])) use_seed(args[[3L]][[i]])
    answer <- captured(eval(job$call, job$env))
    if (length(answer) > 1L) {
      if (job$stop) {
        return(failed(answer, index = args[[1L]] + i - 1L))
      }
      bad <- c(bad, i)
      answer <- list(failure_of(answer))
    }
    values[i] <- answer
  }
  returned(list(values = values, failed = bad))
}

# The call .f(.x, constants) with symbols for all values.
callable <- function(job, n) {
  columns <- if (is.null(job$columns)) character(n) else job$columns
  constants <- names(job$constants)
  if (is.null(constants)) constants <- character(length(job$constants))
  job$slots <- if (n == 1L) ".x" else sprintf(".x%d", seq_len(n))
  job$constant_names <- sprintf(".constant%d", seq_along(job$constants))
  named <- nzchar(constants) & !paste0(".", constants) %in% c(".f", job$slots)
  job$constant_names[named] <- paste0(".", constants[named])
  job$env <- list2env(
    c(list(.f = job$f), structure(job$constants, names = job$constant_names)),
    parent = globalenv()
  )
  arguments <- lapply(c(job$slots, job$constant_names), as.name)
  job$call <- as.call(c(quote(.f), structure(arguments, names = c(columns, constants))))
  job
}

# ---- what a call says: its output, messages and warnings in order

open_capture <- function() {
  worker$said <- list()
  worker$output <- rawConnection(raw(), "wb")
  worker$sink <- as.integer(worker$output)
  sink(worker$output)
}

# guarded() that notes what is said.
captured <- function(expr) {
  frames <- NULL
  depth <- sys.nframe()
  on.exit(end_if_forked())
  tryCatch(
    withCallingHandlers(
      list(expr),
      error = function(e) frames <<- all_frames(),
      message = function(m) say(m, "muffleMessage"),
      # With others, R itself makes an error of it, or ignores it.
      warning = function(w) if (getOption("warn") %in% 0:1) say(w, "muffleWarning"),
      immediateCondition = function(c) say(c, "muffleProgression"),
      condition = function(c) if (is_for_session(c)) say(c)
    ),
    error = function(e) list(NULL, as_failure(e, frames, depth)),
    interrupt = function(e) list(NULL, as_failure(simpleError("interrupted")))
  )
}

# What no other handler above takes, and what cli does not say as a message afterwards; a future has notes of its own.
is_for_session <- function(condition) {
  others <- c("error", "warning", "message", "interrupt", "immediateCondition", "cli_message", "callr_message")
  !inherits(condition, others) && !identical(worker$job$kind, "future")
}

# Not in a forked child, whose notes nobody would read.
say <- function(condition, restart = NULL) {
  diverted <- sink.number(type = "message") != 2L && inherits(condition, c("message", "warning"))
  if (diverted || is_forked()) {
    return()
  }
  if (unclass(stdout()) == worker$sink) take_output() # else user code captures its output
  worker$said[[length(worker$said) + 1L]] <- condition
  if (!is.null(restart)) tryInvokeRestart(restart)
}

# What code for a session writes to stderr() itself, as package logger does. In a gang the worker's log is shown.
take_stderr <- function(file, sep, ...) {
  is_told <- isTRUE(worker$job$tells) && !is_forked() && identical(log_stream(file), 2L)
  if (is_told) say(structure(list(text = text_of_cat(sep, ...)), class = "gangway_stderr"))
  is_told
}

# A forked child prints to the worker's log.
leave_capture <- function() {
  if (!is.null(worker$sink)) while (sink.number()) sink()
}

take_output <- function() {
  # User code has closed all connections.
  if (!tryCatch(isOpen(worker$output), error = function(e) FALSE)) {
    said <- worker$said
    open_capture()
    worker$said <- said
    return(invisible())
  }
  if (unclass(stdout()) != worker$sink) {
    while (sink.number()) sink() # user code has left one, or has ended ours
    sink(worker$output)
  }
  bytes <- rawConnectionValue(worker$output)
  if (length(bytes)) {
    sink()
    close(worker$output)
    said <- worker$said
    open_capture()
    text <- rawToChar(bytes[bytes != 0L])
    if (l10n_info()[["UTF-8"]]) Encoding(text) <- "UTF-8"
    worker$said <- c(said, list(text))
  }
}

taken <- function() {
  take_output()
  said <- worker$said
  if (length(said)) worker$said <- list()
  said
}
