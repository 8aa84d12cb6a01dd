# A worker is after a task what it was before it, and after a job what it was before that.

#' What a process is like, as far as jobs can change it
#' @noRd
process_state <- function() {
  list(
    search = search(), options = options(), unsorted = as.list(.Options), libraries = .libPaths(),
    folder = getwd(), variables = Sys.getenv(), rng = RNGkind(), tables = table_sizes(),
    devices = grDevices::dev.list(), locale = Sys.getlocale(), umask = Sys.umask(NA),
    hooks = as.list(user_hooks, all.names = TRUE), palette = grDevices::palette()
  )
}

#' Make the process what it was
#'
#' Called after each call: what is dear to ask for is asked in a cheaper form first.
#' @param state What process_state() gave.
#' @param variables Whether environment variables may have changed.
#' @noRd
restore_state <- function(state, variables = TRUE) {
  if (!identical(search(), state$search)) restore_search(state$search)
  if (!identical(.libPaths(), state$libraries)) .libPaths(state$libraries)
  if (!identical(as.list(.Options), state$unsorted) && !identical(now <- options(), state$options)) {
    restore_options(now, state$options)
  }
  if (!identical(getwd(), state$folder)) try(setwd(state$folder), silent = TRUE)
  if (variables && !identical(now <- Sys.getenv(), state$variables)) restore_variables(now, state$variables)
  if (!identical(RNGkind(), state$rng)) suppressWarnings(do.call(RNGkind, as.list(state$rng)))
  if (!identical(Sys.getlocale(), state$locale)) restore_locale(state$locale)
  # .Devices would do, but that R changes it where it is.
  for (device in setdiff(grDevices::dev.list(), state$devices)) grDevices::dev.off(device)
  restore_replaced()
  if (!identical(table_sizes(), state$tables)) forget_methods()
  if (!identical(Sys.umask(NA), state$umask)) Sys.umask(state$umask)
  if (!identical(grDevices::palette(), state$palette)) grDevices::palette(state$palette)
  if (!identical(now <- as.list(user_hooks, all.names = TRUE), state$hooks)) restore_hooks(now, state$hooks)
  setTimeLimit()
  setSessionTimeLimit()
  restore_bindings()
  if (isNamespaceLoaded("S7")) forget_s7_methods()
}

restore_search <- function(wanted) {
  for (entry in setdiff(search(), wanted)) detach(entry, character.only = TRUE, force = TRUE)
  for (entry in rev(setdiff(wanted, search()))) {
    # A job has detached what it needs: it is attached again, if it is a package.
    if (startsWith(entry, "package:")) attach_package(substring(entry, 9L), NULL, match(entry, wanted))
  }
}

# What a package sets when it is loaded stays, as it set it: it is not loaded again.
restore_options <- function(now, wanted) {
  mine <- setdiff(names(now), names(wanted))
  values <- stats::setNames(vector("list", length(mine)), mine)
  kept <- intersect(mine, names(worker$of_packages))
  values[kept] <- worker$of_packages[kept]
  options(c(wanted, values))
}

# Lets all packages that can be loaded note what they set then.
watch_packages <- function() {
  for (library in setdiff(.libPaths(), worker$watched)) {
    worker$watched <- c(worker$watched, library)
    for (package in list.files(library)) setHook(packageEvent(package, "onLoad"), note_options_of)
  }
}

note_options_of <- function(package, ...) {
  now <- options()
  new <- setdiff(names(now), c(worker$options_before, names(worker$of_packages)))
  if (!length(new)) {
    return(invisible())
  }
  mine <- vapply(new, is_package_option, NA, package)
  seen <- new %in% worker$options_seen
  # All of a package's code takes as long as to load it. What was there when another package was loaded, such as what
  # future sets around each of its futures, is rarely this one's.
  namespace <- asNamespace(package)
  if (any(look <- !mine & !seen)) mine[look] <- are_in_code(new[look], as.list(namespace, all.names = TRUE))
  if (any(look <- !mine & seen)) mine[look] <- are_in_code(new[look], list(namespace$.onLoad))
  worker$of_packages[new[mine]] <- now[new[mine]]
  if (!is_in_hook()) worker$options_seen <- c(worker$options_seen, new[!mine & !seen])
}

# Whether this package is loaded by the .onLoad() of another, which may have set options before.
is_in_hook <- function() {
  any(vapply(sys.calls(), function(call) identical(call[[1L]], quote(runHook)), NA))
}

with_options_now <- function(state) {
  state$options <- options()
  state$unsorted <- as.list(.Options)
  state
}

# Whether texts stand in the code of functions of a namespace.
are_in_code <- function(texts, values) {
  code <- serialize(Filter(is.function, values), NULL, xdr = FALSE)
  vapply(texts, function(text) length(grepRaw(text, code, fixed = TRUE)) > 0L, NA)
}

# Of the form "LC_CTYPE=C.UTF-8;LC_NUMERIC=C;...", or one name for all; some categories are told and cannot be set.
restore_locale <- function(locale) {
  parts <- strsplit(strsplit(locale, ";", fixed = TRUE)[[1L]], "=", fixed = TRUE)
  for (part in parts) {
    category <- if (length(part) == 1L) "LC_ALL" else part[[1L]]
    try(suppressWarnings(Sys.setlocale(category, part[[length(part)]])), silent = TRUE)
  }
}

user_hooks <- get(".userHooksEnv", baseenv())

# Those of packages, which set them when they are loaded, stay.
restore_hooks <- function(now, wanted) {
  for (name in union(names(now), names(wanted))) {
    if (identical(now[[name]], wanted[[name]])) next
    of_packages <- Filter(function(hook) !is_script_function(hook), setdiff(now[[name]], wanted[[name]]))
    setHook(name, c(wanted[[name]], of_packages), "replace")
  }
}

# ---- what is locked: trace(), assignInNamespace() and mocks replace functions of packages by unlocking them, and code
# may do the same to what base has. Data of packages is theirs: some change it as they run.

watch_unlocking <- function() {
  instead_of_base("unlockBinding", function(original) {
    function(sym, env) {
      note_binding(as.character(sym), env)
      original(sym, env)
    }
  })
  instead_of_base("lockEnvironment", function(original) {
    function(env, bindings = FALSE) {
      if (identical(env, globalenv())) {
        stop("The global environment of Ray's workers cannot be locked: other jobs need it.", call. = FALSE)
      }
      original(env, bindings)
    }
  })
  instead_of_base("registerS3method", function(original) {
    function(genname, class, method, envir = parent.frame()) {
      note_registration(paste(genname, class, sep = "."))
      original(genname, class, method, envir)
    }
  })
}

# Functions of base that change what no restoring finds.
instead_of_base <- function(name, make) {
  original <- get(name, baseenv())
  unlock(name, baseenv())
  assign(name, make(original), baseenv())
  lockBinding(name, baseenv())
}

# A method of a package's that a call replaces by one of its own.
note_registration <- function(key) {
  if (is_loading()) {
    return(invisible())
  }
  for (table in Filter(function(table) key %in% names(table), unname(tables$all))) {
    if (!is_script_function(table[[key]])) {
      worker$replaced <- c(worker$replaced, list(list(key = key, table = table, method = table[[key]])))
    }
  }
}

restore_replaced <- function() {
  for (one in rev(worker$replaced)) {
    if (is_script_function(one$table[[one$key]])) assign(one$key, one$method, envir = one$table)
  }
  worker$replaced <- NULL
}

note_binding <- function(name, env) {
  base <- identical(env, baseenv()) || identical(env, .BaseNamespaceEnv)
  if (!is_shared_environment(env) || identical(env, globalenv()) || bindingIsActive(name, env) || is_loading()) {
    return(invisible())
  }
  value <- get(name, envir = env, inherits = FALSE)
  if (base || is.function(value)) {
    methods <- Filter(function(table) name %in% names(table), unname(tables$all))
    worker$unlocked <- c(worker$unlocked, list(list(
      name = name, env = env, value = value, methods = lapply(methods, function(table) list(table, table[[name]]))
    )))
  }
}

# What a package replaces when it is loaded, or is replaced in it then, stays as the package does.
is_loading <- function() {
  any(vapply(seq_len(sys.nframe()), function(i) identical(sys.function(i), loadNamespace), NA))
}

# From the last to the first: the first has what was there before all of them.
restore_bindings <- function() {
  for (one in rev(worker$unlocked)) {
    if (bindingIsLocked(one$name, one$env)) unlock(one$name, one$env)
    assign(one$name, one$value, envir = one$env)
    lockBinding(one$name, one$env)
    for (method in one$methods) assign(one$name, method[[2L]], envir = method[[1L]])
  }
  worker$unlocked <- NULL
}

restore_variables <- function(now, wanted) {
  changed <- names(wanted)[!names(wanted) %in% names(now) | unclass(wanted) != now[names(wanted)]]
  changed <- changed[!is.na(changed)]
  if (length(changed)) do.call(Sys.setenv, as.list(unclass(wanted)[changed]))
  Sys.unsetenv(setdiff(names(now), names(wanted)))
}

# S3 methods that a task has registered, by code of its own: packages that were loaded have theirs in a namespace.
forget_methods <- function() {
  mine <- unlist(lapply(worker$world$parts, function(part) lapply(part$registered, function(method) method$key)))
  for (method in script_methods()) {
    if (!method$key %in% mine) rm(list = method$key, envir = methods_table(asNamespace(method$namespace)))
  }
}

# The same of S7's tables, where a task may also have replaced a method of its job.
forget_s7_methods <- function() {
  registered <- do.call(c, lapply(worker$world$parts, `[[`, "registered"))
  mine <- as.list(Filter(function(method) !is.null(method$s7), registered))
  names(mine) <- vapply(mine, `[[`, "", "key")
  for (method in s7_methods()) {
    own <- mine[[method$key]]
    if (is.null(own)) unregister_s7(method) else if (!identical(own$method, method$method)) register_s7(own)
  }
}

# ---- the global environment

#' Have in the global environment what the session's jobs share
#' @noRd
enter_world <- function(key, parts) {
  if (identical(worker$world$key, key)) {
    return(invisible())
  }
  leave_world()
  for (i in seq_along(parts)) {
    parts[[i]]$registered <- lapply(parts[[i]]$registered, with_predecessor)
    settle(parts[[i]])
  }
  names <- ls(globalenv(), all.names = TRUE)
  restored <- lapply(parts, function(part) {
    # S4's tables stay as they are.
    part$globals <- part$globals[!startsWith(as.character(names(part$globals)), ".__")]
    part
  })
  worker$world <- list(
    key = key, parts = parts, names = names, has_s4 = any(startsWith(names, ".__")), s4 = s4_now(),
    restored = Filter(has_globals, restored)
  )
  worker$base$tables <- table_sizes()
}

leave_world <- function() {
  world <- worker$world
  if (is.null(world)) {
    return(invisible())
  }
  if (world$has_s4) attach_s4(world$names, FALSE)
  rm(list = ls(globalenv(), all.names = TRUE), envir = globalenv())
  rm(list = ls(left_here, all.names = TRUE), envir = left_here)
  for (part in world$parts) {
    for (method in part$registered) if (isNamespaceLoaded(method$namespace)) unregister_method(method)
  }
  worker$world <- NULL
  worker$base$tables <- table_sizes()
}

restore_world <- function() {
  if (!is.null(worker$world) && !identical(s4_now(), worker$world$s4)) forget_s4()
  remove_others(worker$world$names, globalenv())
  for (part in worker$world$restored) settle_globals(part)
}

# A call has changed classes or methods of S4 where they are, which all that was opened here shares.
forget_s4 <- function() {
  worker$world$has_s4 <- TRUE
  leave_world()
  worker$jobs <- worker$worlds <- list()
  py$forget_job()
}

has_globals <- function(part) length(part$globals) + length(part$active) + length(part$left) > 0L

# %in% and names(), for setdiff() and ls() take three times as long.
remove_others <- function(names, env) {
  here <- names(env)
  others <- here[!here %in% names]
  if (length(others)) rm(list = others, envir = env)
}

#' Give the global environment, and the environments that came with the job, what the job has in them, and nothing else
#' @noRd
restore_globals <- function(job) {
  restore_world()
  forget_globals(job$gone)
  for (part in job$around) if (has_globals(part)) settle_globals(part)
  for (piece in job$restored) {
    remove_others(piece$names, piece$env)
    if (length(piece$values)) list2env(piece$values, piece$env)
  }
}

# What each environment that came with a job is after a call.
environments_to_restore <- function(made) {
  made <- Filter(function(piece) !is.null(piece$contents), made)
  lapply(unname(made), function(piece) {
    contents <- piece$contents
    list(
      env = piece$env, values = contents$values[setdiff(names(contents$values), contents$fixed)],
      names = c(names(contents$values), names(contents$active), names(contents$left), names(contents$lazy), "...")
    )
  })
}

# What a table of methods has before a job's method comes.
with_predecessor <- function(method) {
  if (!is.null(method$s7)) {
    method$before <- if (isNamespaceLoaded("S7")) s7_table(method$s7)[[method$s7[length(method$s7)]]]
    return(method)
  }
  method$before <- if (isNamespaceLoaded(method$namespace)) methods_table(asNamespace(method$namespace))[[method$key]]
  method
}

unregister_method <- function(method) {
  if (!is.null(method$s7)) {
    return(unregister_s7(method))
  }
  table <- methods_table(asNamespace(method$namespace))
  if (is.null(method$before)) rm(list = method$key, envir = table) else assign(method$key, method$before, envir = table)
}
