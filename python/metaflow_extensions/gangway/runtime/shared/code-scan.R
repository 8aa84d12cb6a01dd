# Which names a function takes from outside itself, found by reading its code in the order in which it runs. The
# package globals answers a near question and was tried: it has no notion of the places where a name must exist, and
# loading it and codetools costs a third of a hello flow's budget.

#' The names a function takes from outside
#'
#' @param f A closure.
#' @return A list: `uses`, a named logical vector (name, whether it is called as a function somewhere); `read`, the
#'   names that are used as variables; `needed`, names that must exist, as c(name = "function" or "variable");
#'   `assigned`, the names that the function or one inside it defines; `super`, those it assigns with `<<-`; `strings`,
#'   its string constants; `captured`, names whose code is asked for, as by `substitute()` or `{{ }}`; `members`,
#'   names after `$`; `qualified`, functions that are called as `package::name()`, with and without the package; `dots`,
#'   whether `...` of a function around is used, and "value" or "code" for how; `dynamic`, whether it defines names that
#'   reading does not show.
#' @noRd
scan_function <- function(f) {
  scan <- new_scan(environment(f))
  scan_closure(formals(f), body(f), character(), scan, strict = TRUE)
  scan_result(scan)
}

#' The names that code takes from `env`, none of which must exist: a formula's, a call's
#' @noRd
scan_loose <- function(code, env) {
  scan <- new_scan(env)
  scan_code(code, character(), scan, strict = FALSE)
  scan_result(scan)
}

new_scan <- function(env) {
  scan <- new.env(parent = emptyenv())
  scan$env <- env
  scan$members <- list()
  scan$uses <- scan$read <- scan$needed <- scan$assigned <- scan$super <- scan$strings <- list()
  scan$captured <- scan$qualified <- list()
  scan$dots <- NULL
  scan$dynamic <- FALSE
  scan$known <- new.env(parent = emptyenv())
  scan
}

scan_result <- function(scan) {
  needed <- scan$needed[setdiff(names(scan$needed), c(names(scan$assigned), always_defined))]
  needed <- needed[!startsWith(as.character(names(needed)), ".")]
  list(
    uses = unlist(scan$uses), read = names(scan$read), needed = unlist(needed), assigned = names(scan$assigned),
    super = names(scan$super), strings = names(scan$strings), captured = names(scan$captured),
    members = names(scan$members), qualified = names(scan$qualified), dots = scan$dots,
    dynamic = scan$dynamic
  )
}

# All of scan_*() give the names that are certainly local after the code they read.
scan_closure <- function(formals, body, locals, scan, strict) {
  inner <- union(locals, names(formals))
  scan_mark(scan, "assigned", names(formals))
  for (i in seq_along(formals)) {
    if (!is_missing_arg(formals[[i]])) scan_code(formals[[i]], inner, scan, strict)
  }
  scan_code(body, inner, scan, strict)
  locals
}

scan_code <- function(code, locals, scan, strict) {
  if (is.symbol(code)) {
    scan_name(as.character(code), locals, scan, strict, called = FALSE)
  } else if (is.character(code)) {
    scan_mark(scan, "strings", code[nzchar(code) & !is.na(code)])
  } else if (is.call(code)) {
    return(scan_call(code, locals, scan, strict))
  } else if (is.pairlist(code) || is.expression(code)) {
    for (part in as.list(code)) if (!is_missing_arg(part)) locals <- scan_code(part, locals, scan, strict)
  }
  locals
}

scan_name <- function(name, locals, scan, strict, called) {
  if (!nzchar(name) || name %in% locals) {
    return(invisible())
  }
  if (grepl("^\\.\\.[0-9]+$|^\\.\\.\\.$", name)) {
    if (!"..." %in% locals) scan$dots <- if (strict && !identical(scan$dots, "code")) "value" else "code"
    return(invisible())
  }
  # ..x in a data.table's brackets is the variable x.
  if (startsWith(name, "..")) scan_name(substring(name, 3L), NULL, scan, strict = FALSE, called = FALSE)
  scan$uses[[name]] <- called || isTRUE(scan$uses[[name]])
  if (!called) scan$read[[name]] <- TRUE
  if (strict) {
    known <- scan$needed[[name]]
    scan$needed[[name]] <- if (called) "function" else if (is.null(known)) "variable" else known
  }
}

scan_mark <- function(scan, what, names) {
  if (length(names)) scan[[what]][names] <- TRUE
}

scan_call <- function(code, locals, scan, strict) {
  head <- code[[1L]]
  if (!is.symbol(head)) {
    if (is_dynamic_call(head)) scan$dynamic <- TRUE
    if (is_qualified(head)) {
      scan_mark(scan, "qualified", c(as.character(head[[3L]]), paste0(head[[2L]], "::", head[[3L]])))
    }
    locals <- scan_code(head, locals, scan, strict)
    return(scan_arguments(code, locals, scan, strict = FALSE))
  }
  name <- as.character(head)
  special <- scanners[[name]]
  if (!is.null(special)) {
    return(special(code, locals, scan, strict))
  }
  scan_head(name, code, locals, scan, strict)
  if (name %in% capturing_functions) scan_mark(scan, "captured", all.vars(code))
  if (name %in% locals) {
    return(scan_arguments(code, locals, scan, strict = FALSE))
  }
  how <- scan$known[[name]]
  if (is.null(how)) scan$known[[name]] <- how <- evaluates(name, scan$env)
  scan_arguments(code, locals, scan, strict = strict && how != "none", only_first = how == "first")
}

is_qualified <- function(head) is.call(head) && length(head) == 3L && as.character(head[[1L]])[1L] %in% c("::", ":::")

# base::library(x), box::use(x)
is_dynamic_call <- function(head) {
  is_qualified(head) &&
    (as.character(head[[2L]]) %in% dynamic_packages || as.character(head[[3L]]) %in% dynamic_functions)
}

# A function of that name may be used although a variable of it is local: c <- 1; c(c, 2).
scan_head <- function(name, code, locals, scan, strict) {
  if (name %in% dynamic_functions) scan$dynamic <- TRUE
  if (name %in% defining_functions && length(code) > 1L) {
    if (is.character(code[[2L]])) {
      scan_mark(scan, "assigned", code[[2L]])
    } else if (name != "exists") {
      scan$dynamic <- TRUE
    }
  }
  if (name %in% locals) {
    scan$uses[[name]] <- TRUE
  } else {
    scan_name(name, locals, scan, strict, called = TRUE)
  }
}

scan_arguments <- function(code, locals, scan, strict, only_first = FALSE) {
  for (i in seq_along(code)[-1L]) {
    if (!is_missing_arg(code[[i]])) {
      locals <- scan_code(code[[i]], locals, scan, strict && (!only_first || i == 2L))
    }
  }
  locals
}

is_missing_arg <- function(x) missing(x) || identical(x, substitute())
