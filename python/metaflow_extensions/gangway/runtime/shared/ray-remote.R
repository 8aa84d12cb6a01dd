# R functions as Ray tasks.

ray_remote <- function(f, cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3) {
  if (inherits(f, "gangway_remote")) f <- environment(f)$remote$f
  options <- ray_options(cpus, gpus, memory, resources, max_retries = max_retries)
  new_remote(as_callable(f), options)
}

# It finds ray_call() where it is sent to.
new_remote <- function(f, options) {
  remote <- new.env(parent = emptyenv())
  remote$f <- f
  remote$options <- options
  ray_state$remotes <- sum(ray_state$remotes, 1)
  remote$key <- paste(Sys.getpid(), ray_state$remotes)
  caller <- at_home(function(...) home$ray_call(remote, list(...)))
  environment(caller) <- list2env(list(remote = remote), parent = baseenv())
  structure(caller, class = "gangway_remote")
}

ray_options <- function(cpus, gpus, memory, resources, ...) {
  options <- list(cpus = cpus, gpus = gpus, memory = memory, resources = as.list(resources), ...)
  for (name in setdiff(names(options), "resources")) {
    value <- options[[name]]
    if (!is.null(value) && !(is.numeric(value) && length(value) == 1L && !is.na(value) && value >= -1)) {
      ray_stop("argument", "`", name, "` is one number, got ", deparse(value, nlines = 1L)[1L], ".")
    }
  }
  amounts <- options$resources
  if (length(amounts) && (is.null(names(amounts)) || !all(vapply(amounts, is.numeric, NA)))) {
    ray_stop("argument", "`resources` is a named list of amounts, list(special = 1).")
  }
  if (!length(amounts)) options$resources <- NULL
  Filter(Negate(is.null), options)
}

# A task that asks for more than any node has would wait without end.
check_resources <- function(driver, options) {
  lacking <- driver$lacking(options)
  if (nzchar(lacking)) {
    ray_stop("resources", "The task or actor would never start, no node has that: ", lacking, ". ray_nodes() and ",
      "ray_resources() show what there is.")
  }
}

as_callable <- function(f) if (inherits(f, "formula")) rlang::as_function(f) else match.fun(f)

# Sends the function at its first call, as what it uses may be defined after it, and anew when that has changed. What
# was sent is noted apart: a task that is given the function is not sent that.
ray_call <- function(remote, args) {
  driver <- ray_driver()
  sent <- ray_sent[[remote$key]]
  if (is.null(sent) || !identical(sent$session, ray_state$session) || look_again(is_outdated(sent))) {
    check_resources(driver, remote$options)
    if (is.null(sent)) reg.finalizer(remote, drop_remote)
    # Where the function cannot be sent, the next call tries again.
    ray_sent[[remote$key]] <- new <- new.env(parent = emptyenv())
    new$packages <- packages_key()
    bytes <- job_bytes(remote$f, driver, look = function(bag) {
      look_again(watch_code(new, remote$f, bag))
    })
    new$job <- driver$add_job(bytes, remote$options, driver$threads_run)
    new$session <- ray_state$session
    if (!is.null(sent)) drop_sent(sent)
    sent <- new
  }
  submit_call(driver, sent$job, args)
}

# By the key of their functions.
ray_sent <- new.env(parent = emptyenv())

drop_remote <- function(remote) {
  drop_sent(ray_sent[[remote$key]])
  if (!is.null(ray_sent[[remote$key]])) rm(list = remote$key, envir = ray_sent)
}

drop_sent <- function(sent) {
  if (identical(sent$session, ray_state$session)) ray_state$dropped_jobs <- c(ray_state$dropped_jobs, sent$job)
}

submit_call <- function(driver, job, args) {
  number <- ray_number()
  if (length(args) && any(vapply(args, needs_slot, NA))) {
    slotted <- with_slots(args, driver = driver)
    on.exit(driver$release(slotted$once))
    driver$submit(number, job, parcel(slotted$args, "argument"), slotted$needs)
  } else {
    driver$submit(number, job, parcel(args, "argument"))
  }
  new_ref(number, "the value of a task")
}

is_handle <- function(x) is.environment(x) && inherits(x, c("gangway_ref", "gangway_actor"))

needs_slot <- function(x) is_handle(x) || has_numbers(x)

# References and actors among arguments are replaced by their places among what the task needs.
#
# driver: puts large vectors of numbers into Ray's memory, from R's own, for this one call: `once` are their references,
# for the caller to release when the task is sent.
with_slots <- function(args, needs = integer(), driver = NULL) {
  for (i in which(vapply(args, is_handle, NA))) {
    x <- args[[i]]
    number <- if (is_ref(x)) ref_numbers(x, "A task") else -actor_number(x)
    if (!number %in% needs) needs <- c(needs, number)
    args[[i]] <- structure(match(number, needs), class = "gangway_slot")
  }
  if (any(needs > 0L)) await_shared(needs[needs > 0L])
  once <- integer()
  for (i in if (!is.null(driver)) which(vapply(args, has_numbers, NA))) {
    number <- ray_number()
    if (is.null(driver$put_numbers(number, front_of(args[[i]]), args[[i]], TRUE))) next
    once <- c(once, number)
    needs <- c(needs, number)
    args[[i]] <- structure(length(needs), class = "gangway_slot")
  }
  list(args = args, needs = needs, once = once)
}

# Short calls share tasks: what one gives is an object of its own once that has ended.
await_shared <- function(numbers) {
  while (length(waiting <- as.integer(ray_driver()$shared(numbers)))) await(waiting, length(waiting))
}

print.gangway_remote <- function(x, ...) {
  options <- environment(x)$remote$options
  shown <- vapply(options, function(option) paste(format(option), collapse = ", "), "")
  cat("<remote function: ", paste(names(options), shown, sep = " = ", collapse = ", "), ">\n", sep = "")
  invisible(x)
}
