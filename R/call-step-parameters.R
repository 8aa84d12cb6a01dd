# Values of a flow's parameters as a step sees them, for call_step().

#' @return A list of `values`, an environment of what is stored (defaults are computed when they are read, as they may
#'   cost something and most steps read few); `files`, paths by name; `unknown`, names that have no value.
#' @noRd
called_parameters <- function(world, given, call = parent.frame()) {
  if (!is.list(given) || (length(given) && (is.null(names(given)) || !all(nzchar(names(given)))))) {
    abort_called("{.arg parameters} has to be a named list, such as {.code list(alpha = 0.3)}.", call)
  }
  found <- list(values = new.env(parent = emptyenv()), files = new.env(parent = emptyenv()), unknown = character())
  encode <- function(x, name) world$write(x, paste0("parameters$", name))
  flow <- world$called$flow
  known <- if (!is.null(flow)) .subset2(flow, "parameters")
  configs <- if (!is.null(flow)) names(.subset2(flow, "configs"))
  wrong <- if (!is.null(flow)) setdiff(names(given), c(names(known), configs))
  if (length(wrong)) {
    name <- wrong[1L]
    abort_called(c("Flow {.val {world$called$flow_name}} has no parameter {.val {name}}.",
      did_you_mean(name, c(names(known), configs), "parameters")), call)
  }
  for (name in setdiff(names(given), names(known))) assign(name, encode(given[[name]], name), found$values)
  for (p in known) add_parameter(found, p, given, world, encode)
  without <- vapply(known, function(p) {
    !p$name %in% names(given) && (is_config_expr(p$default) || (p$required && is.null(p$default)))
  }, NA)
  found$unknown <- c(names(known)[without], setdiff(configs, names(given)))
  rm(list = intersect(found$unknown, names(found$values)), envir = found$values)
  found
}

add_parameter <- function(found, p, given, world, encode) {
  flow_name <- world$called$flow_name
  seen <- function(value, is_default = FALSE) {
    if (identical(p$type, "file") && !is.null(value)) assign(p$name, value, found$files)
    encode(seen_value(p, value, flow_name, is_default), p$name)
  }
  if (p$name %in% names(given)) {
    assign(p$name, seen(given[[p$name]]), found$values)
  } else {
    delayedAssign(p$name, seen(default_value(p, flow_name), is_default = TRUE), assign.env = found$values)
  }
}

# As run_default() calls it.
default_value <- function(p, flow_name) {
  if (!is.function(p$default)) {
    return(p$default)
  }
  context <- list(flow_name = flow_name, user_name = "test", parameter_name = p$name, ds_type = "local")
  task_runtime()$call_as(p$name, p$default, list(.context = context))
}

#' What a value of run() is in a step, when it has been text on the way
#' @noRd
seen_value <- function(p, value, flow_name, is_default) {
  if (is.null(value)) {
    return(NULL)
  }
  # A default that is one string is JSON already.
  if (is_default && identical(p$type, "JSONType") && is_string(value)) {
    return(simplified(from_json(value)))
  }
  text <- sub("^[^=]*=", "", parameter_argument(p, value, flow_name) %||% "")
  if (isTRUE(p$is_flag)) {
    return(value)
  }
  switch(p$type %||% "str",
    int = if (abs(as.numeric(text)) <= .Machine$integer.max) as.integer(text) else as.numeric(text),
    float = as.double(value),
    bool = as.vector(value),
    DateType = as.Date(text),
    TimeType = time_of_text(text),
    DataFrameType = seen_frame(p, value, "data.frame", flow_name),
    TibbleType = seen_frame(p, value, c("tbl_df", "tbl", "data.frame"), flow_name),
    JSONType = simplified(from_json(text)),
    file = if (is.null(p$parser)) enc2utf8(readChar(text, file.size(text), useBytes = TRUE)),
    if (is.null(p$separator)) text else strsplit(text, p$separator, fixed = TRUE)[[1L]]
  )
}

# Without Z or an offset, UTC.
time_of_text <- function(text) {
  pattern <- "^([0-9-]{10})([T ]([0-9]{2}:[0-9]{2})(:([0-9.]+))?)? ?(Z|([+-])([0-9]{2}):?([0-9]{2})?)?$"
  part <- regmatches(text, regexec(pattern, text))[[1L]]
  number <- function(i) if (nzchar(part[i])) as.numeric(part[i]) else 0
  clock <- if (nzchar(part[4L])) part[4L] else "00:00"
  offset <- (number(9L) * 3600 + number(10L) * 60) * if (part[8L] == "-") -1 else 1
  as.POSIXct(paste(part[2L], clock), format = "%Y-%m-%d %H:%M", tz = "UTC") + number(6L) - offset
}

seen_frame <- function(p, value, class, flow_name) {
  if (!is.data.frame(value)) {
    abort_value(p$name, flow_name, "is given as a data frame in a test, not as JSON")
  }
  rows <- attr(value, "row.names")
  frame <- as.list(value)
  attributes(frame) <- list(
    names = names(value), class = class, row.names = if (is.character(rows)) rows else .set_row_names(length(rows))
  )
  frame
}

# JSON as R sees it by way of Python: an array of values of one type is a vector.
simplified <- function(x) {
  if (!is.list(x)) {
    return(x)
  }
  x <- lapply(x, simplified)
  scalar <- vapply(x, function(one) is.atomic(one) && length(one) == 1L, NA)
  types <- unique(vapply(x, typeof, ""))
  is_vector <- is.null(names(x)) && all(scalar) && (length(types) == 1L || setequal(types, c("integer", "double")))
  if (is_vector) unlist(x) else x
}

copied_parameter_file <- function(world, name, folder) {
  stored_artifact(world, 1, name, character()) # an error where it has no value; a default is computed
  path <- get0(name, world$parameters$files, inherits = FALSE)
  if (is.null(path)) {
    return(NULL)
  }
  copy <- file.path(folder, basename(path))
  file.copy(path, copy)
  copy
}
