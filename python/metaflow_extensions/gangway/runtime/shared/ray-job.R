# What a worker needs to call a function, sent once: the function with what it takes along (carry.R), the session's
# settings and libraries, and what is attached.

# Attached by R itself, or of use to whoever writes a script and not to a worker or a task.
not_attached <- c(
  "base", "methods", "datasets", "utils", "grDevices", "graphics", "stats", "gangway", "testthat", "devtools",
  "usethis", "pkgload", "roxygen2", "covr", "lintr", "styler", "devtools_shims"
)

#' A job as its bytes, or as the file that the driver has staged
#'
#' @param f The function.
#' @param constants Arguments that all calls share.
#' @param never Names that shall not travel.
#' @param look A function that is given what carry() has found.
#' @param ... More fields of the job.
#' @noRd
job_bytes <- function(f, driver, constants = list(), kind = "call", never = NULL, look = NULL, ...) {
  job <- list(kind = kind, f = without_source(f), constants = constants, ...)
  world <- look_again(world_for_jobs(driver))
  bag <- carry_job(f, constants, never, world, driver)
  if (!is.null(look)) look(bag)
  job$shared <- world$bytes
  job$shared_key <- world$key
  job$gone <- world$gone
  job$search <- search_plan(bag, not_attached)
  job$settings <- session_settings(bag$policy$named_only, bag$strings)
  job$process <- changed_process(bag$policy$named_only, bag$strings)
  job$everywhere <- ray_state$everywhere
  # Of a gang, what workers write to stderr() is in the task's log.
  job$tells <- kind != "future" && !"gangway:task" %in% search()
  values <- c(lapply(bag$captured, function(item) item$value), constants)
  packages <- packages_of_classes(classes_in(values))
  if (!length(packages_along()) && sum(vapply(values, utils::object.size, 0)) >= staged_size &&
    nzchar(path <- driver$stage())) {
    return(into_file(path, function(file) write_parcel(job, bag, packages, to = file, libraries = .libPaths())))
  }
  seal(write_parcel(job, bag, packages, libraries = .libPaths()))
}

carry_job <- function(f, constants, never, world, driver) {
  policy <- job_policy
  policy$named_only <- !is_near(driver)
  policy$globals <- world$other
  values <- c(list(f = f), constants, if (!is.null(ray_state$everywhere)) list(everywhere = ray_state$everywhere))
  labels <- names(values)
  labels[!nzchar(labels)] <- "an argument"
  roots <- Map(function(value, label) list(value = value, owner = "Code for Ray", fun = label), values, labels)
  # Near, what options need is in the world.
  look_again(carry(unname(roots), policy, never = never, refuse = refuse_self, options = policy$named_only))
}

# An argument whose code is running, and calls Ray, or has failed before, is looked at and left.
look_again <- function(expr) {
  withCallingHandlers(expr, warning = function(w) {
    if (identical(conditionMessage(w), promise_again)) tryInvokeRestart("muffleWarning")
  })
}

promise_again <- gettext("restarting interrupted promise evaluation", domain = "R")

refuse_self <- function(via) {
  ray_stop(
    "argument", via$fun, " takes `self` along, and there is no `self` in Ray's workers. Read what it needs before, ",
    "x <- self$x, and use x; or put the value in place: !!self$x in tidymodels' and dplyr's arguments."
  )
}

# Whether the cluster is all on this machine: what no code names never leaves it.
is_near <- function(driver) {
  if (is.null(ray_state$near) || !identical(ray_state$near_of, ray_state$session)) {
    ray_state$near <- isTRUE(driver$is_near())
    ray_state$near_of <- ray_state$session
  }
  ray_state$near
}
