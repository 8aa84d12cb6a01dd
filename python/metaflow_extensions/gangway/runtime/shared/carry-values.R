# Functions that use functions, wherever they are: in lists, attributes, slots, environments, in the code of formulas.

collect_value <- function(value, via, bag) {
  if (is.object(value)) via$to_run <- FALSE
  switch(typeof(value),
    closure = collect_closure(value, via, bag),
    environment = collect_environment(value, via, bag),
    list = collect_parts(unclass(value), via, bag),
    language = collect_code(value, via, bag),
    expression = collect_parts(as.list(value), via, bag),
    NULL
  )
  more <- attributes(value)
  if (length(more)) collect_parts(more[setdiff(names(more), harmless_attributes)], via, bag)
}

# Functions inside data are not read strictly: who knows in what they will be run.
collect_parts <- function(values, via, bag) {
  via$strict <- FALSE
  for (value in values[!holds_nothing(values)]) bag_push(bag, value, via)
}

# What a formula or a call names. A model keeps those that it was made with (`call`, `terms`), and its data as well; a
# call that a variable is, or a plain list of the script's holds, is there to be run.
collect_code <- function(code, via, bag) {
  env <- attr(code, ".Environment", exact = TRUE)
  via$strict <- FALSE
  via$soft <- isTRUE(via$soft) || !(is.environment(env) || isTRUE(via$to_run)) || inherits(code, "terms")
  if (!is.environment(env)) env <- globalenv()
  if (!is_script(env)) {
    return(invisible())
  }
  mark_frames(env, bag)
  collect_scan(scan_loose(code, env), env, via, bag)
}

collect_environment <- function(env, via, bag) {
  if (is_shared_environment(env) || was_here(bag$kept, env, via)) {
    return(invisible())
  }
  if (!is.null(bag$refuse) && inherits(env, c("gangway_self", "gangway_inputs"))) {
    if (!isTRUE(via$soft)) bag$refuse(via)
    return(invisible())
  }
  utils::sethash(bag$kept, env, via_name(via))
  if (inherits(env, "srcfile")) {
    return(invisible())
  }
  labels <- variables_of(env, bag)
  if (exists("...", envir = env, inherits = FALSE)) collect_dots("value", env, via, bag)
  around <- if (!has_key(bag$tables, env)) list(parent.env(env))
  collect_parts(c(lapply(labels, binding_value, env = env), around), via, bag)
  if (inherits(env, "R6ClassGenerator")) {
    for (name in all.vars(env$inherit)) collect_name(name, env$parent_env, FALSE, via, bag)
  }
}

# Whether the way to there has been gone. What was reached through nothing but its being there is gone through again
# when code names it: then it takes along more.
was_here <- function(table, key, via) {
  way <- utils::gethash(table, key)
  !is.null(way) && (way == "named" || isTRUE(via$soft))
}

via_name <- function(via) if (isTRUE(via$soft)) "spare" else "named"

# A table of S4 methods also has those of packages for the same generic, and hangs under the generic, which has them
# too.
variables_of <- function(env, bag) {
  labels <- ls(env, all.names = TRUE, sorted = FALSE)
  if (has_key(bag$tables, env)) labels <- Filter(function(label) is_script_function(env[[label]]), labels)
  labels
}

collect_closure <- function(f, via, bag) {
  env <- environment(f)
  if (is_shared_environment(env) && !is_script(env)) {
    return(invisible())
  }
  if (was_here(bag$seen, f, via)) {
    return(invisible())
  }
  utils::sethash(bag$seen, f, via_name(via))
  if (!is_script(env)) {
    return(collect_operator(env, via, bag))
  }
  if (isS4(f)) {
    via$strict <- FALSE
    bag_push(bag, env, via)
  }
  mark_frames(env, bag)
  # A function that no code names: what it uses is small and travels, or stays.
  if (isTRUE(via$soft) && identical(env, globalenv())) {
    return(invisible())
  }
  scan <- if (via$strict) scan_function(f) else known_scan(f)
  bag$dynamic <- bag$dynamic || (scan$dynamic && via$strict)
  bag$super <- union(bag$super, scan$super)
  bag$assigned <- union(bag$assigned, scan$assigned)
  collect_scan(scan, env, via, bag)
  if (via$strict) collect_missing(scan, env, via, bag)
}

# Reading code is what making a job costs most, and a script's functions are sent often. By their code, which is the
# same for all closures of one function, and holds nothing else alive.
known_scan <- function(f) {
  code <- body(f)
  if (!is.language(code) || is.symbol(code)) {
    return(scan_function(f))
  }
  known <- utils::gethash(scans$known, code)
  if (is.null(known) || !identical(known$formals, formals(f))) {
    if (utils::numhash(scans$known) > 1000L) scans$known <- utils::hashtab("address")
    known <- list(formals = formals(f), scan = scan_function(f))
    utils::sethash(scans$known, code, known)
  }
  known$scan
}
scans <- new.env(parent = emptyenv())
scans$known <- utils::hashtab("address")

# What a package's function has made of a function of the script, such as Vectorize(f): its frame is the package's
# business, and stays whole; what is in it is the script's.
collect_operator <- function(env, via, bag) {
  while (!is_shared_environment(env) && !was_here(bag$kept, env, via)) {
    collect_environment(env, via, bag)
    env <- parent.env(env)
  }
}

collect_scan <- function(scan, env, via, bag) {
  bag$called <- union(bag$called, names(scan$uses)[as.logical(scan$uses)])
  bag$strings <- union(bag$strings, scan$strings)
  bag$members <- union(bag$members, scan$members)
  bag$qualified <- union(bag$qualified, scan$qualified)
  for (name in names(scan$uses)) {
    collect_name(name, env, scan$uses[[name]], via, bag, read = name %in% scan$read, code = name %in% scan$captured)
  }
  if (!is.null(scan$dots)) collect_dots(scan$dots, env, via, bag)
  collect_strings(scan, env, via, bag)
}

#' Whether a function with that environment comes from the script, not from a package
#' @noRd
is_script <- function(env) {
  while (!is_shared_environment(env)) {
    if (!is.null(search_name(env))) {
      return(TRUE)
    }
    env <- parent.env(env)
  }
  identical(env, globalenv()) || is_own_namespace(env)
}

# Tests of flows run in the package's own namespace; so would a flow that the package made.
is_own_namespace <- function(env) isNamespace(env) && environmentName(env) == "gangway"

# The environments between a function and the global environment: what of them is used is found by name.
mark_frames <- function(env, bag) {
  while (!is_shared_environment(env) && is.null(search_name(env)) && !has_key(bag$frames, env)) {
    utils::sethash(bag$frames, env, TRUE)
    bag$homes <- c(bag$homes, list(env))
    env <- parent.env(env)
  }
}

collect_missing <- function(scan, env, via, bag) {
  for (name in names(scan$needed)) {
    mode <- if (scan$needed[[name]] == "function") "function" else "any"
    # What the package conflicted calls ambiguous exists.
    there <- tryCatch(exists(name, envir = env, mode = mode), error = function(e) TRUE)
    if (!there && !name %in% bag$known_elsewhere) {
      missing <- list(name = name, kind = scan$needed[[name]], owner = via$owner, fun = via$fun)
      bag$missing[[length(bag$missing) + 1L]] <- missing
    }
  }
}
