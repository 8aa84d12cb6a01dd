# R functions as Ray tasks.

ray_remote <- function(f, cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3) {
  if (inherits(f, "gangway_remote")) f <- environment(f)$remote$f
  options <- ray_options(cpus, gpus, memory, resources, max_retries = max_retries)
  new_remote(as_callable(f), options)
}

# A function that finds ray_call() again where it is sent to.
new_remote <- function(f, options, call = ray_call) {
  remote <- new.env(parent = emptyenv())
  remote$f <- f
  remote$options <- options
  caller <- function(...) {
    if (is.null(call)) call <<- get("ray_call", as.environment("gangway:task"))
    call(remote, list(...))
  }
  environment(caller) <- list2env(list(remote = remote, call = call), parent = baseenv())
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

# Sends the function once for each connection, at the first call: what it uses may be defined after it.
ray_call <- function(remote, args) {
  driver <- ray_driver()
  if (!identical(remote$session, ray_state$session)) {
    check_resources(driver, remote$options)
    remote$job <- driver$add_job(transport(ray_job(remote$f)), remote$options)
    remote$session <- ray_state$session
  }
  submit_call(driver, remote$job, args)
}

# The one call that does all: F's backends use it.
ray_submit <- function(f, args = list(), globals = NULL, packages = NULL, options = list()) {
  driver <- ray_driver()
  job <- driver$add_job(transport(ray_job(f, globals = globals, packages = packages)), options)
  submit_call(driver, job, args)
}

submit_call <- function(driver, job, args) {
  number <- ray_number()
  if (length(args) && any(vapply(args, is_handle, NA))) {
    slotted <- with_slots(args)
    driver$submit(number, job, transport(slotted$args), slotted$needs)
  } else {
    driver$submit(number, job, transport(args))
  }
  new_ref(number, "the value of a task")
}

is_handle <- function(x) is.environment(x) && inherits(x, c("gangway_ref", "gangway_actor"))

# References and actors among arguments are replaced by their places among what the task needs.
with_slots <- function(args, needs = integer()) {
  for (i in which(vapply(args, is_handle, NA))) {
    x <- args[[i]]
    number <- if (is_ref(x)) ref_numbers(x, "A task") else -actor_number(x)
    if (!number %in% needs) needs <- c(needs, number)
    args[[i]] <- structure(match(number, needs), class = "gangway_slot")
  }
  list(args = args, needs = needs)
}

# Attached by R itself, or of use to whoever writes a script and not to a worker.
ray_not_attached <- c(
  "base", "methods", "datasets", "utils", "grDevices", "graphics", "stats", "gangway", "testthat", "devtools",
  "usethis", "pkgload", "roxygen2", "covr", "lintr", "styler", "devtools_shims"
)

# What a worker needs to call f. With `globals` given, f takes nothing else along.
ray_job <- function(f, constants = list(), globals = NULL, packages = NULL, kind = "call") {
  carried <- if (is.null(globals)) carry(f) else list(f = f, globals = globals)
  attached <- sub("^package:", "", grep("^package:", search(), value = TRUE))
  if (is.null(packages)) packages <- rev(setdiff(attached, ray_not_attached))
  list(
    kind = kind, f = carried$f, globals = carried$globals, constants = constants, lib_paths = .libPaths(),
    packages = packages
  )
}

print.gangway_remote <- function(x, ...) {
  options <- environment(x)$remote$options
  shown <- vapply(options, function(option) paste(format(option), collapse = ", "), "")
  cat("<remote function: ", paste(names(options), shown, sep = " = ", collapse = ", "), ">\n", sep = "")
  invisible(x)
}
