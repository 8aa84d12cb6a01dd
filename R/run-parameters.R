# Values of parameters as Metaflow's command line reads them, without a loss: what has no exact text is an error.

#' @param values Named list of the values given to run().
#' @return One string for each value that is given: `--alpha=0.3`.
#' @noRd
parameter_arguments <- function(flow, values) {
  unlist(lapply(names(values), function(name) {
    value <- values[[name]]
    if (!is.null(value)) parameter_argument(.subset2(flow, "parameters")[[name]], value, .subset2(flow, "name"))
  }))
}

parameter_argument <- function(p, value, flow_name) {
  refuse <- function(wanted) {
    got <- if (is_string(value)) dQuote(value, FALSE) else describe(value)
    abort_value(p$name, flow_name, paste0("has to be ", wanted, ", not ", got))
  }
  option <- paste0("--", p$name)
  if (isTRUE(p$is_flag)) {
    if (!is_bool(value)) refuse("TRUE or FALSE")
    # Click's flag means: the opposite of the default.
    return(if (value != isTRUE(p$default)) option)
  }
  own <- text_of_type[[p$type %||% "str"]]
  text <- if (!is.null(own)) own(value, refuse) else switch(p$type %||% "str",
    int = text_of_int(value, refuse),
    float = text_of_float(value, refuse),
    bool = if (is_bool(value)) c("False", "True")[value + 1L] else refuse("TRUE or FALSE"),
    JSONType = {
      if (is.data.frame(value)) refuse("a list; a data frame goes into one with `type = \"data.frame\"`")
      py_literal(
        value, paste0("parameter ", dQuote(p$name, FALSE)), json_dialect, "gangway_error_parameter", quote(run())
      )
    },
    str = text_of_string(value, p, refuse)
  )
  if (identical(p$type, "file")) check_file(text, p$name, flow_name)
  argument <- paste0(option, "=", text)
  if (nchar(argument, "bytes") >= longest_argument) {
    size <- nchar(argument, "bytes") / 1e3
    abort_value(p$name, flow_name, sprintf("takes %.0f kB as text, and a command line takes 128", size),
      "Keep it in a file, which a parameter with {.code type = \"file\"} reads, or make it in the first step.")
  }
  argument
}

# Linux's MAX_ARG_STRLEN.
longest_argument <- 131072L

abort_value <- function(name, flow_name, problem, advice = NULL) {
  problem <- cli_literal(problem)
  gangway_abort(c(paste0("Parameter {.val {name}} of flow {.val {flow_name}} ", problem, "."), i = advice),
    "gangway_error_parameter", name = name, call = quote(run()))
}

check_file <- function(path, name, flow_name, what = "Parameter") {
  if (file.exists(path) && !dir.exists(path)) {
    return(invisible())
  }
  folder <- getwd()
  gangway_abort(c(
    "{what} {.val {name}} of flow {.val {flow_name}}: there is no file {.file {path}}.",
    i = "A path begins at the working folder, {.file {folder}}."
  ), "gangway_error_parameter", name = name, call = quote(run()))
}

text_of_int <- function(value, refuse) {
  if (inherits(value, "integer64") && length(value) == 1L && !is.na(value)) {
    return(as.character(value))
  }
  if (!is_number(value) || !is.finite(value) || value != trunc(value) || abs(value) > 2^53) {
    refuse("a whole number")
  }
  sprintf("%.0f", value)
}

text_of_float <- function(value, refuse) {
  if (!is_number(value) || (is.na(value) && !is.nan(value))) refuse("a number")
  literal_double(as.double(value), list(special = "%s", whole = TRUE))
}

text_of_string <- function(value, p, refuse) {
  if (is.factor(value)) value <- as.character(value)
  separator <- p$separator
  if (!is.null(separator) && is.character(value) && !anyNA(value) && length(value) != 1L) {
    if (any(grepl(separator, value, fixed = TRUE))) {
      refuse(paste0("strings without the separator ", cli_literal(dQuote(separator, FALSE))))
    }
    value <- paste(vapply(value, as_utf8, ""), collapse = separator)
  }
  # A parameter without a type is a string for Metaflow, and R's scalars have an exact one.
  if (is.null(p$type) && is_number(value) && is.finite(value)) {
    return(literal_double(as.double(value), list(special = "%s", whole = TRUE)))
  }
  if (is.null(p$type) && is_bool(value)) {
    return(c("False", "True")[value + 1L])
  }
  if (!is_string(value) || is.object(value) || !is_text(value)) refuse("one string")
  as_utf8(value)
}

is_number <- function(x) is.numeric(x) && !is.object(x) && length(x) == 1L

# What a run cannot do without: values of required parameters, and files that defaults name.
check_required <- function(flow, given) {
  given <- names(given[!vapply(given, is.null, NA)])
  flow_name <- .subset2(flow, "name")
  for (p in .subset2(flow, "parameters")) {
    # Metaflow reads METAFLOW_RUN_ALPHA as well.
    if (p$name %in% given || nzchar(Sys.getenv(paste0("METAFLOW_RUN_", toupper(p$name))))) next
    has_path <- identical(p$type, "file") && is_string(p$default) && !is_config_expr(p$default)
    if (has_path) check_file(p$default, p$name, flow_name)
    if (isTRUE(p$required) && is.null(p$default)) {
      name <- p$name
      gangway_abort(c(
        "Flow {.val {flow_name}} needs a value for the parameter {.val {name}}.",
        i = "From R: {.code run(flow, {name} = ...)}. From the command line: {.code run --{name} ...}."
      ), "gangway_error_parameter", name = name, call = quote(run()))
    }
  }
}

#' Values of configurations, as they stand before the command: three words each
#' @noRd
config_arguments <- function(flow, values) {
  flow_name <- .subset2(flow, "name")
  values <- values[!vapply(values, is.null, NA)]
  unlist(lapply(names(values), function(name) {
    value <- values[[name]]
    if (is_string(value)) {
      check_file(value, name, flow_name, "Configuration")
      return(c("--config", name, as_utf8(value)))
    }
    where <- paste0("Configuration ", dQuote(name, FALSE), " of flow ", dQuote(flow_name, FALSE))
    c("--config-value", name, config_json(value, where, quote(run())))
  }))
}

# Metaflow wants the file of a default for a resumed run as well, whose configuration is that of its origin.
check_configs <- function(flow, given, command) {
  given <- c(given, configs_of_environment())
  flow_name <- .subset2(flow, "name")
  for (x in .subset2(flow, "configs")) {
    if (x$name %in% given) next
    if (!is.null(x$default)) check_file(x$default, x$name, flow_name, "Configuration")
    if (command == "run" && x$required && is.null(x$default) && is.null(x$literals$default_value)) {
      name <- x$name
      gangway_abort(c(
        "Flow {.val {flow_name}} needs the configuration {.val {name}}.",
        i = "From R: {.code run(flow, {name} = \"config.yml\")}. From the command line: \
             {.code --config {name} config.yml run}."
      ), "gangway_error_parameter", name = name, call = quote(run()))
    }
  }
}

configs_of_environment <- function() {
  text <- Sys.getenv(c("METAFLOW_FLOW_CONFIG", "METAFLOW_FLOW_CONFIG_VALUE"))
  unlist(lapply(text[nzchar(text)], function(x) names(tryCatch(jsonlite::fromJSON(x), error = function(e) NULL))))
}
