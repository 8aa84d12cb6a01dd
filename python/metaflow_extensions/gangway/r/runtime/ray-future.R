# plan(ray): the package future's futures as tasks on Ray, for both of future's interfaces. Up to 1.34 a strategy is a
# function that makes futures; since 1.40 it names a FutureBackend, which launches them. Between launch and result the
# two differ little: a future is a Ray task that evaluates what getExpression() gives.

ray <- structure(
  at_home(function(..., workers = NULL, cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3) {
    home$ray_future(...,
      options = home$ray_options(cpus, gpus, memory, resources, max_retries = max_retries), workers = workers
    )
  }),
  class = c("ray", "multiprocess", "future", "function"),
  init = TRUE,
  tweakable = c("workers", "cpus", "gpus", "memory", "resources", "max_retries"),
  factory = at_home(function(...) home$new_ray_backend(...))
)

# ---- launch

launch_future <- function(future, options, workers) {
  cancel_orphans()
  make_room(workers)
  key <- live_key()
  # A FutureBackend's expression holds the globals and is short.
  template <- if (is.null(future$backend)) future_template(future)
  arguments <- if (is.null(template)) {
    list(key, future::getExpression(future, mc.cores = 1L))
  } else {
    list(key, future$expr, as.list(future$globals), future$seed)
  }
  future$ref <- submit_call(ray_driver(), future_job(template, options), arguments)
  future$live <- key
  future$state <- "running"
  assign(key, future, envir = launched)
  watch_caller(future)
  invisible(future)
}

future_state <- new.env(parent = emptyenv())

# The number of the job that evaluates futures with this template and these options.
future_job <- function(template, options) {
  if (!identical(future_state$session, ray_state$session)) {
    future_state$session <- ray_state$session
    future_state$jobs <- list()
  }
  for (known in future_state$jobs) {
    if (identical(known$template, template) && identical(known$options, options)) {
      return(known$job)
    }
  }
  evaluate <- at_home(function(...) home$run_future(template, ...))
  environment(evaluate) <- list2env(list(template = template), parent = baseenv())
  job <- ray_driver()$add_job(transport(ray_job(evaluate, globals = list(), packages = character())), options)
  future_state$jobs <- c(future_state$jobs, list(list(template = template, options = options, job = job)))
  job
}

# Before FutureBackend, getExpression() wraps the user's few words in 30 kB of code, which is the same for all futures of
# a kind: it is made and sent once, with a place for the words.
future_template <- function(future) {
  plan <- future::plan("list")
  settings <- options()
  kind <- list(
    future$stdout, future$conditions, future$packages, plan, settings[c("width", "mc.cores")],
    settings[startsWith(names(settings), "future.")]
  )
  if (!identical(future_state$kind, kind)) {
    like <- list2env(as.list(future, all.names = TRUE), parent = emptyenv())
    attributes(like) <- attributes(future)
    like$seed <- NULL # set apart
    future_state$template <- future::getExpression(like,
      expr = quote(.gangway_expression), immediateConditions = TRUE, mc.cores = 1L
    )
    future_state$kind <- kind
  }
  future_state$template
}

# The futures that are under way: their live conditions must find them, and free workers be counted.
launched <- new.env(parent = emptyenv())

forget_future <- function(future) {
  if (!is.null(launched[[future$live]])) rm(list = future$live, envir = launched)
}

# Futures of this connection whose tasks have not ended; those that have ended are collected, as other backends do.
running_futures <- function(seconds = 0) {
  futures <- Filter(function(f) identical(f$ref$session, ray_state$session), as.list(launched))
  if (length(futures) < length(launched)) rm(list = setdiff(names(launched), names(futures)), envir = launched)
  if (!length(futures)) {
    return(futures)
  }
  numbers <- vapply(futures, function(f) f$ref$number, 0L, USE.NAMES = FALSE)
  driver <- ray_driver()
  if (seconds > 0) driver$wait(numbers, 1L, seconds)
  done <- as.integer(driver$wait(numbers, length(numbers), 0))
  for (future in futures[done]) collect_future(future)
  futures[setdiff(seq_along(futures), done)]
}

# future() waits while all workers are busy.
make_room <- function(workers) {
  if (length(launched) >= workers) {
    while (length(running_futures(ray_look)) >= workers) hear_live_conditions()
  }
}

# ---- look and collect

future_is_done <- function(future) {
  if (future$state != "running" || !is.null(future$result)) {
    return(TRUE)
  }
  hear_live_conditions()
  length(ray_driver()$wait(future$ref$number, 1L, 0)) > 0L
}

collect_future <- function(future) {
  if (future$state %in% c("canceled", "interrupted")) {
    return(fail_future(future, "was cancelled", "FutureCanceledError"))
  }
  while (is.null(outcome <- outcomes(future$ref$number, ray_look))) hear_live_conditions()
  outcome <- outcome[[1L]]
  if (!is.null(outcome$failure)) {
    error <- ray_failure(outcome$failure, "task", "its task")
    forget_future(future)
    return(fail_future(future, paste0("has no result: ", conditionMessage(error)), "FutureError"))
  }
  relay(outcome$conditions) # output of a future with stdout = NA
  if (sum(future$heard) < outcome$value$sent) hear_live_conditions(now = TRUE)
  forget_future(future)
  result <- outcome$value$result
  if (inherits(result, "FutureError")) {
    future$state <- "failed"
  } else {
    future$state <- "finished"
  }
  future$result <- result
  future$ref <- NULL
  invisible(future)
}

fail_future <- function(future, what, class) {
  label <- if (is.null(future$label)) "<none>" else future$label
  make <- getNamespace("future")[[class]]
  future$result <- make(sprintf("A future ('%s') on Ray %s", label, what), future = future)
  if (future$state == "running") future$state <- "failed"
  invisible(future)
}

# Asked for with each of many futures, and it seldom changes.
cluster_cpus <- function() {
  driver <- ray_driver()
  time <- proc.time()[[3L]]
  if (!identical(ray_state$cpus_of, ray_state$session) || time - ray_state$cpus_at > 5) {
    ray_state$cpus <- driver$cpus()
    ray_state$cpus_of <- ray_state$session
    ray_state$cpus_at <- time
  }
  ray_state$cpus
}

ray_workers <- function(workers = NULL, cpus = 1, ...) {
  if (is.function(workers)) workers <- workers()
  if (is.null(workers)) {
    offered <- cluster_cpus()
    if (is.numeric(cpus) && cpus > 0) offered <- offered / cpus
    return(max(1L, as.integer(offered)))
  }
  if (!is.numeric(workers) || length(workers) != 1L || is.na(workers) || workers < 1) {
    ray_stop("argument", "plan(ray, workers = ) is a number from 1 on, or a function that gives one.")
  }
  as.integer(workers)
}

# ---- future's methods: common ones, those of future < 1.40 (its generics `run`, strategies), those of FutureBackend

resolved_ray_future <- function(x, run = TRUE, ...) {
  if (x$state == "created") {
    if (!isFALSE(run) && future::nbrOfFreeWorkers() > 0L) x <- future::run(x)
    return(FALSE)
  }
  if (!future_is_done(x)) {
    return(FALSE)
  }
  if (is.null(x$result)) collect_future(x)
  if (inherits(x$result, "FutureError")) {
    return(TRUE)
  }
  NextMethod() # signals what shall be heard early
}

result_ray_future <- function(future, ...) {
  if (future$state == "created") future <- future::run(future)
  if (is.null(future$result)) collect_future(future)
  if (inherits(future$result, "FutureError")) stop(future$result)
  future$result
}

run_ray_future <- function(future, ...) {
  if (future$state != "created") {
    stop(future::FutureError("A future can only be launched once.", future = future))
  }
  launch_future(future, future$options, future$workers)
}

ray_future <- function(..., options, workers, lazy = FALSE) {
  workers <- ray_workers(workers, options$cpus)
  future <- future::MultiprocessFuture(..., lazy = lazy, options = options, workers = workers)
  class(future) <- c("RayFuture", class(future))
  if (!lazy) future <- future::run(future)
  invisible(future)
}

# What plan() and tweak() have set in a strategy.
strategy_arguments <- function(evaluator) {
  set <- formals(evaluator)[attr(evaluator, "tweakable")]
  lapply(Filter(Negate(is.null), set), eval, baseenv())
}

new_ray_backend <- function(..., workers = NULL, cpus = 1, gpus = NULL, memory = NULL, resources = NULL,
                            max_retries = 3) {
  backend <- future::MultiprocessFutureBackend(...,
    workers = ray_workers(workers, cpus), options = ray_options(cpus, gpus, memory, resources, max_retries = max_retries),
    futures = launched
  )
  backend$futureClasses <- c("RayFuture", backend$futureClasses)
  structure(backend, class = c("RayFutureBackend", class(backend)))
}

list_ray_futures <- function(backend, ...) {
  futures <- unname(as.list(launched))
  data <- data.frame(
    counter = vapply(futures, function(f) as.integer(f$uuid[2L]), 0L),
    start = vapply(futures, function(f) if (is.null(f$start)) NA_real_ else f$start, 0),
    label = vapply(futures, function(f) if (is.null(f$label)) NA_character_ else f$label, ""),
    resolved = vapply(futures, future_is_done, NA)
  )
  data$future <- lapply(futures, list)
  data
}

free_workers <- function(workers) {
  cancel_orphans()
  max(0L, workers - length(running_futures()))
}

future_methods <- list(
  resolved = list(RayFuture = resolved_ray_future),
  result = list(RayFuture = result_ray_future),
  run = list(RayFuture = run_ray_future),
  nbrOfWorkers = list(
    ray = function(evaluator) do.call(ray_workers, strategy_arguments(evaluator)),
    RayFutureBackend = function(evaluator) evaluator$workers
  ),
  nbrOfFreeWorkers = list(
    ray = function(evaluator, background = FALSE, ...) free_workers(do.call(ray_workers, strategy_arguments(evaluator))),
    RayFutureBackend = function(evaluator, background = FALSE, ...) free_workers(evaluator$workers)
  ),
  launchFuture = list(RayFutureBackend = function(backend, future, ...) launch_future(future, backend$options, backend$workers)),
  interruptFuture = list(RayFutureBackend = function(backend, future, ...) {
    if (backend$interrupts && future$state == "running") {
      future$state <- "interrupted"
      ray_cancel(future$ref)
      forget_future(future)
    }
    future
  }),
  listFutures = list(RayFutureBackend = list_ray_futures),
  stopWorkers = list(RayFutureBackend = function(backend, interrupt = TRUE, ...) {
    if (interrupt) lapply(unname(running_futures()), future::cancel, interrupt = TRUE)
    TRUE # the cluster outlives a plan
  })
)

# When future is loaded, as NAMESPACE would do it for a package, but for the generics that this version of future has.
register_future_methods <- function(...) {
  future <- asNamespace("future")
  for (generic in intersect(names(future_methods), ls(future, all.names = TRUE))) {
    for (class in names(future_methods[[generic]])) {
      # A version with FutureBackend runs futures by its own run().
      if (generic == "run" && exists("launchFuture", future)) next
      registerS3method(generic, class, future_methods[[generic]][[class]], envir = future)
    }
  }
}

when_future_is_loaded <- function() {
  setHook(packageEvent("future", "onLoad"), register_future_methods)
  if (isNamespaceLoaded("future")) register_future_methods()
}
