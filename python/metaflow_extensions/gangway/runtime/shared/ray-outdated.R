# Whether what a function uses is still what was sent with it. Asked before each call: what code names is compared by
# address, and what no code names only where code asks for names that reading it does not show.

#' Note what a function of ray_remote() has taken along
#' @param sent An environment, for what is noted.
#' @param f The function.
#' @param bag What carry() has found.
#' @noRd
watch_code <- function(sent, f, bag) {
  values <- lapply(Filter(function(item) isFALSE(item$soft), bag$captured), function(item) item$value)
  named <- lapply(Filter(function(global) !global$soft, bag$globals), function(global) global$value)
  functions <- c(list(f), Filter(is.function, named))
  called <- c(bag$called, bag$qualified)
  options <- Filter(may_change_inside, session_settings()$options)
  names <- names(globalenv())
  sent$names <- names
  # A function that an option is uses what no code shows.
  sent$any_name <- any(lookup_functions %in% called) || any(vapply(options, is.function, NA))
  hung <- unlist(lapply(functions, hung_on), recursive = FALSE)
  with_environments <- c(Filter(may_change_inside, values), options, hung)
  if (sent$any_name) {
    with_environments <- c(with_environments, mget(intersect(ray_state$world$other, names), envir = globalenv()))
  }
  sent$inside <- if (length(with_environments)) watch_insides(with_environments)
  sent$has_tables <- has_tables(c(values, with_environments))
  sent$watched <- watch_lookups(
    bag, if (sent$any_name) names else words_in(c(list(bag$strings), values)), any(lookup_functions %in% called)
  )
  sent$functions <- functions_here(names)
  sent$variables <- if (!any(environment_readers %in% called)) unique(c("TZ", bag$strings))
  sent$settings <- settings_now(sent$variables)
}

is_outdated <- function(sent) {
  # Tables: see watch.R.
  sent$has_tables || !identical(sent$packages, packages_key()) ||
    !is_same(settings_now(sent$variables), sent$settings) || have_changed(sent$watched) ||
    have_changed(sent$inside) || has_new_names(sent) ||
    !identical(functions_of(names(sent$functions)), sent$functions)
}

# The variables of each environment on the way from where code looks for names; those of the script that strings name.
watch_lookups <- function(bag, more, in_frames) {
  names <- utils::hashtab("address")
  # Without any name it is none that is looked at, where NULL would be all.
  note <- function(env, more) utils::sethash(names, env, unique(c(character(), utils::gethash(names, env), more)))
  utils::maphash(bag$looked, function(env, looked) {
    while (!is_shared_environment(env) && is.null(search_name(env))) {
      note(env, looked)
      env <- parent.env(env)
    }
    note(globalenv(), looked)
    for (attached in bag$search) note(attached, looked)
  })
  note(globalenv(), more)
  if (in_frames) utils::maphash(bag$need, note)
  found <- list()
  utils::maphash(names, function(env, names) {
    if (identical(env, globalenv())) names <- quiet_names(setdiff(names, never_spare))
    found[[length(found) + 1L]] <<- watch_environment(env, names)
  })
  found
}

lookup_functions <- c(
  "get", "get0", "mget", "dynGet", "exists", "eval", "evalq", "eval.parent", "parse", "str2lang", "str2expression",
  "parse_expr", "parse_exprs", "parent.frame", "parent.env", "environment", "globalenv", "sys.function", "as.list",
  "as.environment", "topenv", "with", "do.call", "as.formula", "formula", "reformulate", "glue", "glue_data",
  "str_glue", "str_interp", "sym", "syms", "data_sym", "data_syms"
)

# What reads variables of the environment by names that may be computed, or hands them to a program.
environment_readers <- c(
  "Sys.getenv", "system", "system2", "shell", "pipe", "run", "process", "r", "r_bg", "rscript", "rcmd"
)

# What else belongs to a function: attributes, and the frame that a package's operator has made it in.
hung_on <- function(f) {
  if (is.primitive(f)) {
    return(list())
  }
  more <- attributes(f)
  env <- environment(f)
  found <- unname(more[setdiff(names(more), harmless_attributes)])
  if (!is_shared_environment(env) && !is_script(env)) found <- c(found, list(env))
  Filter(may_change_inside, found)
}

# Of texts of the code and of what it names.
words_in <- function(values) {
  texts <- as.character(unlist(Filter(function(value) is.character(value) && length(value) <= 100L, values)))
  texts <- texts[!is.na(texts) & nchar(texts, "bytes") < 1000L & validUTF8(texts)]
  unique(unlist(regmatches(texts, gregexpr("[[:alpha:].][[:alnum:]._]*", texts))))
}

# Not those that run code when they are looked at.
quiet_names <- function(names) {
  here <- names[names %in% names(globalenv())]
  passive <- here[!vapply(here, bindingIsActive, NA, globalenv())]
  setdiff(names, passive[are_lazy(passive, globalenv())])
}

# What else a job brings. All of it is asked for in some 50 microseconds.
settings_now <- function(variables) {
  list(
    as.list(.Options), search(), getwd(), RNGkind(), Sys.getlocale(),
    if (is.null(variables)) Sys.getenv() else Sys.getenv(variables, NA, names = FALSE),
    ray_state$everywhere, .libPaths(), script_methods(), s7_methods(), s4_now()
  )
}

# Those of the script: strings may name them, or they are methods.
functions_here <- function(names) {
  names <- names[!names %in% never_spare & !vapply(names, bindingIsActive, NA, globalenv())]
  names <- names[!are_lazy(names, globalenv())]
  Filter(is.function, mget(names, globalenv()))
}

functions_of <- function(names) mget(names, globalenv(), ifnotfound = list(NULL))

has_new_names <- function(sent) {
  now <- names(globalenv())
  new <- if (!identical(now, sent$names)) now[!now %in% c(sent$names, never_spare)]
  sent$names <- now
  length(new) > 0L && (sent$any_name || length(functions_here(new)) > 0L)
}
