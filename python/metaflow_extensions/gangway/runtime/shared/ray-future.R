# Futures as tasks on Ray: how they are launched, looked at and collected. plan(ray) itself is in ray-plan.R.

launch_future <- function(future, options, workers) {
  cancel_orphans()
  make_room(workers)
  key <- immediate_key()
  # A FutureBackend's expression holds the globals and is short.
  template <- if (is.null(future$backend)) future_template(future)
  job <- future_job(template, options)
  around <- changed_globals(job$world)
  future$globals <- without_origins(future$globals)
  arguments <- if (is.null(template)) {
    list(key, future::getExpression(future, mc.cores = 1L), around)
  } else {
    list(key, future$expr, around, as.list(future$globals), future$seed)
  }
  future$ref <- submit_call(ray_driver(), job$number, arguments)
  future$conditions_key <- key
  future$state <- "running"
  assign(key, future, envir = launched)
  watch_caller(future)
  invisible(future)
}

# Globals also hold the environments that they were found in, with all that is there: the frame of a function, what a
# package imports. Workers only ask whether that is one of the two that stay.
without_origins <- function(globals) {
  origins <- attr(globals, "where", exact = TRUE)
  if (length(origins)) {
    attr(globals, "where") <- lapply(origins, function(env) {
      if (identical(env, emptyenv()) || identical(env, globalenv())) env else baseenv()
    })
  }
  globals
}

future_state <- new.env(parent = emptyenv())

# The job that evaluates futures with this template and these options, and the session's functions, classes, methods,
# settings and packages as they are now: a list of its `number`, and `world`.
future_job <- function(template, options) {
  world <- session_world()
  if (!identical(future_state$session, ray_state$session)) {
    future_state$session <- ray_state$session
    future_state$jobs <- list()
  }
  for (known in future_state$jobs) {
    if (identical(known$template, template) && identical(known$options, options) && same_world(known$world, world)) {
      return(known)
    }
  }
  evaluate <- at_home(function(...) {
    if (is.raw(template)) template <<- home$open_template(template)
    home$run_future(template, ...)
  })
  environment(evaluate) <- list2env(list(template = template), parent = baseenv())
  driver <- ray_driver()
  check_resources(driver, options)
  job <- list(template = template, options = options, world = world)
  job$number <- driver$add_job(job_bytes(evaluate, driver, kind = "future"), options)
  # Futures that are under way hold theirs.
  old <- vapply(future_state$jobs, function(known) identical(known$template, template), NA)
  for (known in future_state$jobs[old]) driver$drop_jobs(known$number)
  future_state$jobs <- c(future_state$jobs[!old], list(job))
  job
}

# list(values =, left =, gone =): variables of the global environment that are not as they were.
changed_globals <- function(world) {
  now <- session_world()$data
  changed <- changed_data(world$data, now)
  gone <- setdiff(names(world$data), names(now))
  if (!length(changed) && !length(gone)) {
    return(NULL)
  }
  policy <- job_policy
  policy$named_only <- !is_near(ray_driver())
  bag <- new_bag(policy)
  for (name in changed) {
    collect_spare(name, globalenv(), TRUE, NULL, list(owner = "A future", fun = "it", soft = TRUE), bag)
  }
  list(values = bag_globals(bag), left = bag$left, gone = gone)
}

# Before FutureBackend, getExpression() wraps the user's few words in 30 kB of code, which is the same for all futures
# of a kind: it is made once, with a place for the words.
future_template <- function(future) {
  plan <- future::plan("list")
  settings <- options()
  kind <- list(
    future$stdout, future$conditions, future$packages, future$local, future$split, plan,
    settings[c("width", "mc.cores")],
    settings[startsWith(names(settings), "future.")]
  )
  if (!identical(future_state$kind, kind)) {
    like <- list2env(as.list(future, all.names = TRUE), parent = emptyenv())
    attributes(like) <- attributes(future)
    like$seed <- NULL # set apart
    template <- future::getExpression(like,
      expr = quote(.gangway_expression), immediateConditions = TRUE, mc.cores = 1L
    )
    # 5 kB, which travel with each task at less cost than a reference to 30 kB.
    future_state$template <- memCompress(transport(lighter(template)), "gzip")
    future_state$kind <- kind
  }
  future_state$template
}

# A template without two costly things that are done for each future anew: to look whether the worker has a version of
# future from this decade, and to set the plan for futures within, and another one at the end. `use_plan()` sets it.
lighter <- function(template) {
  plans <- 0L
  walk <- function(code) {
    if (!is.call(code)) {
      return(code)
    }
    if (identical(code[[1L]], quote(future::plan))) {
      plans <<- plans + 1L
      return(if (plans == 1L) as.call(list(use_plan, code[[2L]])))
    }
    if (identical(code[[1L]], quote(base::local)) && "has_future" %in% all.names(code)) {
      return(NULL)
    }
    for (i in seq_along(code)) {
      part <- code[[i]]
      if (is.call(part)) code[i] <- list(walk(part))
    }
    code
  }
  walk(template)
}

# The futures that are under way: their immediate conditions must find them, and free workers be counted.
launched <- new.env(parent = emptyenv())

forget_future <- function(future) {
  if (!is.null(launched[[future$conditions_key]])) rm(list = future$conditions_key, envir = launched)
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
    while (length(running_futures(ray_look)) >= workers) relay_immediate_conditions()
  }
}

# ---- look and collect

future_is_done <- function(future) {
  if (future$state != "running" || !is.null(future$result)) {
    return(TRUE)
  }
  relay_immediate_conditions()
  length(ray_driver()$wait(future$ref$number, 1L, 0)) > 0L
}

collect_future <- function(future) {
  if (future$state %in% c("canceled", "interrupted")) {
    forget_future(future)
    return(fail_future(future, "was cancelled", "FutureCanceledError"))
  }
  while (is.null(outcome <- outcomes(future$ref$number, ray_look))) relay_immediate_conditions()
  outcome <- outcome[[1L]]
  if (!is.null(outcome$failure)) {
    error <- ray_failure(outcome$failure, "task", "its task")
    forget_future(future)
    return(fail_future(future, paste0("has no result: ", conditionMessage(error)), "FutureError"))
  }
  relay(outcome$conditions) # output of a future with stdout = NA
  if (sum(future$heard) < outcome$value$sent) relay_immediate_conditions(now = TRUE)
  forget_future(future)
  future$result <- outcome$value$result
  future$state <- if (inherits(future$result, "FutureError")) "failed" else "finished"
  future$ref <- NULL
  invisible(future)
}

fail_future <- function(future, what, class) {
  label <- if (is.null(future$label)) "<none>" else future$label
  make <- getNamespace("future")[[class]]
  if (is.null(make)) make <- future::FutureError
  future$result <- make(sprintf("A future ('%s') on Ray %s", label, what), future = future)
  if (future$state == "running") future$state <- "failed"
  invisible(future)
}
