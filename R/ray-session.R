# Ray in a user's own R session: reticulate's Python joins a cluster, and R's functions for Ray (ray-*.R, which tasks
# and workers load too) talk to it through the same primitives as in a task.

#' Use Ray from this R session
#'
#' `ray_init()` starts a Ray cluster on this machine, or joins one; Ray's functions ([ray_map()], [ray_remote()] and
#' the others), `plan(ray)` and `registerDoRay()` then use it. In a step with `decorator("ray_parallel")` nothing
#' needs to be said: `ray_init()` does nothing there.
#'
#' @details The local cluster is closed to everybody else (a token that only this session knows, the loopback
#'   address). It ends with `ray_shutdown()` or with the R session, also when that is killed, and leaves no process
#'   and no folder.
#'
#' The Python is reticulate's, or the one of [gangway_python()] where reticulate has started none yet. It needs Ray
#' 2.52 or later.
#'
#' @param address `NULL` for a cluster on this machine; `"host:port"` of one that runs elsewhere. A closed one needs
#'   its token in the environment variables `RAY_AUTH_MODE` and `RAY_AUTH_TOKEN`, and its workers need gangway's
#'   Python package and R.
#' @param cpus,gpus,resources,object_store_memory What the local node offers: cores and GPUs (by default all that
#'   there are), a named list of custom resources, and megabytes of its object store.
#' @param everywhere A function without arguments that runs first in every worker process: it sets what lives inside
#'   packages and does not travel with code, as [everywhere()] does for a flow.
#' @return `ray_init()`: the cluster's nodes ([ray_nodes()]), invisibly. `ray_shutdown()`: nothing. References and
#'   actors are lost with the cluster.
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' ray_map(1:2, function(i) Sys.getpid() != i)
#' ray_shutdown()
#' @export
ray_init <- function(address = NULL, cpus = NULL, gpus = NULL, resources = NULL, object_store_memory = NULL,
                     everywhere = NULL) {
  check_everywhere(everywhere)
  if (!is.null(task_value("ray_driver")) || !is.null(session$ray)) {
    return(invisible(ray_nodes()))
  }
  local <- ray_python()
  on.exit(if (is.null(session$ray)) local$stop())
  if (is.null(address)) {
    options <- list(
      num_cpus = whole(cpus), num_gpus = whole(gpus), resources = as.list(resources),
      object_store_memory = whole(object_store_memory)
    )
    start_local(local, options)
  }
  ray_state$session <- uninterrupted(local$join)(address)
  ray_state$everywhere <- everywhere
  session$ray <- lapply(c(local$functions(), list(
    stop = local$stop,
    put_numbers = function(number, front, x, once = FALSE) {
      place <- .Call(numbers_of, x)
      if (!is.null(place)) local$put_numbers(number, front, place[1L], place[2L], once)
    },
    read_value = function(number, hook) {
      bytes <- local$value(number)
      read_bytes(as.numeric(strsplit(bytes$place, " ", fixed = TRUE)[[1L]]), bytes, hook)
    }
  )), uninterrupted)
  wait <- session$ray$wait
  session$ray$wait <- function(...) {
    done <- wait(...)
    .Call(take_interrupt)
    done
  }
  # Whether Python's threads run while R does, one of which sends short calls that wait for each other: reticulate gives
  # Python's lock up from 1.39 on (https://github.com/rstudio/reticulate/issues/1641).
  session$ray$threads_run <- utils::packageVersion("reticulate") >= "1.39"
  session$ray_process <- Sys.getpid()
  note_process()
  # Also when R ends; when it is killed the node notices.
  if (is.null(session$ray_end)) {
    session$ray_end <- new.env()
    reg.finalizer(session$ray_end, function(e) ray_shutdown(), onexit = TRUE)
  }
  if (is.null(address)) ready_workers()
  invisible(ray_nodes())
}

# The workers of a cluster of its own start R, and load what the session has attached, while the session does something
# else: one task for each core, and nobody waits for it. What fails there fails again where it is told.
ready_workers <- function() {
  nothing <- ray_remote(as.function(alist(NULL), globalenv()))
  for (core in seq_len(ray_driver()$cpus())) nothing()
}

# reticulate runs R code of its own around a call, and where a Ctrl-C ends that the session may crash. Calls are short,
# and the interrupt follows: at once after those that wait, where nothing is lost. By itself R looks once in a thousand
# steps of a loop, which took such a loop a minute.
uninterrupted <- function(f) {
  force(f)
  function(...) suspendInterrupts(f(...))
}

#' @rdname ray_init
#' @export
ray_shutdown <- function() {
  if (!is.null(session$ray) && session$ray_process == Sys.getpid()) {
    stop <- session$ray$stop
    forget_daemons()
    session$ray <- ray_state$session <- ray_state$everywhere <- NULL
    stop()
  }
  invisible()
}

# Whether there is a Python with Ray: what examples ask.
can_run_ray <- function() {
  tryCatch(
    {
      check_python(gangway_python(), ray = TRUE)
      TRUE
    },
    gangway_error = function(e) FALSE
  )
}

whole <- function(x) if (!is.null(x)) as.integer(x)

# Python's side, in reticulate's Python.
ray_python <- function() {
  start_python(ray = TRUE)
  sys <- reticulate::import("sys", convert = FALSE)
  if (!core_path() %in% reticulate::py_to_r(sys$path) && !probe_python(reticulate::py_to_r(sys$executable))$core) {
    sys$path$insert(0L, core_path())
  }
  reticulate::import("metaflow_extensions.gangway.ray_r.local")$session
}

# A raylet gives its agents 15 s to start, and ends on a machine that is too busy for that
# (https://github.com/ray-project/ray/issues/65983): the second time they are quicker.
start_local <- function(local, options) {
  state <- local_state(local, options)
  if (grepl("raylet", state, fixed = TRUE)) {
    local$stop()
    state <- local_state(local, options)
  }
  if (state != "up") {
    ray_stop("start", "The local Ray cluster does not start: ", state, ".")
  }
}

local_state <- function(local, options, timeout = 90) {
  local$start(options, as.list(python_env(reticulate::import("sys")$executable)))
  end <- Sys.time() + timeout
  while ((state <- local$state()) == "starting" && Sys.time() < end) Sys.sleep(0.05)
  if (state == "starting") paste("it is not up after", timeout, "seconds") else state
}

# The primitives: of the task where one runs, else of this session.
ray_driver <- function() {
  if (!is.null(session$ray)) {
    if (session$ray_process != Sys.getpid()) {
      ray_stop(
        "argument", "This is a child process that R code has forked (mclapply(), mcparallel(), plan(multicore), ...), ",
        "and Ray works only in the session that has called ray_init(). Let the child return its results, and use Ray ",
        "after."
      )
    }
    return(session$ray)
  }
  of_task <- task_value("ray_driver")
  if (is.null(of_task)) {
    ray_stop("argument", "This R session is in no Ray cluster: call ray_init() first, for a local one or to join one.")
  }
  of_task()
}

task_value <- function(name) {
  if (is_in_task()) get0(name, as.environment(task_environment), inherits = FALSE)
}
