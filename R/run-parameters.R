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
    got <- describe(value)
    name <- p$name
    gangway_abort(
      "Parameter {.val {name}} of flow {.val {flow_name}} has to be {wanted}, not {got}.", "gangway_error_parameter",
      name = name, call = quote(run())
    )
  }
  option <- paste0("--", p$name)
  if (isTRUE(p$is_flag)) {
    if (!is_bool(value)) refuse("TRUE or FALSE")
    # Click's flag means: the opposite of the default.
    return(if (value != isTRUE(p$default)) option)
  }
  text <- switch(p$type %||% "str",
    int = text_of_int(value, refuse),
    float = text_of_float(value, refuse),
    bool = if (is_bool(value)) c("False", "True")[value + 1L] else refuse("TRUE or FALSE"),
    JSONType = py_literal(
      value, paste0("parameter ", dQuote(p$name, FALSE)), json_dialect, "gangway_error_parameter", quote(run())
    ),
    str = text_of_string(value, p, refuse)
  )
  paste0(option, "=", text)
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

check_required <- function(flow, given) {
  given <- given[!vapply(given, is.null, NA)]
  for (p in .subset2(flow, "parameters")) {
    if (isTRUE(p$required) && is.null(p$default) && !p$name %in% names(given)) {
      name <- p$name
      flow_name <- .subset2(flow, "name")
      gangway_abort(c(
        "Flow {.val {flow_name}} needs a value for the parameter {.val {name}}.",
        i = "From R: {.code run(flow, {name} = ...)}. From the command line: {.code run --{name} ...}."
      ), "gangway_error_parameter", name = name, call = quote(run()))
    }
  }
}
