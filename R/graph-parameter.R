#' Add a parameter to a flow
#'
#' A parameter is given on the command line (`--alpha 0.3`) or to [run()] (`alpha = 0.3`), and every
#' step reads it as `self$alpha`.
#'
#' @param flow A flow; see [metaflow()].
#' @param parameter Name of the parameter: a Python identifier.
#' @param required Whether it has to be given to run the flow.
#' @param help Text for `--help`.
#' @param separator For a string parameter: the string at which it is split into a list.
#' @param default Default value, or an R function that computes it when the flow is run (say its
#'   `type` then; without one the function has to return a string), or a [config_expr()].
#' @param type Type, in R's words or Python's: `"integer"` (`"int"`), `"double"` or `"numeric"`
#'   (`"float"`), `"logical"` (`"bool"`), `"character"` (`"str"`), `"Date"`, `"POSIXct"`
#'   (`"datetime"`), `"data.frame"`, `"tibble"`, `"json"` (`"JSONType"`, `"list"`), `"file"`. Without
#'   it the type is that of `default`: `1L` is an integer, `1` a double, `TRUE` a logical, `"x"` a
#'   string, `Sys.Date()` a date, a data frame is one, anything longer, or a list, JSON.
#' @param is_flag Whether the parameter is a flag: `--verbose` alone, with no value, means `TRUE`.
#' @param parser For a file: a function that gets its path in a task, and whose value `self$name` is:
#'   `read.csv`, `readRDS`, `function(path) readLines(path, n = 10)`. It takes along what it uses, as
#'   a step's function does, and is called once in each task that reads the parameter.
#' @return A new flow; `flow` stays as it was.
#' @section Values:
#' However a value is given (by `default`, by [run()], on the command line, as the environment
#' variable `METAFLOW_RUN_ALPHA`, by a schedule or an event of a deployed flow), steps see the same.
#' A wrong one is refused before the run starts.
#' * Dates are `2026-11-29`. In steps `self$day` is a `Date`, in Python a `datetime.date`.
#' * Times are `2026-11-29T08:30:00Z`; seconds and `T` may be left out, and without `Z` or an offset
#'   such as `+01:00` the time is in UTC, wherever the flow runs. In steps `self$at` is a `POSIXct`
#'   in UTC, to the microsecond: of a time in another zone the moment is kept.
#' * Data frames are JSON: `{"a": [1, 2], "b": ["x", null]}` by column, or `[{"a": 1, "b": "x"},
#'   {"a": 2}]` by row, where `null`, or nothing, is `NA`. Columns are logical, integer, double or
#'   character; `"_types": {"day": "Date", "at": "POSIXct", "f": ["low", "high"]}` beside the columns
#'   makes dates, times and (of levels) factors of strings, and `"_row"` names the rows. From R these
#'   are written as needed, and a column of another class is an error. A tibble or data.table arrives
#'   as the class that the parameter has.
#' * Lists are JSON: an object is a named list, an array of values of one type a vector, another one
#'   a list, `null` is `NULL`, `2` an integer and `2.0` a double.
#' * Files: the value is a path, and the file is stored with the run (Metaflow's `IncludeFile`), so
#'   that tasks and resumed runs see what it held when the run, or the deployment, began. In steps it
#'   is one string, of UTF-8, or what `parser` makes of it.
#' @section Errors:
#' Class `gangway_error_parameter`: a name that cannot be one, that is used twice (capitals do not
#' count) or that a step has; a type that is unknown or that the default does not have.
#' @source The signature up to `is_flag` is that of Netflix's R package `metaflow`.
#' @seealso [config()] for values that decorators need.
#' @export
#' @examples
#' metaflow("ParameterFlow") %>%
#'   parameter("alpha", default = 0.3, help = "Learning rate") %>%
#'   parameter("trees", type = "integer", required = TRUE) %>%
#'   parameter("grid", default = list(mtry = c(2, 4), depth = 1:3)) %>%
#'   parameter("day", type = "Date", default = function() Sys.Date()) %>%
#'   parameter("prices", default = data.frame(item = c("a", "b"), price = c(1, 2.5))) %>%
#'   parameter("movies", type = "file", default = "movies.csv", parser = read.csv)
parameter <- function(flow, parameter, required = FALSE, help = NULL, separator = NULL, default = NULL,
                      type = NULL, is_flag = FALSE, parser = NULL) {
  check_commas("parameter")
  check_is_flow(flow, "parameter")
  who <- check_parameter_name(if (missing(parameter)) NULL else parameter, flow)
  abort <- parameter_abort(environment())
  check_parameter_options(required, help, separator, is_flag, who, abort)
  if (!is.null(separator) && is.character(default) && length(default) != 1L) {
    default <- join_default(default, separator, who, abort)
  }
  if (is_flag && is.null(default)) {
    default <- FALSE
  }
  type <- parameter_type(type, default, who, abort)
  if (!is.null(separator) && !is.null(type) && type != "str") {
    abort("{who}: {.arg separator} goes with strings only, and the type is {.val {type}}.")
  }
  if (is_flag && !identical(type, "bool")) {
    abort("{who} is a flag, so its type has to be {.val logical}, not {.val {type %||% 'unknown'}}.")
  }
  if (is_flag && is_config_expr(default)) {
    abort("{who} is a flag, so its default has to be TRUE or FALSE.",
      i = "With {.code type = \"logical\"} and no {.arg is_flag} it can come from a configuration.")
  }
  check_parser(parser, type, who, abort)
  value <- if (!is.function(default)) parameter_literal(default, type, who, abort)
  flow[["parameters"]][[parameter]] <- list(
    name = parameter, required = required, help = help, separator = separator, default = default, type = type,
    is_flag = is_flag, parser = parser, literals = list(default = value)
  )
  flow
}

# Names that Metaflow's command line has taken (metaflow/parameters.py).
reserved_parameters <- c(
  "params", "with", "tag", "namespace", "obj", "tags", "decospecs", "run_id_file", "max_num_splits", "max_workers",
  "max_log_size", "user_namespace", "run_id", "task_id", "runner_attribute_file"
)

parameter_types <- c(
  int = "int", integer = "int", float = "float", double = "float", numeric = "float", bool = "bool",
  logical = "bool", str = "str", character = "str", string = "str", JSONType = "JSONType", json = "JSONType",
  list = "JSONType", Date = "DateType", date = "DateType", POSIXct = "TimeType", datetime = "TimeType",
  data.frame = "DataFrameType", tibble = "TibbleType", file = "file"
)

# What a type is called in messages.
type_name <- function(type) names(parameter_types)[match(type, parameter_types)]

parameter_type_names <- c(
  "integer", "double", "logical", "character", "json", "Date", "POSIXct", "data.frame", "tibble", "file"
)

parameter_abort <- function(call) {
  function(...) gangway_abort(c(...), class = "gangway_error_parameter", call = call, .envir = parent.frame())
}

check_parameter_name <- function(x, flow, call = rlang::caller_env()) {
  abort <- parameter_abort(call)
  flow_name <- flow$name
  if (!is_identifier(x) || startsWith(x, "_")) {
    got <- if (is.null(x)) "nothing" else describe(x)
    abort("Flow {.val {flow_name}}: the name of a parameter has to be a Python identifier, got {got}.",
      i = "Use letters, digits and underscores, beginning with a letter.")
  }
  if (x %in% c(reserved_names, reserved_parameters)) {
    abort("Flow {.val {flow_name}}: a parameter cannot be called {.val {x}}, because Metaflow uses that name itself.",
      i = "Choose another name.")
  }
  same <- names(flow$parameters)[tolower(names(flow$parameters)) == tolower(x)]
  if (length(same)) {
    also <- if (same != x) " (Metaflow does not tell capitals apart here)" else ""
    abort("Flow {.val {flow_name}} has two parameters called {.val {x}}{also}.",
      i = "Give each parameter a name of its own.")
  }
  if (tolower(x) %in% tolower(names(flow$configs))) {
    abort("Flow {.val {flow_name}} has {.val {x}} as a configuration already.",
      i = "Rename one of them: both become attributes of {.code self}.")
  }
  if (x %in% names(flow$steps)) {
    abort("Flow {.val {flow_name}} has a step and a parameter called {.val {x}}.",
      i = "Rename one of them: both become attributes of {.code self}.")
  }
  paste0("Parameter ", dQuote(x, FALSE), " of flow ", dQuote(flow_name, FALSE))
}

check_parameter_options <- function(required, help, separator, is_flag, who, abort) {
  if (!is_bool(required) || !is_bool(is_flag)) {
    abort("{who}: {.arg required} and {.arg is_flag} have to be TRUE or FALSE.")
  }
  if (!is.null(help) && (!is_string(help) || is_config_expr(help))) {
    got <- describe(help)
    abort("{who}: {.arg help} has to be one string, not {got}.")
  }
  if (!is.null(separator) && (!is_string(separator) || !nzchar(separator))) {
    got <- describe(separator)
    abort("{who}: {.arg separator} has to be one string, not {got}.")
  }
}

join_default <- function(default, separator, who, abort) {
  if (anyNA(default) || any(grepl(separator, default, fixed = TRUE))) {
    abort("{who}: a default of several strings cannot hold NA or the separator {.val {separator}}.")
  }
  paste(default, collapse = separator)
}

parameter_type <- function(type, default, who, abort) {
  if (is.null(type)) {
    return(default_type(default))
  }
  known <- if (is_string(type)) parameter_types[type]
  if (is.null(known) || is.na(known)) {
    got <- describe(type)
    near <- if (is_string(type)) did_you_mean(type, names(parameter_types))
    abort("{who} cannot have the type {got}.", near,
      i = "Types are {.val {parameter_type_names}}, or Python's names of them.")
  }
  unname(known)
}

default_type <- function(x) {
  if (is.null(x) || is.function(x) || is_config_expr(x)) {
    return(NULL)
  }
  if (is.factor(x)) {
    x <- as.character(x)
  }
  if (inherits(x, "Date") || inherits(x, "POSIXt")) {
    return(if (inherits(x, "Date")) "DateType" else "TimeType")
  }
  if (is.data.frame(x)) {
    return(if (inherits(x, "tbl_df")) "TibbleType" else "DataFrameType")
  }
  if (is.list(x) || length(x) != 1L || !is.null(names(x)) || inherits(x, "AsIs")) {
    return("JSONType")
  }
  switch(typeof(x), logical = "bool", integer = "int", double = "float", "str")
}

#' The default as Python source, in the parameter's type
#' @noRd
parameter_literal <- function(x, type, who, abort) {
  if (is.null(x)) {
    return(NULL)
  }
  wanted <- function(wanted) {
    got <- describe(x)
    wanted <- cli_literal(wanted)
    abort(paste0("{who} has a default of {got}, and it has to be ", wanted, "."))
  }
  where <- paste0("the default of p", substring(who, 2L))
  literal <- function(x, dialect = python_dialect) {
    py_literal(x, where, dialect, "gangway_error_parameter", call = environment(abort)$call)
  }
  if (is_config_expr(x)) {
    return(literal(x))
  }
  if (type %in% names(text_of_type)) {
    return(py_string(text_of_type[[type]](x, wanted), if (is.data.frame(x)) "'" else "\""))
  }
  if (type == "JSONType") {
    if (is.data.frame(x)) wanted("a list (with type = \"data.frame\" it is kept as a data frame)")
    # A string is JSON already, as in Python.
    return(if (is_string(x) && !inherits(x, "AsIs")) literal(x) else py_string(literal(x, json_dialect), "'"))
  }
  has <- default_type(x)
  literal(x)
  if (has == type) {
    return(literal(x))
  }
  whole <- is.numeric(x) && length(x) == 1L && is.finite(x) && x == trunc(x)
  if (type == "float" && has == "int") {
    return(literal(as.double(x)))
  }
  if (type == "int" && has == "float" && whole) {
    return(sprintf("%.0f", x))
  }
  got <- describe(x)
  abort("{who} has the type {.val {type}}, but its default is {got}.", i = "Change one of them.")
}

# Of types whose values have a text of their own.
text_of_type <- list(
  DateType = function(x, refuse) text_of_date(x, refuse),
  TimeType = function(x, refuse) text_of_time(x, refuse),
  DataFrameType = function(x, refuse) text_of_frame(x, refuse),
  TibbleType = function(x, refuse) text_of_frame(x, refuse),
  file = function(x, refuse) if (is_string(x) && nzchar(x)) as_utf8(x) else refuse("the path of a file")
)

# A string is JSON already.
text_of_frame <- function(x, refuse) {
  if (is_string(x)) {
    return(as_utf8(x))
  }
  if (!is.data.frame(x)) refuse("a data frame")
  py_literal(frame_lists(x, refuse), "a data frame", json_dialect, "gangway_error_parameter")
}

check_parser <- function(parser, type, who, abort) {
  if (is.null(parser)) {
    return(invisible())
  }
  if (!identical(type, "file")) {
    abort("{who}: {.arg parser} goes with {.code type = \"file\"} only.")
  }
  if (!is.function(parser)) {
    got <- describe(parser)
    abort("{who}: {.arg parser} has to be a function that reads a file, not {got}.",
      i = "For example {.code parser = read.csv}, or {.code parser = function(path) readRDS(path)$train}.")
  }
}
