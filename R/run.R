#' Run a flow
#'
#' From a console, `run()` runs the flow and returns its results. In a script that is started as
#' `Rscript flow.R run ...` the command line takes over: it is handed to Metaflow as it is. After a run
#' that went well the script goes on; else `run()` ends the script, and its exit status is Metaflow's.
#' Without arguments `Rscript flow.R` runs the flow. Wherever the arguments of R are not the flow's, `run()` behaves
#' as from a console.
#'
#' @param flow A flow; see [metaflow()].
#' @param ... Named arguments: the flow's parameters, and options.
#'   * Parameters by name: `alpha = 0.3`. The value has to be of the parameter's type; `NULL` leaves the default.
#'   * Configurations by name: the path of a file, or the values as a named list. See [config()].
#'   * `with`: decorators for all steps, `c("retry", "batch:cpu=2")`.
#'   * `max_workers`, `max_num_splits`, `max_log_size`: how many tasks run at a time, the widest `foreach`, megabytes
#'     of log.
#'   * `seed`: a whole number. Each task's random numbers are then a stream of its own (L'Ecuyer-CMRG), which the seed
#'     and the task's place in the graph decide: the same in every run, for any number of workers, and after a retry. A
#'     `set.seed()` before `run()` does not reach the tasks.
#'   * `tag`: one or more tags of the run. `namespace`, `run_id_file`: as `python flow.py run --help` says.
#'   * `datastore`, `datastore_root`, `metadata`, `environment`: where artifacts, records and packages come from and
#'     go to.
#'   * `package_suffixes`: suffixes of files to package for remote tasks, `c(".csv", ".R")`.
#'   * `wait`: `FALSE` returns as soon as the run has started, with an object that has its status, its log and in the
#'     end its result; see [background_run].
#'   * `quiet`: `TRUE` shows of the run's log nothing but that of a task that fails, `FALSE` all of its lines; see the
#'     section about the log. As a command line's option it is Metaflow's own.
#'   * `pylint`, `event_logger`, `monitor`: as `python flow.py --help` says.
#'   * `resume`: `TRUE`, or the name of the step to begin with; `origin_run_id`: of which run.
#'   * `batch`: `TRUE` runs all steps on AWS Batch; `"list"` or `"kill"` deals with the flow's jobs there
#'     (`my_runs`, `run_id`, `user`).
#'   * `step_functions`: `"create"`, `"trigger"`, ... (with `generate_new_token`, `only_json`, `running`, `succeeded`,
#'     `failed`, `timed_out`, `aborted`, `authorize`, `new_token`, `workflow_timeout`).
#'   * `show = TRUE`, `help = TRUE`, `logs = "run/step"`: what they say, instead of a run.
#'   * `other_args`: anything else for the command line. Each string is one argument; a single string is split at
#'     spaces,
#'     with quotes as in a shell.
#'
#'   A parameter with the name of an option takes precedence.
#' @return With `wait = FALSE` a [background_run]. Else from a console an object of class `gangway_run`: printed, it
#'   shows the run's steps; `$` gives artifacts of the run, `result$metrics`. In a script the same, invisibly. For
#'   anything that is not a run, the exit status, invisibly.
#' @section The command line:
#' `Rscript flow.R run --alpha 0.3 --with retry`, `show`, `resume`, `spin`, `--help`, `card view`: whatever
#' `python flow.py` takes. An option of the command line replaces the one that was given to `run()` in the script.
#'
#' The arguments of the R process are Metaflow's if all of this is so; else `run()` behaves as from a console, and
#' returns a result or raises an error:
#' * R was started by `Rscript FILE`; not by `Rscript -e`, `R -f`, `R -e` or littler, as workers of clusters are.
#' * The code of that file itself calls `run()`: its top level or functions of the script, directly, in a pipe or
#'   through functions of base R such as `tryCatch()` and `lapply()`. Not what a package calls or evaluates (knitr,
#'   plumber, testthat, a package of yours), what is read by [source()], or a fork of package parallel.
#' * Their first word (that is no option, and no option's value) is one of Metaflow's commands, such as `run` or `show`;
#'   or the script does not read its arguments itself: it neither calls [commandArgs()] (other than for its own path)
#'   nor uses optparse, argparse, argparser, docopt or getopt. So a command that is mistyped is Metaflow's error.
#'
#' `options(gangway.command_line = FALSE)` before `run()` leaves the arguments to the script in any case, and `TRUE`
#' gives them to Metaflow.
#' @section The log:
#' The lines of the tasks and of Metaflow are shown as they come. In a terminal or RStudio's console a `foreach` of 20
#' tasks and more has one line instead: how many tasks are done, run and have failed, and how much time is left. What
#' such a task has printed is shown if it fails (the last 100 lines, of the first five tasks); the log of any task is
#' `run(flow, logs = "12/start/1")`. `quiet = FALSE` shows all lines there too, `quiet = TRUE` none, and
#' `options(gangway.quiet = )` chooses for all runs of a session. Where the output is no terminal there are lines.
#' @section How tasks start:
#' On Linux a local task whose step is an R function is forked from a process of the run that has loaded Python,
#' Metaflow and R once, which saves most of the time that a small task takes. Packages, options and objects of the flow
#' are loaded in each task, as ever. A task starts on its own, as everywhere else, where a fork might differ from that:
#' with decorators that have a say in how it starts (`environment`, `conda`, `pypi`, `batch`, ...) or are not
#' Metaflow's own, in gangs, for Python steps, with a `.Rprofile`, and if R's start has left threads or open files.
#' `options(gangway.warm_start = FALSE)`, or the environment variable `GANGWAY_WARM_START=0`, starts all tasks so.
#' @section The image of remote tasks:
#' A step on AWS Batch or Kubernetes that names no image of its own has that of the whole run: what the environment
#' variable `METAFLOW_DEFAULT_CONTAINER_IMAGE` (or `METAFLOW_BATCH_CONTAINER_IMAGE`,
#' `METAFLOW_KUBERNETES_CONTAINER_IMAGE`) says, else `options(gangway.image = )`, else Metaflow's configuration file.
#' The option is a name or a function that returns it, such as `function() ecr_image("my-flows")`, which is called only
#' if such a step is run or deployed. Where none of them names an image, a step with an R function is refused before
#' anything is uploaded, as Metaflow's default image has no R.
#' @section Environment variables of remote tasks:
#' `Sys.setenv()` and the shell's variables reach local tasks. To AWS Batch and Kubernetes only those go that a step
#' lists with [environment_variables()], or takes from [secrets()]. A remote step that reads
#' another one of this session, by `Sys.getenv("NAME")`, is a warning (`gangway_warning_variables`).
#' @section Packages under development:
#' What `pkgload::load_all()` (devtools) has loaded is installed for the run, into a library of its own, and goes along
#' with the flow, to AWS Batch and to Ray's workers too; an older version that is installed is not used. That takes the
#' time of an installation once for each version of the files. If the files have changed since `load_all()`, the run is
#' refused (`gangway_error_bundle`). Compiled code needs the same version of R and the same kind of machine there.
#' @section Errors:
#' Classes `gangway_error_argument` (an unknown argument, with the nearest known one), `gangway_error_parameter`
#' (a value that is missing or of another type), `gangway_error_flow` and `gangway_error_bundle` (the flow itself),
#' `gangway_error_python`: all before anything is started. `gangway_error_run`: a run that failed, with its fields
#' `flow`, `run_id`, `status` and `failed` (a list with `pathspec`, `step`, `message`, `call`, `class`, `traceback`,
#' `index`, `node` and `parent` of each failed task). Where R code has failed, `parent` is the condition that it
#' signalled (without fields that make it larger than 1 MB), and the run's error has the classes and the fields of the
#' first one as well: `tryCatch(run(flow), my_error = )` works, and so does `gangway_error_ray_map =`. The message says
#' how to see the task's log, and how to go on with `resume`.
#' A `foreach` over more elements than `max_num_splits` also has the class `gangway_error_max_num_splits`.
#' Ctrl-C stops the tasks, and then R as any interrupt does.
#' @source Names and meanings are those of Netflix's R package `metaflow`.
#' @seealso [latest_run()] for the results of a run that was made elsewhere.
#' @export
#' @examples
#' flow <- metaflow("HelloFlow") %>%
#'   parameter("alpha", default = 0.3) %>%
#'   step(step = "start", r_function = function(self) self$double <- 2 * self$alpha,
#'        next_step = "end") %>%
#'   step(step = "end")
#' \dontrun{
#' result <- run(flow, alpha = 0.5, with = "retry", max_workers = 2, tag = "x")
#' result
#' result$double
#'
#' # Several at a time:
#' runs <- lapply(c(0.1, 0.5), function(alpha) run(flow, alpha = alpha, wait = FALSE))
#' runs[[1]]
#' vapply(runs, function(one) one$result()$double, 0)
#' }
#' # An argument that does not exist is an error before anything starts:
#' try(run(flow, alhpa = 0.5))
run <- function(flow = NULL, ...) {
  check_commas("run")
  if (!inherits(flow, "gangway_flow")) {
    # future's, callr's or processx's run()
    hidden <- hidden_function("run")
    if (!is.null(hidden)) return(if (missing(flow)) hidden(...) else hidden(flow, ...))
  }
  check_is_flow(flow, "run")
  if (tell_code(flow)) return(invisible())
  args <- list(...)
  seed <- run_seed(flow, args)
  if (!is.null(seed)) args$seed <- NULL
  waits <- run_waits(flow, args)
  if (!is.null(waits)) args$wait <- NULL
  command <- run_command(flow, args, script_arguments(environment()))
  background <- isFALSE(waits) && is_for_background(command)
  code <- flow_code(flow)
  python <- gangway_python()
  check_python(python, ray = needs_ray(flow, command))
  if (command$writes) check_writable(command$top)
  said <- substitute(flow)
  command$image <- image_settings(flow, command)
  warn_variables_left(flow, command)
  command$flow <- if (is.symbol(said) && !identical(said, quote(.))) as.character(said) else "flow"
  bytes <- flow_bundle_bytes(flow, is_stored(flow, command), seed, ran = records_code(command))
  if (background) {
    return(background_run$new(python, write_flow(flow, code, bytes, dirname(tempdir())), flow, command))
  }
  folder <- write_flow(flow, code, bytes)
  on.exit(unlink(folder, recursive = TRUE))
  mode <- if (command$writes && !command$from_script) log_mode(command$quiet) else "lines"
  outcome <- run_python(python, folder, command, flow, mode)
  # A run that went well lets the script go on, and work with the result.
  if (command$from_script && !(command$writes && outcome$status == 0L)) {
    unlink(folder, recursive = TRUE)
    if (!is.null(outcome$killed)) cli::cli_inform(killed_bullets(outcome$killed))
    quit(save = "no", status = outcome$status, runLast = FALSE)
  }
  # Before on.exit() removes the folder.
  outcome$report <- read_report(outcome$report)
  finish_run(flow, command, outcome)
}

#' A private folder with flow.py and flow.rds
#' @noRd
write_flow <- function(flow, code = flow_code(flow), bytes = flow_bundle_bytes(flow), place = tempdir()) {
  folder <- tempfile("gangway-", place)
  dir.create(folder, mode = "0700")
  path <- file.path(folder, "flow.py")
  file <- file(path, "wb")
  writeLines(enc2utf8(code), file, sep = "", useBytes = TRUE)
  close(file)
  writeBin(as.vector(bytes), file.path(folder, "flow.rds"))
  if (!is.null(attr(bytes, "ran"))) writeLines(attr(bytes, "ran"), file.path(folder, "ran.json"), useBytes = TRUE)
  folder
}

#' Whether Ray has to be there on this machine
#' @noRd
needs_ray <- function(flow, command) {
  remote <- c("batch", "kubernetes")
  with <- sub(":.*$", "", command$with)
  if (!command$writes || any(remote %in% with)) {
    return(FALSE)
  }
  any(vapply(flow[["steps"]], function(step) {
    names <- decorator_names(step)
    any(ray_decorators %in% names) && !any(remote %in% names)
  }, NA))
}

#' Metaflow's local datastore lies in the working folder, or in one above it that has one already
#' @noRd
check_writable <- function(top) {
  store <- sub("^--datastore=", "", grep("^--datastore=", top, value = TRUE))
  if (length(store) == 0L) store <- Sys.getenv("METAFLOW_DEFAULT_DATASTORE", "local")
  if (store != "local" || any(startsWith(top, "--datastore-root="))) {
    return(invisible())
  }
  root <- local_store(Sys.getenv("METAFLOW_DATASTORE_SYSROOT_LOCAL"), getwd())
  if (is_writable(root)) {
    return(invisible())
  }
  gangway_abort(c(
    "Metaflow keeps what a flow makes in the folder {.file {root}}, and that cannot be written to.",
    i = "Change to another folder ({.fn setwd}), or set the environment variable
         {.envvar METAFLOW_DATASTORE_SYSROOT_LOCAL} to a folder that can be."
  ), "gangway_error_run", call = NULL)
}

local_store <- function(sysroot, folder) {
  if (nzchar(sysroot)) {
    folder <- sysroot
    while (!dir.exists(folder) && dirname(folder) != folder) folder <- dirname(folder)
    return(folder)
  }
  start <- folder
  repeat {
    if (dir.exists(file.path(folder, ".metaflow"))) {
      return(file.path(folder, ".metaflow"))
    }
    if (dirname(folder) == folder) {
      return(start)
    }
    folder <- dirname(folder)
  }
}

# file.access() believes the permission bits, which say nothing for root or on a read-only file system.
is_writable <- function(folder) {
  if (file.access(folder, 2L) != 0L) {
    return(FALSE)
  }
  trial <- tempfile(".gangway-", folder)
  on.exit(unlink(trial))
  suppressWarnings(file.create(trial))
}
