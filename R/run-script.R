# The command line of `Rscript flow.R ...`, which goes to Metaflow as it is; what the script gave to run() only fills in
# what the command line leaves open.

# Options before the command that are followed by a value, or two.
options_with_value <- c(
  "--with" = 1L, "--datastore" = 1L, "--datastore-root" = 1L, "--metadata" = 1L, "--environment" = 1L,
  "--package-suffixes" = 1L, "--event-logger" = 1L, "--monitor" = 1L, "--mode" = 1L, "--local-config-file" = 1L,
  "--branch" = 1L, "--config" = 2L, "--config-value" = 2L
)

#' @param options,values,config_values Options of run(), parameters and configurations as arguments.
#' @param script The script's arguments.
#' @return As [run_command()].
#' @noRd
script_command <- function(flow, options, values, config_values, script) {
  own <- own_options(flow)
  at <- command_position(script, own)
  if (is.na(at) && !any(c("--help", "--version") %in% script)) {
    # `Rscript flow.R --alpha 0.3`, which Netflix's package takes for a run
    at <- c(which(is_option(script, own)), length(script) + 1L)[1L]
    script <- append(script, "run", after = at - 1L)
  }
  before <- if (is.na(at)) script else script[seq_len(at - 1L)]
  name <- if (is.na(at)) "help" else script[at]
  after <- if (is.na(at)) character() else script[-seq_len(at)]
  given <- script[which(script %in% c("--config", "--config-value")) + 1L]
  if (name %in% c("run", "resume") && !"--help" %in% after) {
    check_configs(flow, c(given, config_values[seq_along(config_values) %% 3L == 2L]), name)
  }
  # Metaflow takes --with on either side of the command
  top <- c(not_in(top_arguments(options), script), if (name != "resume") configs_not_in(config_values, given))
  mine <- c(
    if (name %in% c("run", "resume")) option_arguments(options, run_options),
    if (name == "run") c(values, split_words(options$other_args))
  )
  if ("--help" %in% after) mine <- character()
  written <- c(before, after)
  list(
    args = as.character(c(top, before, if (!is.na(at)) name, not_in(mine, after), after)),
    top = c(top, joined_options(before)),
    with = c(sub("^--with=", "", grep("^--with=", top, value = TRUE)), option_values("--with", written)), name = name,
    writes = name %in% c("run", "resume") && !"--help" %in% after, from_script = TRUE
  )
}

#' Where the command stands among arguments, or `NA` if what only a run takes comes first
#' @noRd
command_position <- function(script, own) {
  i <- 1L
  while (i <= length(script) && !is_option(script[i], own)) {
    if (!startsWith(script[i], "-")) {
      return(i)
    }
    skip <- options_with_value[script[i]]
    i <- i + 1L + if (is.na(skip)) 0L else skip
  }
  NA_integer_
}

own_options <- function(flow) {
  names <- c(names(.subset2(flow, "parameters")), gsub("_", "-", names(run_options), fixed = TRUE))
  # --branch is Metaflow's only in a flow with @project, so a parameter may have that name.
  setdiff(paste0("--", names), setdiff(names(options_with_value), "--branch"))
}

is_option <- function(words, options) sub("=.*$", "", words) %in% options

# My arguments without those that the command line has as well.
not_in <- function(mine, script) {
  taken <- sub("=.*$", "", script[startsWith(script, "--")])
  opposite <- c("--no-pylint" = "--pylint", "--quiet" = "--not-quiet", "--not-quiet" = "--quiet")
  option <- sub("=.*$", "", mine)
  mine[!option %in% taken & !opposite[option] %in% taken]
}

# Of configurations of three words each, those that the command line has not given.
configs_not_in <- function(mine, given) {
  mine[rep(!mine[seq_along(mine) %% 3L == 2L] %in% given, each = 3L)]
}

# The values of an option: `--with retry` and `--with=retry`.
option_values <- function(option, script) {
  after <- which(script == option) + 1L
  joined <- paste0(option, "=")
  c(script[after[after <= length(script)]], sub(joined, "", script[startsWith(script, joined)], fixed = TRUE))
}

# `--datastore local` as `--datastore=local`.
joined_options <- function(script) {
  unlist(lapply(names(options_with_value), function(option) {
    values <- option_values(option, script)
    if (length(values)) paste0(option, "=", values)
  }))
}
