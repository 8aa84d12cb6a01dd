#' Begin a flow
#'
#' A flow is a value: [step()] and [parameter()] return a new flow and leave the old one as it was,
#' so the same flow can be piped on in two directions. Nothing is assigned anywhere.
#'
#' @param cls Name of the flow, which becomes a Python class: letters, digits and underscores.
#' @param ... Decorators of the whole flow: `decorator("schedule", daily = TRUE)`.
#' @param x A flow.
#' @return A flow without steps: a list of class `gangway_flow` with `name`, `decorators`,
#'   `parameters` and `steps`. As with Netflix's package, `flow$get_flow(save = FALSE)` gives the
#'   Python code (or writes it to `flow.py`), and `flow$get_name()`, `flow$get_parameters()`,
#'   `flow$get_steps()` and `flow$get_functions()` what they say.
#' @section Errors:
#' Class `gangway_error_flow`: a name that Python does not take, or something in `...` that is not a
#' decorator.
#' @source The signature is that of Netflix's R package `metaflow`.
#' @seealso [step()], [parameter()], [python_code()]
#' @export
#' @examples
#' flow <- metaflow("HelloFlow", decorator("schedule", daily = TRUE)) %>%
#'   parameter("alpha", default = 0.3, help = "Learning rate") %>%
#'   step(step = "start", r_function = function(self) self$x <- 1, next_step = "end") %>%
#'   step(step = "end")
#' flow
metaflow <- function(cls, ...) {
  abort_masked(forced = TRUE)
  stand_beside_others()
  check_commas("metaflow")
  if (!is_identifier(cls) || startsWith(cls, "_")) {
    got <- describe(cls)
    gangway_abort(c(
      "The name of a flow has to be a Python identifier, not {got}.",
      i = "Use letters, digits and underscores, beginning with a letter: {.code metaflow(\"TuneHousing\")}."
    ), class = "gangway_error_flow")
  }
  decorators <- collect_decorators(given_decorators(...), paste0("Flow ", dQuote(cls, FALSE)), "cls")
  flow <- list(name = cls, decorators = decorators, parameters = list(), configs = list(), steps = list())
  flow$description <- flow_description(cls)
  structure(name_hooks(flow), class = "gangway_flow")
}

#' Say what runs first in every task
#'
#' What lives inside packages does not travel with code: a theme, a logger's threshold, the number of threads,
#' a connection. The function given here sets it in each process that runs R code of the flow: in every task, before its
#' step's function, and in every Ray worker of a step on a cluster. Options, `RNGkind()` and attached packages need no
#' such function. For a session's own cluster there is `ray_init(everywhere = )`.
#'
#' @param flow A flow; see [metaflow()].
#' @param r_function A function without arguments. It takes along what it uses, as a step's function does. `NULL` takes
#'   an earlier one back.
#' @param ... For `everywhere()` of the package mirai, to which a call without `r_function` goes where that is attached.
#' @return A new flow.
#' @section Errors:
#' Class `gangway_error_flow` if it is no function, or has arguments without defaults. An error in the function is the
#' task's.
#' @source The word is that of the R package mirai.
#' @export
#' @examples
#' metaflow("ThemeFlow") %>%
#'   everywhere(function() ggplot2::theme_set(ggplot2::theme_minimal())) %>%
#'   step(step = "start", r_function = function(self) self$size <- 1, next_step = "end") %>%
#'   step(step = "end")
everywhere <- function(flow, r_function, ...) {
  hidden <- if (missing(r_function)) hidden_function("everywhere")
  if (!is.null(hidden)) {
    call <- sys.call()
    call[[1L]] <- hidden
    return(invisible(eval(call, parent.frame())))
  }
  check_is_flow(flow, "everywhere")
  if (...length()) {
    gangway_abort("{.fn everywhere} of gangway takes a flow and one function.", class = "gangway_error_flow")
  }
  flow$everywhere <- check_everywhere(r_function)
  flow
}

# A function that can be called as f(), or NULL.
check_everywhere <- function(f, call = rlang::caller_env()) {
  needed <- if (is.function(f)) Filter(function(x) is.symbol(x) && !nzchar(x), as.list(formals(f)))
  if (!(is.null(f) || is.function(f)) || length(setdiff(names(needed), "..."))) {
    gangway_abort(c(
      "{.fn everywhere} takes a function that needs no arguments.",
      i = "For example {.code everywhere(flow, function() data.table::setDTthreads(1))}."
    ), class = "gangway_error_flow", call = call)
  }
  f
}

#' The Python that a flow compiles to
#'
#' What [run()] writes to `flow.py`. The R functions are not in it: they travel beside it, in a file
#' of R's own.
#'
#' @param flow A flow; see [metaflow()].
#' @return One string of class `gangway_python_code`, printed as it is.
#' @section Errors:
#' Class `gangway_error_flow` if the graph is not one that Metaflow can run; the message names the
#' step.
#' @export
#' @examples
#' metaflow("HelloFlow") %>%
#'   step(step = "start", r_function = function(self) print("hello"), next_step = "end") %>%
#'   step(step = "end") %>%
#'   python_code()
python_code <- function(flow) {
  structure(flow_code(flow), class = "gangway_python_code")
}

#' @export
print.gangway_python_code <- function(x, ...) {
  cat(unclass(x))
  invisible(x)
}

check_is_flow <- function(flow, what, call = rlang::caller_env()) {
  if (!inherits(flow, "gangway_flow")) {
    got <- describe(flow)
    gangway_abort(c(
      "{.fn {what}} needs a flow, not {got}.",
      mask_bullets() %||% c(i = "Begin the pipe with {.code metaflow(\"NameOfTheFlow\")}.")
    ), class = "gangway_error_flow", call = call)
  }
}

# Scripts written for Netflix's package call these methods of its R6 class.
#' @export
`$.gangway_flow` <- function(x, name) {
  flow <- x
  switch(name,
    get_flow = function(save = FALSE) {
      if (!save) {
        return(flow_code(flow))
      }
      writeLines(enc2utf8(flow_code(flow)), "flow.py", sep = "", useBytes = TRUE)
      invisible("flow.py")
    },
    get_name = function() flow$name,
    get_parameters = function() flow$parameters,
    get_steps = function() flow$steps,
    get_functions = function() {
      functions <- lapply(flow$steps, function(s) s$r_function)
      functions[!vapply(functions, is.null, NA)]
    },
    .subset2(flow, name)
  )
}

#' @rdname metaflow
#' @export
format.gangway_flow <- function(x, ...) {
  c(
    paste0("<flow> ", x$name),
    vapply(x$decorators, format, ""),
    format_section("Configurations", x$configs, format_config),
    format_section("Parameters", x$parameters, format_parameter),
    format_section("Steps", x$steps, format_step)
  )
}

#' @rdname metaflow
#' @export
print.gangway_flow <- function(x, ...) {
  cat(format(x), sep = "\n")
  invisible(x)
}

format_section <- function(title, items, format_one) {
  if (!length(items)) {
    return(if (title == "Steps") "Steps: none yet")
  }
  width <- max(nchar(names(items)))
  lines <- Map(function(item, name) {
    text <- format_one(item)
    paste0("  ", formatC(c(name, rep("", length(text) - 1L)), width = -width, flag = "-"), "  ", text)
  }, items, names(items))
  c(title, trimws(unlist(lines, use.names = FALSE), "right"))
}

format_parameter <- function(p) {
  value <- if (is.function(p$default)) "<function>" else p$literals$default
  facts <- c(
    paste0(if (!is.null(p$type)) type_name(p$type), if (!is.null(value)) paste0(" = ", value)),
    if (p$required) "required",
    if (!is.null(p$separator)) paste("separated by", dQuote(p$separator, FALSE)),
    if (p$is_flag) "flag"
  )
  with_help(facts[nzchar(facts)], p$help)
}

format_config <- function(x) {
  with_help(c(x$literals$default %||% x$literals$default_value, if (x$required) "required"), x$help)
}

with_help <- function(facts, help) {
  text <- trimws(paste(facts, collapse = ", "))
  if (is.null(help)) text else paste0(text, if (nzchar(text)) "  ", "# ", gsub("[[:space:]]+", " ", help))
}

format_step <- function(s) {
  body <- s$label %||% s$py_function
  first <- c(if (s$join) "(join)", format_arrow(s), if (!is.null(body)) paste0("[", body, "]"))
  c(paste(first, collapse = " "), vapply(s$decorators, format, ""))
}

format_arrow <- function(s) {
  if (is.null(s$next_step)) {
    return(NULL)
  }
  to <- s$next_step
  cases <- if (!is.null(s$condition)) paste0(names(to), ": ")
  how <- c(
    if (!is.null(s$foreach)) paste("foreach", s$foreach),
    if (!is.null(s$num_parallel)) paste("num_parallel =", s$num_parallel),
    if (!is.null(s$condition)) paste("switch on", s$condition)
  )
  targets <- paste0(cases, to, collapse = ", ")
  paste(c(arrow(), targets, if (length(how)) paste0("(", how, ")")), collapse = " ")
}

arrow <- function() if (cli::is_utf8_output()) "\u2192" else "->"
