# Small conversions from Metaflow's Python objects, and how the client prints them.

# In one call to Python, because a flow may have thousands of runs
child_ids <- function(object) {
  bi <- py_builtins()
  id <- reticulate::import("operator", convert = FALSE)$attrgetter("id")
  py_strings(bi$map(id, object))
}

py_strings <- function(iterable) {
  bi <- py_builtins()
  as.character(reticulate::py_to_r(bi$list(iterable)))
}

# Python's builtins. mf_python() comes first: it sees to it that reticulate starts the right Python.
py_builtins <- function() {
  mf_python()
  reticulate::import_builtins(convert = FALSE)
}

# The objects of a Python iterable as an R list
py_list <- function(iterable) {
  mf_python()
  reticulate::iterate(iterable, simplify = FALSE)
}

# An attribute as Python has it. reticulate's own conversion of numbers and dates is not exact.
py_attribute <- function(object, name) {
  py_builtins()$getattr(object, name)
}

client_time <- function(object, name) {
  when <- py_attribute(object, name)
  if (inherits(when, "python.builtin.NoneType")) {
    return(NULL)
  }
  .POSIXct(reticulate::py_to_r(when$timestamp()))
}

client_duration <- function(client) {
  finished <- client$finished_at
  if (is.null(finished)) {
    return(NULL)
  }
  seconds <- as.numeric(difftime(finished, client$created_at, units = "secs"))
  if (seconds < 120) {
    return(paste(format(round(seconds, 1)), "secs"))
  }
  paste(format(round(seconds / 60, 1)), "mins")
}

client_text <- function(value) {
  if (inherits(value, "POSIXct")) format(value, "%Y-%m-%d %H:%M:%S") else as.character(value)
}

# "  name: value", a line each; what is NULL is left out
client_fields <- function(fields) {
  fields <- fields[lengths(fields) > 0L]
  for (name in names(fields)) {
    cat(strwrap(
      paste0(name, ": ", paste(client_text(fields[[name]]), collapse = ", ")),
      width = cli::console_width(), indent = 2, exdent = 4
    ), sep = "\n")
  }
}

# The layout of Netflix's summary() methods: values in one column, one line each
client_summary <- function(title, id, fields) {
  cat(cli::rule(left = paste0(title, ": ", id)), "\n", sep = "")
  width <- max(nchar(names(fields))) + 3L
  for (name in names(fields)) {
    value <- client_text(fields[[name]])
    if (!length(value)) value <- ""
    label <- formatC(c(paste0(name, ":"), rep("", length(value) - 1L)), width = -width)
    cat(paste0("    ", label, value, "\n"), sep = "")
  }
}
