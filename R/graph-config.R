#' Add a configuration to a flow
#'
#' A configuration is a file of YAML or JSON that is read once, before the run (or the deployment)
#' starts. Its values can be used in decorators and in defaults of parameters, with `config_expr()`,
#' and every step reads it as `self$cfg`, a named list.
#'
#' `run(flow, cfg = "other.yml")` reads another file, `run(flow, cfg = list(cpu = 2))` gives the
#' values themselves. On a command line these are `--config cfg other.yml` and
#' `--config-value cfg '{"cpu": 2}'`, before the command; as environment variables
#' `METAFLOW_FLOW_CONFIG='{"cfg": "other.yml"}'` and `METAFLOW_FLOW_CONFIG_VALUE`. A resumed run has
#' the configuration of its origin, a deployed one that of its deployment.
#'
#' @param flow A flow; see [metaflow()].
#' @param config Name of the configuration: a Python identifier.
#' @param default Path of the file, from the working folder.
#' @param default_value A named list that holds instead of a file, if none is given.
#' @param required Whether it has to be given, if it has no default.
#' @param help Text for `--help`.
#' @param expr One string, an expression of Python with the configurations as variables:
#'   `"cfg.train.cpu"`, `"cfg.rate * 2"`.
#' @param ... For `config()` of the packages httr and plotly, to which a call without a flow goes where
#'   they are attached.
#' @return `config()`: a new flow. `config_expr()`: a value for an argument of [decorator()] and the
#'   functions like it, or (as a whole) for the `default` of [parameter()]; it is evaluated when the flow is run.
#' @section What arrives in R:
#' A mapping is a named list; a list of values of one type is a vector, another one a list; null is
#' `NULL`; whole numbers are integers, unless they are written with a point. Dates in YAML stay the
#' text that they are, as in R's package yaml.
#' @section Errors:
#' Class `gangway_error_parameter`: a name that cannot be one or that is used twice, a file that is
#' not there. `gangway_error_flow`: a `config_expr()` that names no configuration of the flow.
#' @source Metaflow's `Config` and `config_expr`.
#' @export
#' @examples
#' file <- tempfile(fileext = ".yml")
#' writeLines(c("cpu: 2", "rate: 0.1"), file)
#' metaflow("ConfigFlow") %>%
#'   config("cfg", default = file) %>%
#'   parameter("rate", type = "double", default = config_expr("cfg.rate")) %>%
#'   step(resources(cpu = config_expr("cfg.cpu")), step = "start", next_step = "end",
#'     r_function = function(self) print(self$cfg$cpu)) %>%
#'   step(step = "end")
config <- function(flow, config, default = NULL, default_value = NULL, required = FALSE, help = NULL, ...) {
  check_commas("config")
  hidden <- if (missing(flow) || !inherits(flow, "gangway_flow")) hidden_function("config")
  if (!is.null(hidden)) {
    call <- sys.call()
    call[[1L]] <- hidden
    # Evaluated once: plot_ly(...) |> config(...)
    unnamed <- which(!nzchar(names(call) %||% character(length(call))))[2L]
    if (!missing(flow) && !is.na(unnamed)) call[[unnamed]] <- flow
    return(eval(call, parent.frame()))
  }
  check_is_flow(flow, "config")
  abort <- parameter_abort(environment())
  who <- check_config_name(if (missing(config)) NULL else config, flow, abort)
  if (...length()) abort("{who} takes the arguments {.arg {setdiff(names(formals()), c('flow', '...'))}}.")
  check_parameter_options(required, help, NULL, FALSE, who, abort)
  if (!is.null(default) && !is.null(default_value)) {
    abort("{who} has both {.arg default}, a path, and {.arg default_value}.", i = "Give one of them.")
  }
  if (!is.null(default) && (!is_string(default) || !nzchar(default))) {
    got <- describe(default)
    abort("{who}: {.arg default} has to be the path of a file, not {got}.",
      i = "The values themselves are given as {.arg default_value}.")
  }
  value <- if (!is.null(default_value)) config_json(default_value, paste0("the value of c", substring(who, 2L)))
  flow[["configs"]][[config]] <- list(
    name = config, default = default, required = required, help = help,
    literals = list(
      default = if (!is.null(default)) py_string(default), default_value = if (!is.null(value)) py_string(value, "'")
    )
  )
  flow
}

check_config_name <- function(x, flow, abort) {
  flow_name <- flow$name
  if (!is_identifier(x) || startsWith(x, "_") || x %in% reserved_names) {
    got <- if (is.null(x)) "nothing" else describe(x)
    abort("Flow {.val {flow_name}}: the name of a configuration has to be a Python identifier \\
           that Metaflow does not use itself, got {got}.",
      i = "For example {.code config(\"cfg\", default = \"config.yml\")}.")
  }
  if (tolower(x) %in% tolower(c(names(flow$configs), names(flow$parameters), names(flow$steps)))) {
    abort("Flow {.val {flow_name}} has {.val {x}} already.",
      i = "Steps, parameters and configurations become attributes of {.code self}: give each a name of its own.")
  }
  paste0("Configuration ", dQuote(x, FALSE), " of flow ", dQuote(flow_name, FALSE))
}

config_json <- function(x, where, call = rlang::caller_env()) {
  if (!is.list(x) || (length(x) && is.null(names(x)))) {
    got <- describe(x)
    gangway_abort("{where} has to be a named list, not {got}.", "gangway_error_parameter", call = call)
  }
  if (!length(x)) "{}" else py_literal(x, where, json_dialect, "gangway_error_parameter", call)
}

config_line <- function(x, name_of) {
  args <- c(
    default = x$literals$default, default_value = x$literals$default_value,
    help = if (!is.null(x$help)) py_string(x$help), required = if (x$required) "True", parser = name_of("read_config")
  )
  args <- paste0(", ", names(args), "=", args, collapse = "")
  paste0("    ", x$name, " = ", name_of("Config"), "(", py_string(x$name), args, ")")
}

#' @rdname config
#' @export
config_expr <- function(expr) {
  if (!is_string(expr) || !nzchar(trimws(expr)) || grepl("[\r\n$]", expr)) {
    got <- describe(expr)
    gangway_abort(c(
      "{.fn config_expr} takes one string, an expression of Python, not {got}.",
      i = "For example {.code config_expr(\"cfg.train.cpu\")}, with a point where R has a dollar."
    ), class = c("gangway_error_decorator", "gangway_error_parameter"))
  }
  structure(expr, class = "gangway_config_expr")
}

is_config_expr <- function(x) inherits(x, "gangway_config_expr")

config_expr_call <- function(x) {
  paste0("config_expr(", py_string(unclass(x)[1L]), if (isTRUE(attr(x, "many"))) ", many=True", ")")
}

#' @export
print.gangway_config_expr <- function(x, ...) cat(config_expr_call(x), "\n", sep = "") # nolint: object_name_linter.

# The expressions that stand in decorators and defaults of a flow, by their place in its code.
config_expressions <- function(flow) {
  decorators <- c(flow$decorators, unlist(lapply(flow$steps, function(s) s$decorators), recursive = FALSE))
  code <- unlist(c(lapply(decorators, function(d) d$args), lapply(flow$parameters, function(p) p$literals)))
  # Within a string of Python the quote would have a backslash before it.
  pattern <- "config_expr\\(\"(?:[^\"\\\\]|\\\\.)*\""
  found <- unlist(regmatches(code, gregexpr(pattern, code, perl = TRUE)))
  substring(found, nchar("config_expr(\"") + 1L, nchar(found) - 1L)
}

check_config_expressions <- function(flow, abort) {
  known <- names(flow$configs)
  if (length(config_expressions(flow)) && "config_expr" %in% c(known, names(flow$steps), names(flow$parameters))) {
    abort("Nothing in flow {.val {flow$name}} can be called {.val config_expr}: that hides the function.",
      i = "Choose another name.")
  }
  for (expression in config_expressions(flow)) {
    words <- unlist(regmatches(expression, gregexpr("(?<![.\\w])[A-Za-z_]\\w*", expression, perl = TRUE)))
    if (!any(words %in% known)) {
      code <- paste0("config_expr(\"", expression, "\")")
      abort("{.code {code}} names no configuration of flow {.val {flow$name}}.",
        did_you_mean(words[1L], known, "configurations"),
        i = "Add it: {.code config(\"cfg\", default = \"config.yml\")}.")
    }
  }
}
