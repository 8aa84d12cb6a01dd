# The command line of a run, as a pure function of the flow, the arguments of run() and those of the script.

# Options of Metaflow and the side of the command they stand on; "many" may be given several times, "flag" has no value.
top_options <- c(
  with = "many", datastore = "one", datastore_root = "one", metadata = "one", environment = "one",
  package_suffixes = "comma", quiet = "flag", pylint = "flag", event_logger = "one", monitor = "one", mode = "one"
)
run_options <- c(
  tag = "many", max_workers = "one", max_num_splits = "one", max_log_size = "one", run_id_file = "one",
  namespace = "one"
)
# These choose another command than run, and belong to it.
command_arguments <- c(
  "resume", "origin_run_id", "batch", "step_functions", "logs", "show", "help", "other_args", "seed", "wait"
)
batch_options <- c(my_runs = "flag", run_id = "one", user = "one")
step_functions_options <- c(
  generate_new_token = "flag", only_json = "flag", running = "flag", succeeded = "flag", failed = "flag",
  timed_out = "flag", aborted = "flag", authorize = "one", new_token = "one", workflow_timeout = "one"
)

#' What to run
#'
#' @param flow A flow.
#' @param args The arguments of run(), named.
#' @param script The command line of the script.
#' @return A list: `args` (for `python flow.py`), `top` (those before the command), `with` (decorators), `name` of the
#'   command, `writes` (whether it makes a run), `from_script`, `quiet` (`NULL` where nobody has said).
#' @noRd
run_command <- function(flow, args = list(), script = character()) {
  check_argument_names(flow, args)
  known <- names(.subset2(flow, "parameters"))
  parameters <- args[names(args) %in% known]
  configs <- args[names(args) %in% names(.subset2(flow, "configs"))]
  options <- args[!names(args) %in% c(known, names(configs))]
  options <- options[!vapply(options, is.null, NA)]
  options$quiet <- options$quiet %||% getOption("gangway.quiet")
  values <- parameter_arguments(flow, parameters)
  config_values <- config_arguments(flow, configs)
  if (length(script)) {
    return(c(script_command(flow, options, values, config_values, script), list(quiet = options$quiet)))
  }
  command <- chosen_command(options)
  if (command$name == "run") {
    check_required(flow, parameters)
  } else if (command$name == "resume" && length(c(values, config_values))) {
    abort_resume(flow, c(names(parameters), names(configs)))
  }
  if (command$name %in% c("run", "resume")) check_configs(flow, config_values, command$name)
  finished <- finish_command(c(top_arguments(options), config_values), command, c(
    if (command$name %in% c("run", "resume")) option_arguments(options, run_options),
    if (command$takes_parameters) values
  ), split_words(options$other_args))
  c(finished, list(quiet = options$quiet))
}

finish_command <- function(top, command, after, other) {
  words <- c(top, command$words, after, other)
  with <- sub("^--with=", "", grep("^--with=", c(top, other), value = TRUE))
  list(
    args = as.character(words), top = top, with = with, name = command$name,
    writes = command$name %in% c("run", "resume"), from_script = FALSE
  )
}

#' The command that run()'s arguments ask for
#' @return A list of `name`, `words` and `takes_parameters`.
#' @noRd
chosen_command <- function(options) {
  given <- function(name, what) {
    if (!is_string(options[[name]]) || !nzchar(options[[name]])) {
      abort_argument(name, options[[name]], what)
    }
    options[[name]]
  }
  choose <- function(name, words, takes_parameters = FALSE) {
    list(name = name, words = words, takes_parameters = takes_parameters)
  }
  if (is_true(options, "help")) {
    choose("help", "--help")
  } else if (is_true(options, "show")) {
    choose("show", "show")
  } else if (!is.null(options$logs)) {
    choose("logs", c("logs", "show", given("logs", "the path of a task, as \"12/start\"")))
  } else if (!is.null(options$step_functions)) {
    words <- split_words(given("step_functions", "a command, as \"create\""))
    more <- option_arguments(options, c(step_functions_options, run_options[c("tag", "max_workers", "namespace")]))
    choose("step-functions", c("step-functions", words, more), takes_parameters = "trigger" %in% words)
  } else if (is.character(options$batch)) {
    choose("batch", c("batch", given("batch", "TRUE, \"list\" or \"kill\""), option_arguments(options, batch_options)))
  } else if (is.character(options$resume) || is_true(options, "resume")) {
    origin <- option_arguments(options, c(origin_run_id = "one"))
    choose("resume", c("resume", if (is.character(options$resume)) given("resume", "TRUE or a step"), origin))
  } else {
    choose("run", "run", takes_parameters = TRUE)
  }
}

is_true <- function(options, name) {
  value <- options[[name]]
  if (!is.null(value) && !is_bool(value)) abort_argument(name, value, "TRUE or FALSE")
  isTRUE(value)
}

top_arguments <- function(options) {
  if (is_bool(options$batch) && options$batch) options$with <- c(options$with, "batch")
  if (is.null(options$pylint)) options$pylint <- FALSE
  option_arguments(options, top_options)
}

option_arguments <- function(options, known) {
  unlist(lapply(intersect(names(known), names(options)), function(name) {
    option_argument(name, options[[name]], known[[name]])
  }))
}

option_argument <- function(name, value, kind) {
  option <- paste0("--", gsub("_", "-", name, fixed = TRUE))
  if (kind == "flag") {
    if (!is_bool(value)) abort_argument(name, value, "TRUE or FALSE")
    negative <- c(quiet = "--not-quiet", pylint = "--no-pylint")
    return(if (value) option else unname(negative[name])[name %in% names(negative)])
  }
  several <- kind %in% c("many", "comma")
  value <- if (is.list(value)) unlist(value) else value
  whole <- is.numeric(value) && !anyNA(value) && all(value == trunc(value))
  if (!(is.character(value) || whole) || anyNA(value) || (!several && length(value) != 1L)) {
    abort_argument(name, value, if (several) "strings" else "one string or whole number")
  }
  text <- if (is.numeric(value)) sprintf("%.0f", value) else vapply(value, as_utf8, "", USE.NAMES = FALSE)
  if (kind == "comma") text <- paste(text, collapse = ",")
  paste0(option, "=", text)
}

check_argument_names <- function(flow, args) {
  flow_name <- .subset2(flow, "name")
  parameters <- names(.subset2(flow, "parameters"))
  known <- c(
    parameters, names(.subset2(flow, "configs")), names(top_options), names(run_options), command_arguments,
    names(batch_options), names(step_functions_options)
  )
  if (length(args) && (is.null(names(args)) || !all(nzchar(names(args))))) {
    gangway_abort(c(
      "Flow {.val {flow_name}}: the arguments of {.fn run} have names.",
      i = "For example {.code run(flow, alpha = 0.3, with = \"retry\")}."
    ), "gangway_error_argument", call = quote(run()))
  }
  for (name in names(args)) {
    if (!name %in% known) {
      near <- did_you_mean(name, known) %||% did_you_mean(name, parameters, "flow's parameters")
      gangway_abort(c(
        "Flow {.val {flow_name}} has no parameter {.val {name}}, and {.fn run} no such option.", near
      ), "gangway_error_argument", name = name, call = quote(run()))
    }
  }
  twice <- names(args)[duplicated(names(args))]
  if (length(twice)) {
    gangway_abort(
      "Flow {.val {flow_name}}: {.arg {twice[1]}} is given twice to {.fn run}.", "gangway_error_argument",
      call = quote(run())
    )
  }
}

abort_argument <- function(name, value, wanted) {
  got <- describe(value)
  gangway_abort(
    "The argument {.arg {name}} of {.fn run} has to be {wanted}, not {got}.", "gangway_error_argument",
    name = name, call = quote(run())
  )
}

abort_resume <- function(flow, names) {
  flow_name <- .subset2(flow, "name")
  gangway_abort(c(
    "Flow {.val {flow_name}}: a resumed run has the parameters and configurations of its origin, \\
     so {.arg {names}} cannot be given.",
    i = "Leave {.arg resume} out to make a new run."
  ), "gangway_error_argument", call = quote(run()))
}

# other_args: several strings are arguments as they are; one is split as a shell would.
split_words <- function(x) {
  if (is.null(x) || length(x) != 1L) {
    return(as.character(unlist(x)))
  }
  scan(text = as_utf8(x), encoding = "UTF-8", what = "", quote = "\"'", quiet = TRUE, comment.char = "")
}
