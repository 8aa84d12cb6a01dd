# What of an environment travels. R's serialize() would take the whole frame in which a function was made. So each
# environment is replaced, in the bytes, by a number (parcel.R), and what it shall hold is written apart: what code
# names, what is small, and errors in the place of the rest.

# ---- arguments that were not evaluated, and `...`

#' Whether a variable is an argument whose code has not run
#' @noRd
is_lazy <- function(name, env) {
  if (is_shared_environment(env) || name == "...") {
    return(FALSE)
  }
  are_lazy(name, env)
}

# What substitute() gives is code for a promise and for a call alike, but in the global environment, where it gives the
# name back for all but promises. So rlang, which takes 0.16 s to load, is seldom asked.
are_lazy <- function(names, env) {
  global <- identical(env, globalenv())
  lazy <- vapply(names, function(name) {
    code <- if (global) list(methods::substituteDirect(as.name(name), env)) else code_of(name, env)
    is.language(code[[1L]]) && !is_empty(code) && !(global && identical(code[[1L]], as.name(name)))
  }, NA)
  if (any(lazy)) lazy[lazy] <- if (has_rlang()) rlang::env_binding_are_lazy(env, names[lazy]) else FALSE
  unname(lazy)
}

# What substitute() gives, in a list, since it may be nothing at all: an argument that was not given.
code_of <- function(name, env) list(eval(call("substitute", as.name(name), env), baseenv()))

is_empty <- function(code) identical(code[[1L]], quote(expr = )) # nolint: spaces_inside_linter.

# Base R does not tell. The package gangway has rlang; without it every argument counts as evaluated.
has_rlang <- function() isNamespaceLoaded("rlang") || requireNamespace("rlang", quietly = TRUE)

# substitute(x), {{ x }}: the code travels, with what it names where it comes from.
collect_lazy <- function(name, env, via, bag) {
  known <- utils::gethash(bag$lazy, env)
  if (!is.null(known[[name]])) {
    return(invisible())
  }
  argument <- eval(as.call(list(rlang::enquo, as.name(name))), env)
  known[[name]] <- list(code = rlang::quo_get_expr(argument), env = rlang::quo_get_env(argument))
  utils::sethash(bag$lazy, env, known)
  collect_argument(known[[name]], via, bag)
}

collect_argument <- function(argument, via, bag) {
  via$strict <- FALSE
  if (is.language(argument$code) && is_script(argument$env)) {
    mark_frames(argument$env, bag)
    via$soft <- FALSE
    collect_scan(scan_loose(argument$code, argument$env), argument$env, via, bag)
  }
}

# `...` of a function around: its values; its code where that is asked for, or cannot be run here.
collect_dots <- function(how, env, via, bag) {
  while (!is_shared_environment(env) && !exists("...", envir = env, inherits = FALSE)) env <- parent.env(env)
  if (is_shared_environment(env) || has_key(bag$dots, env)) {
    return(invisible())
  }
  mark_frames(env, bag)
  via$strict <- FALSE
  if (how == "code" && has_rlang()) {
    code <- lapply(eval(as.call(list(rlang::enquos, quote(...))), env), function(argument) {
      list(code = rlang::quo_get_expr(argument), env = rlang::quo_get_env(argument))
    })
    lazy <- vapply(code, function(argument) is.language(argument$code) && !rlang::is_quosure(argument$code), NA)
    if (any(lazy)) {
      utils::sethash(bag$dots, env, list(code = code))
      for (argument in code) {
        if (is.language(argument$code)) collect_argument(argument, via, bag) else bag_push(bag, argument$code, via)
      }
      return(invisible())
    }
  }
  values <- tryCatch(eval(as.call(list(list, quote(...))), env), error = function(e) NULL)
  if (is.null(values)) {
    return(invisible())
  }
  utils::sethash(bag$dots, env, list(values = values))
  via$fun <- "`...`"
  collect_captured("...", values, via, bag)
}

# ---- contents

#' What an environment shall hold in the other process
#'
#' @return A list: `parent`, `values`, `packed` (names of those), `active`, `left`, `lazy`, `dots`, `attributes`,
#'   `locked`, `fixed`, `s4`.
#' @noRd
contents_of <- function(env, bag) {
  if (inherits(env, "srcfile")) {
    return(list(parent = emptyenv(), attributes = attributes(env)))
  }
  names <- variables_of(env, bag)
  lazy <- utils::gethash(bag$lazy, env)
  left <- list()
  if (has_key(bag$frames, env) && !has_key(bag$kept, env)) {
    names <- intersect(names, utils::gethash(bag$need, env))
    left <- utils::gethash(bag$names_left, env)
  }
  names <- setdiff(names, c("...", names(lazy)))
  active <- vapply(names, bindingIsActive, NA, env)
  parent <- if (has_key(bag$tables, env)) baseenv() else parent.env(env)
  more <- attributes(env)
  values <- pack_named(values_of(names[!active], env))
  list(
    parent = if (is_own_namespace(parent)) globalenv() else parent,
    values = values$values, packed = values$packed, active = values_of(names[active], env), left = left, lazy = lazy,
    dots = utils::gethash(bag$dots, env), attributes = more, locked = environmentIsLocked(env),
    fixed = Filter(function(name) bindingIsLocked(name, env), names), s4 = isS4(env)
  )
}

values_of <- function(names, env) {
  lapply(stats::setNames(nm = names), function(name) {
    code <- if (is_shared_environment(env)) list(NULL) else code_of(name, env)
    if (is_empty(code)) code[[1L]] else without_source(binding_value(name, env))
  })
}

# The text of the script is no part of what another process needs; a compiled function would carry it twice.
without_source <- function(f) {
  if (typeof(f) != "closure" || is.null(attr(f, "srcref"))) {
    return(f)
  }
  more <- attributes(f)
  more$srcref <- NULL
  bare <- tryCatch(utils::removeSource(f), error = function(e) f)
  attributes(bare) <- more
  if (isS4(f)) asS4(bare) else bare
}

#' Make an environment hold what contents_of() has found
#' @noRd
fill_environment <- function(env, contents, holder = NULL) {
  if (!is.null(holder)) {
    dots <- contents$dots
    holder$values <- if (is.null(dots$code)) dots$values else lapply(dots$code, function(argument) argument$code)
    if (is.null(dots$code)) eval(quote(list(...)), env)
  }
  parent.env(env) <- contents$parent
  attributes(env) <- contents$attributes
  if (length(contents$values)) list2env(contents$values, env)
  for (name in names(contents$active)) makeActiveBinding(name, contents$active[[name]], env)
  for (name in names(contents$lazy)) {
    argument <- contents$lazy[[name]]
    eval(call("delayedAssign", name, argument$code, argument$env, env))
  }
  bind_left(contents$left, env)
  for (name in contents$fixed) lockBinding(name, env)
  if (isTRUE(contents$locked)) lockEnvironment(env)
  if (isTRUE(contents$s4)) asS4(env)
  env
}

# An environment that has `...`, which only a call makes: from the last argument to the first, each in a scope of its
# own. Values are read from `holder`, which is filled later.
dotted_environment <- function(labels, code, envs, holder) {
  make <- function(...) environment()
  environment(make) <- baseenv()
  scope <- new.env(parent = holder)
  if (!length(labels)) {
    return(eval(as.call(list(make)), scope))
  }
  for (i in rev(seq_along(labels))) {
    parent.env(scope) <- if (is.null(envs[[i]])) holder else envs[[i]]
    argument <- if (is.null(envs[[i]])) call("[[", quote(values), i) else code[[i]]
    more <- if (i < length(labels)) list(quote(...))
    scope <- eval(as.call(c(make, stats::setNames(list(argument), labels[i]), more)), scope)
  }
  scope
}

# What of it has to be known before anything else is read: labels, code, and the numbers of the code's environments.
dots_outline <- function(dots, number) {
  parts <- if (is.null(dots$code)) dots$values else dots$code
  list(
    labels = if (is.null(names(parts))) character(length(parts)) else names(parts),
    code = lapply(dots$code, function(argument) argument$code),
    envs = lapply(dots$code, function(argument) if (is.language(argument$code)) number(argument$env))
  )
}
