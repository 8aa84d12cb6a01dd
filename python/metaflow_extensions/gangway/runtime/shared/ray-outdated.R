# Whether what a function uses is still what was sent with it. Asked before each call: what code names is compared by
# address, and what no code names only where code asks for names that reading it does not show.

#' Note what a function of ray_remote() has taken along
#' @param bag What carry() has found.
#' @noRd
watch_code <- function(remote, bag) {
  remote$watched <- watch_lookups(bag)
  values <- lapply(Filter(function(item) isFALSE(item$soft), bag$captured), function(item) item$value)
  values <- Filter(function(value) has_environments(value), values)
  remote$inside <- if (length(values)) watch_insides(values)
  remote$variables <- unique(c("TZ", bag$strings))
  remote$names <- names(globalenv())
  remote$asks_for_names <- asks_for_names(bag)
  remote$settings <- settings_now(remote$variables)
}

is_outdated <- function(remote) {
  !identical(settings_now(remote$variables), remote$settings) || have_changed(remote$watched) ||
    have_changed(remote$inside) || has_new_names(remote)
}

# The variables of each environment on the way from where code looks for names.
watch_lookups <- function(bag) {
  names <- utils::hashtab("address")
  note <- function(env, more) utils::sethash(names, env, unique(c(utils::gethash(names, env), more)))
  by_name <- asks_for_names(bag)
  utils::maphash(bag$looked, function(env, looked) {
    while (!is_shared_environment(env) && is.null(search_name(env))) {
      note(env, looked)
      env <- parent.env(env)
    }
    note(globalenv(), looked)
    for (attached in bag$search) note(attached, looked)
  })
  if (by_name) {
    note(globalenv(), setdiff(names(globalenv()), never_spare))
    utils::maphash(bag$need, note)
  }
  found <- list()
  utils::maphash(names, function(env, names) {
    if (identical(env, globalenv())) names <- quiet_names(names)
    found[[length(found) + 1L]] <<- watch_environment(env, names)
  })
  found
}

asks_for_names <- function(bag) any(lookup_functions %in% bag$called)

lookup_functions <- c(
  "get", "get0", "mget", "dynGet", "exists", "eval", "evalq", "eval.parent", "parse", "str2lang", "str2expression",
  "parse_expr", "parse_exprs", "parent.frame", "parent.env", "environment", "globalenv", "sys.function", "as.list",
  "as.environment", "topenv", "with", "match.fun", "do.call"
)

# Not those that run code when they are looked at.
quiet_names <- function(names) {
  here <- names[names %in% names(globalenv())]
  active <- vapply(here, bindingIsActive, NA, globalenv())
  here <- here[!active]
  setdiff(names, c(names[names %in% names(globalenv()) & !names %in% here], here[are_lazy(here, globalenv())]))
}

# What else a job brings. All of it is asked for in some 50 microseconds.
settings_now <- function(variables) {
  list(
    as.list(.Options), search(), getwd(), RNGkind(), Sys.getlocale(), Sys.getenv(variables, NA, names = FALSE),
    ray_state$everywhere, .libPaths(), script_methods(), s7_methods(), lapply(s4_tables(), insides)
  )
}

s4_tables <- function() {
  names <- names(globalenv())
  mget(names[startsWith(names, ".__")], globalenv())
}

# A function that was not there may be a method, or one that is found first.
has_new_names <- function(remote) {
  now <- names(globalenv())
  if (identical(now, remote$names)) {
    return(FALSE)
  }
  new <- now[!now %in% c(remote$names, never_spare)]
  remote$names <- now
  any(vapply(new, function(name) remote$asks_for_names || is.function(binding_value(name, globalenv())), NA))
}
