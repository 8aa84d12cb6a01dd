# How R's own syntax is read: a function(code, locals, scan, strict) for each call that is no plain call.

scan_assign <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[3L]], locals, scan, strict)
  scan_target(code[[2L]], locals, scan, strict)
}

# The left side of an assignment: x, "x", x$y, names(x)[i].
scan_target <- function(target, locals, scan, strict) {
  if (is.symbol(target) || is.character(target)) {
    name <- as.character(target)
    scan_mark(scan, "assigned", name)
    return(union(locals, name))
  }
  head <- target[[1L]]
  # names(part(x)) <- y also calls `part<-`.
  outer <- target
  while (is.call(outer) && length(outer) > 1L) {
    if (is.symbol(outer[[1L]])) {
      for (name in paste0(as.character(outer[[1L]]), c("<-", ""))) {
        scan_name(name, locals, scan, strict = FALSE, called = TRUE)
      }
    }
    outer <- outer[[2L]]
  }
  # x$y <- 1 reads x first
  base <- target[[2L]]
  scan_code(if (is.character(base)) as.name(base) else base, locals, scan, strict)
  if (!identical(head, quote(`$`)) && !identical(head, quote(`@`))) {
    for (i in seq_along(target)[-(1:2)]) {
      if (!is_missing_arg(target[[i]])) scan_code(target[[i]], locals, scan, strict = FALSE)
    }
  }
  root <- base
  while (is.call(root) && length(root) > 1L) root <- root[[2L]]
  if (is.symbol(root)) {
    scan_mark(scan, "assigned", NULL)
    locals <- union(locals, as.character(root))
  }
  locals
}

scan_super_assign <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[3L]], locals, scan, strict)
  target <- code[[2L]]
  while (is.call(target) && length(target) > 1L) {
    for (i in seq_along(target)[-(1:2)]) {
      if (!is_missing_arg(target[[i]])) scan_code(target[[i]], locals, scan, strict = FALSE)
    }
    target <- target[[2L]]
  }
  name <- as.character(target)
  scan_mark(scan, "super", name)
  scan_mark(scan, "assigned", name)
  scan_name(name, locals, scan, strict = FALSE, called = FALSE)
  locals
}

# What a branch defines is local inside it, and perhaps afterwards.
scan_if <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  after <- lapply(as.list(code)[-(1:2)], scan_code, locals = locals, scan = scan, strict = strict)
  if (length(after) == 2L) union(locals, intersect(after[[1L]], after[[2L]])) else locals
}

scan_for <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[3L]], locals, scan, strict)
  name <- as.character(code[[2L]])
  scan_mark(scan, "assigned", name)
  locals <- union(locals, name)
  scan_code(code[[4L]], locals, scan, strict)
  locals
}

scan_while <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  scan_code(code[[3L]], locals, scan, strict)
  locals
}

scan_lazy_second <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  scan_code(code[[3L]], locals, scan, strict)
  locals
}

scan_sequence <- function(code, locals, scan, strict) {
  # {{ x }} of tidy evaluation
  inner <- if (length(code) == 2L && identical(code[[1L]], quote(`{`))) code[[2L]]
  if (is.call(inner) && length(inner) == 2L && identical(inner[[1L]], quote(`{`)) && is.symbol(inner[[2L]])) {
    scan_mark(scan, "captured", as.character(inner[[2L]]))
  }
  for (part in as.list(code)[-1L]) locals <- scan_code(part, locals, scan, strict)
  locals
}

scan_function_literal <- function(code, locals, scan, strict) {
  scan_closure(code[[2L]], code[[3L]], locals, scan, strict)
}

scan_member <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  name <- if (!is.call(code[[3L]])) as.character(code[[3L]])
  scan_mark(scan, "members", name)
  scan_scope(code, name, scan)
  if (is.call(code[[3L]])) scan_code(code[[3L]], locals, scan, strict = FALSE)
  locals
}

# .GlobalEnv$x, .env$x, globalenv()[["x"]]: x is a variable, whatever is local.
scan_scope <- function(code, name, scan) {
  if (is.character(name) && is_scope(code[[2L]])) scan_name(name, NULL, scan, strict = FALSE, called = FALSE)
}

is_scope <- function(code) {
  if (is.call(code)) code <- code[[1L]]
  while (is.call(code) && length(code) == 3L) code <- code[[3L]] # rlang::global_env
  is.symbol(code) && as.character(code) %in% scopes
}

scopes <- c(".GlobalEnv", ".env", "globalenv", "global_env", "environment", "current_env", "parent.frame", "caller_env",
  "parent.env", "env_parent", "topenv")

# x[i]: x may be a data.table, which evaluates i and j in itself.
scan_subset <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  for (i in seq_along(code)[-(1:2)]) {
    if (!is_missing_arg(code[[i]])) scan_code(code[[i]], locals, scan, strict = FALSE)
  }
  locals
}

scan_element <- function(code, locals, scan, strict) {
  if (length(code) == 3L) scan_scope(code, code[[3L]], scan)
  scan_arguments(code, locals, scan, strict)
}

scan_nothing <- function(code, locals, scan, strict) locals

# Code as data. It may be run later, so that its names travel; none of them must exist.
scan_as_code <- function(code, locals, scan, strict) {
  if (identical(code[[1L]], quote(substitute)) && length(code) == 2L) scan_mark(scan, "captured", all.vars(code[[2L]]))
  scan_arguments(code, locals, scan, strict = FALSE)
  locals
}

# try(x) says that x may not be there; so does tryCatch(x, ...) of a name alone.
scan_try <- function(code, locals, scan, strict) {
  name <- as.character(code[[1L]])
  scan_name(name, locals, scan, strict = FALSE, called = TRUE)
  first <- TRUE
  for (i in seq_along(code)[-1L]) {
    label <- if (is.null(names(code))) "" else names(code)[i]
    risky <- name == "try" || (label %in% c("", "expr") && is.symbol(code[[i]]) && first)
    first <- first && nzchar(label)
    if (!is_missing_arg(code[[i]])) locals <- scan_code(code[[i]], locals, scan, strict && !risky)
  }
  locals
}

scan_switch <- function(code, locals, scan, strict) {
  locals <- scan_code(code[[2L]], locals, scan, strict)
  for (i in seq_along(code)[-(1:2)]) {
    if (!is_missing_arg(code[[i]])) scan_code(code[[i]], locals, scan, strict)
  }
  locals
}

# lhs %>% f: the right side is a function, or a call that gets one argument more.
scan_pipe <- function(code, locals, scan, strict) {
  scan_name(as.character(code[[1L]]), locals, scan, strict, called = TRUE)
  locals <- scan_code(code[[2L]], locals, scan, strict)
  if (as.character(code[[1L]]) == "%<>%") locals <- scan_target(code[[2L]], locals, scan, strict)
  step <- code[[3L]]
  if (is.symbol(step)) {
    scan_name(as.character(step), locals, scan, strict, called = TRUE)
  } else {
    scan_code(step, locals, scan, strict)
  }
  locals
}

scan_define_operator <- function(code, locals, scan, strict) {
  scan_name(as.character(code[[1L]]), locals, scan, strict = FALSE, called = TRUE)
  names <- unlist(lapply(as.list(code)[-1L], all.vars))
  scan_mark(scan, "assigned", names)
  scan_arguments(code, locals, scan, strict = FALSE)
  locals
}

# local({...}): what it defines stays in it, and it may be given an environment.
scan_local <- function(code, locals, scan, strict) {
  scan_name("local", locals, scan, strict, called = TRUE)
  scan_arguments(code, locals, scan, strict = strict && length(code) == 2L)
  locals
}

scanners <- local({
  table <- list(
    `<-` = scan_assign, `=` = scan_assign, `<<-` = scan_super_assign, `if` = scan_if, `for` = scan_for,
    `while` = scan_while, `repeat` = function(code, locals, scan, strict) {
      scan_code(code[[2L]], locals, scan, strict)
      locals
    },
    `{` = scan_sequence, `(` = scan_sequence, `&&` = scan_lazy_second, `||` = scan_lazy_second,
    `function` = scan_function_literal, `$` = scan_member, `@` = scan_member, `[` = scan_subset,
    `[[` = scan_element, switch = scan_switch,
    `~` = scan_as_code, try = scan_try, tryCatch = scan_try, `local` = scan_local
  )
  for (name in c("quote", "bquote", "substitute", "expression")) table[[name]] <- scan_as_code
  for (name in c("::", ":::", "missing", "UseMethod", "next", "break", "NextMethod")) table[[name]] <- scan_nothing
  for (name in pipe_operators) table[[name]] <- scan_pipe
  for (name in assigning_operators) if (name != "%<>%") table[[name]] <- scan_define_operator
  list2env(table, hash = TRUE, parent = emptyenv())
})
