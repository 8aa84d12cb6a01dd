# What all jobs of a session take along though no code names it: its small data, functions, classes and methods. It
# seldom changes, so it is made once and sent with each job as the bytes that it is.

#' What jobs take along of the session as it is now
#'
#' @return A list: `key`, `bytes` (a parcel of nothing, with all that goes into the global environment), `other` (names
#'   of what each job looks at anew: what has changed since, and what may change without being assigned, environments
#'   and what has them), `gone` (names of what is there no more).
#' @noRd
world_for_jobs <- function(driver) {
  # The next cluster may be another machine's, which gets only what code names.
  now <- c(session_world(), near = is_near(driver))
  known <- ray_state$world
  changed <- if (!is.null(known)) changed_data(known$of$data, now$data)
  if (is.null(known) || length(changed) > most_changed || !same_world(known$of, now)) {
    known <- ray_state$world <- new_world(now)
    changed <- NULL
  }
  c(known[c("key", "bytes")], list(
    other = intersect(union(known$other, changed), names(now$data)),
    gone = setdiff(names(known$of$data), names(globalenv()))
  ))
}

# From so many changed variables on all is sent anew.
most_changed <- 30L

changed_data <- function(old, now) {
  names <- names(now)
  names[!vapply(names, function(name) is_same(now[[name]], old[[name]]), NA)]
}

new_world <- function(now) {
  policy <- job_policy
  policy$named_only <- !now$near
  other <- names(now$data)[vapply(now$data, may_change_inside, NA)]
  bag <- carry(list(), policy, never = other)
  values <- lapply(bag$captured, function(item) item$value)
  bytes <- write_parcel(NULL, bag, packages_of_classes(classes_in(values)))
  ray_state$worlds <- sum(ray_state$worlds, 1)
  list(of = now, key = paste(Sys.getpid(), ray_state$worlds), bytes = bytes, other = other)
}

# data.tables, too: their functions change them where they are.
may_change_inside <- function(value) {
  if (is.null(value) || (is.atomic(value) && is.null(attributes(value)))) {
    return(FALSE)
  }
  if (is.environment(value)) {
    return(TRUE)
  }
  seen <- references_in(value)
  seen$environments + seen$tables > 0
}

# Functions, options and the search path seldom change; data does.
session_world <- function() {
  names <- ls(globalenv(), all.names = TRUE)
  names <- names[!names %in% never_spare & !vapply(names, bindingIsActive, NA, globalenv())]
  names <- names[!are_lazy(names, globalenv())]
  values <- lapply(stats::setNames(nm = names), binding_value, globalenv(), no_value)
  s4 <- startsWith(names, ".__")
  of_functions <- vapply(values, is.function, NA) | s4
  list(
    functions = values[of_functions], data = values[!of_functions], search = search(), options = options(),
    tables = lapply(values[s4], insides), methods = table_sizes(), registered = script_methods(), s7 = s7_methods(),
    packages = packages_key(), locked = names[vapply(names, bindingIsLocked, NA, globalenv())]
  )
}

# The script's S4 and reference classes, generics and methods.
s4_now <- function() {
  names <- names(globalenv())
  found <- mget(names[startsWith(names, ".__")], globalenv())
  list(found, lapply(found, insides))
}

# What is in the environments of S4's tables of methods, and of reference classes, which change where they are.
insides <- function(x) {
  if (is.environment(x)) {
    as.list(x, all.names = TRUE)
  } else if (inherits(x, "refClassRepresentation")) {
    lapply(list(x@refMethods, x@fieldPrototypes), as.list, all.names = TRUE)
  }
}

same_world <- function(x, y) {
  for (part in setdiff(names(x), "data")) if (!identical(x[[part]], y[[part]])) return(FALSE)
  TRUE
}
