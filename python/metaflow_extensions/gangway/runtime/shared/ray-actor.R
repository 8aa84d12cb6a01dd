# R objects that live on the cluster: an environment or R6 object in a process of its own, whose functions are called
# from here, one after the other in the order of the calls.

ray_actor <- function(x, ..., cpus = NULL, gpus = NULL, memory = NULL, resources = NULL, max_restarts = 0,
                      max_task_retries = 0) {
  options <- ray_options(cpus, gpus, memory, resources,
    max_restarts = max_restarts, max_task_retries = max_task_retries
  )
  args <- list(...)
  instance_of <- function(generator, ...) generator$new(...)
  itself <- function(object) object
  if (is.environment(x) && inherits(x, "R6ClassGenerator")) {
    make <- instance_of
    args <- c(list(x), args)
  } else if (is.function(x)) {
    make <- x
  } else if (is.environment(x)) {
    if (length(args)) {
      ray_stop("argument", "ray_actor(): further arguments are for a function or an R6 class that makes the object.")
    }
    make <- itself
    args <- list(x)
  } else {
    ray_stop(
      "argument", "ray_actor() takes an environment, an R6 object, an R6 class, or a function that makes one; got ",
      class(x)[1L], "."
    )
  }
  driver <- ray_driver()
  check_resources(driver, options)
  gc(verbose = FALSE) # ends the actors that nobody holds any more, and frees what they have taken
  release_dropped(driver)
  number <- ray_number()
  slotted <- with_slots(args)
  job <- driver$add_job(job_bytes(make, driver), list())
  on.exit(driver$drop_jobs(job))
  driver$make_actor(
    number, job, parcel(slotted$args, "the object"), if (length(slotted$needs)) slotted$needs, options
  )
  new_actor(number, actor_label(x))
}

actor_label <- function(x) {
  if (inherits(x, "R6ClassGenerator")) x$classname else if (is.function(x)) "made by a function" else class(x)[1L]
}

new_actor <- function(number, label = "an actor") {
  actor <- new.env(hash = FALSE, parent = emptyenv())
  actor$number <- number
  actor$session <- ray_state$session
  actor$label <- label
  reg.finalizer(actor, function(actor) {
    if (identical(actor$session, ray_state$session)) ray_state$dropped <- c(ray_state$dropped, -actor$number)
  })
  class(actor) <- "gangway_actor"
  actor
}

actor_number <- function(actor) {
  number <- .subset2(actor, "number")
  ray_driver()
  if (!identical(.subset2(actor, "session"), ray_state$session)) {
    ray_stop(
      "lost", "An actor (", .subset2(actor, "label"), ") is known only where it was made, while that cluster is up. ",
      "Give it to a task as an argument of its own, f(actor)."
    )
  }
  number
}

# actor$method(...) gives a reference; of what is no function the value.
actor_method <- function(x, name) {
  force(x)
  force(name)
  function(...) {
    driver <- ray_driver()
    actor <- actor_number(x)
    release_dropped(driver)
    number <- ray_number()
    slotted <- with_slots(list(...), driver = driver)
    on.exit(driver$release(slotted$once))
    driver$call_actor(number, actor, name, parcel(slotted$args, name), if (length(slotted$needs)) slotted$needs)
    new_ref(number, paste0("the value of $", name, "() of an actor"), actor = x)
  }
}

format.gangway_actor <- function(x, ...) paste0("<actor ", .subset2(x, "number"), ": ", .subset2(x, "label"), ">")

print.gangway_actor <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

`$.gangway_actor` <- function(x, name) actor_method(x, name)

`[[.gangway_actor` <- function(x, i) actor_method(x, i)
