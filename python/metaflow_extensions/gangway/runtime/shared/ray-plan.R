# plan(ray) for both of future's interfaces. Up to 1.34 a strategy is a function that makes futures; since 1.40 it only
# names a FutureBackend, which launches them. What is common to them is in ray-future.R.

ray <- structure(
  at_home(function(..., workers = NULL, cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3) {
    home$ray_future(...,
      wanted = list(cpus, gpus, memory, resources, max_retries = max_retries), workers = workers
    )
  }),
  class = c("ray", "multiprocess", "future", "function"),
  init = TRUE,
  tweakable = c("workers", "cpus", "gpus", "memory", "resources", "max_retries"),
  factory = at_home(function(...) home$new_ray_backend(...))
)

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

ray_future <- function(..., wanted, workers, lazy = FALSE) {
  if (!identical(future_state$wanted, wanted)) {
    future_state$options <- do.call(ray_options, wanted)
    future_state$wanted <- wanted
  }
  options <- future_state$options
  more <- list(options = options, workers = ray_workers(workers, options$cpus), lazy = lazy)
  given <- list(...)
  if (is.null(given$calls)) {
    future <- do.call(future::MultiprocessFuture, c(given, more), quote = TRUE)
    class(future) <- c("RayFuture", class(future))
  } else {
    # Called by future's run(), which has a whole future and copies into it what this one has.
    given <- c(list(expr = given[[1L]]), given[-1L], more)
    future <- list2env(given[names(given) != "substitute"], parent = emptyenv())
    class(future) <- c("RayFuture", "MultiprocessFuture", "Future", "environment")
  }
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
  # Not with `::`: an older future does not have it.
  new_backend <- getExportedValue("future", "MultiprocessFutureBackend")
  backend <- new_backend(...,
    workers = ray_workers(workers, cpus),
    options = ray_options(cpus, gpus, memory, resources, max_retries = max_retries)
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
    ray = function(evaluator, ...) free_workers(do.call(ray_workers, strategy_arguments(evaluator))),
    RayFutureBackend = function(evaluator, ...) free_workers(evaluator$workers)
  ),
  launchFuture = list(RayFutureBackend = function(backend, future, ...) {
    launch_future(future, backend$options, backend$workers)
  }),
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
