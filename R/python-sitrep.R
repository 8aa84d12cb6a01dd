# gangway_sitrep(): what is there, what is missing or too old, and the line that mends it.

#' What gangway finds on this machine
#'
#' R, Python and what gangway needs of both, with versions and places; where runs and artifacts are kept; and, if
#' Metaflow's settings name AWS, who you are there and whether the queue takes jobs. What is missing or does not fit
#' comes with the line that mends it.
#'
#' It starts no Python in this R session, and changes nothing. AWS is asked only if a datastore on S3 or a queue of AWS
#' Batch is configured, for a few seconds at most.
#'
#' @return A data frame of class `gangway_sitrep`, invisibly, which is printed: `section`, `name`, `value` (a version or
#'   a setting), `where` (a path), `problem` and `mend` (code or a command), the last two `NA` where all is well.
#' @seealso [install_metaflow()], [gangway_python()], [test()] to see whether a flow runs.
#' @export
#' @examples
#' report <- gangway_sitrep()
#' report[!is.na(report$problem), c("name", "problem", "mend")]
gangway_sitrep <- function() {
  python <- tryCatch(gangway_python(), gangway_error_python = identity)
  rows <- c(sitrep_r(), sitrep_python(python))
  if (is.character(python) && !any(vapply(rows, stops_metaflow, NA))) rows <- c(rows, sitrep_settings(python))
  report <- as.data.frame(do.call(rbind, rows))
  class(report) <- c("gangway_sitrep", "data.frame")
  print(report)
  invisible(report)
}

sitrep_row <- function(section, name, value = NA, where = NA, problem = NA, mend = NA) {
  vapply(c(section = section, name = name, value = value, where = where, problem = problem, mend = mend),
    as.character, "")
}

stops_metaflow <- function(row) row[["name"]] %in% c("Python", "metaflow") && !is.na(row[["problem"]])

sitrep_r <- function() {
  row <- function(package, ...) {
    sitrep_row("R", package, format(utils::packageVersion(package)), system.file(package = package), ...)
  }
  core <- tryCatch({
    core_path()
    NA
  }, gangway_error_python = said_by)
  list(
    sitrep_row("R", "R", format(getRversion()), R.home()),
    row("gangway", core, if (is.na(core)) NA else "install gangway from a tarball or a git checkout"),
    do.call(row, c(list("reticulate"), sitrep_session()))
  )
}

said_by <- function(error) cli::ansi_strip(error$message)

# The Python that this session has started: it cannot be another one any more.
sitrep_session <- function() {
  if (is_in_task() || !reticulate::py_available()) {
    return(list())
  }
  problem <- tryCatch({
    check_running_python(ray = FALSE)
    NULL
  }, gangway_error_python = said_by)
  if (!is.null(problem)) list(problem, "restart R, and call a function of gangway first")
}

sitrep_python <- function(python) {
  if (inherits(python, "error")) {
    mend <- paste("install Python", oldest_python, "or later, then call install_metaflow()")
    if (is_chosen()) mend <- "remove that; install_metaflow() makes a Python that has everything"
    return(list(sitrep_row("Python", "Python", problem = said_by(python), mend = mend)))
  }
  has <- tryCatch(look_into(python), error = function(e) conditionMessage(e))
  if (is.character(has)) {
    return(list(sitrep_row("Python", "Python", NA, python, paste("it does not work:", has), "install_metaflow()")))
  }
  old <- if (at_least(has$python, oldest_python)) NA else paste("too old: gangway needs", oldest_python, "or later")
  c(
    list(sitrep_row("Python", "Python", has$python, python, old, if (is.na(old)) NA else "install_metaflow()")),
    lapply(names(python_packages), sitrep_package, has = has, python = python)
  )
}

# Whether the user has named the Python: an environment of install_metaflow() would not be taken.
is_chosen <- function() {
  any(nzchar(c(getOption("gangway.python", ""), Sys.getenv(c("GANGWAY_PYTHON", "METAFLOW_PYTHON")))))
}

sitrep_package <- function(name, has, python) {
  found <- has$packages[[name]]
  problem <- package_problem(name, found$version, if (name == "rpy2-rinterface") has$rpy2)
  wanted <- grep(paste0("^", name, "([^a-z-]|$)"), python_requirements(), value = TRUE)
  mend <- if (is_chosen()) paste0(python, " -m pip install \"", wanted, "\"") else "install_metaflow()"
  sitrep_row("Python", name, found$version %||% NA, found$where %||% NA, problem, if (is.na(problem)) NA else mend)
}

package_problem <- function(name, version, broken = NULL) {
  uses <- c(ray = "only for steps on Ray", pandas = "only to read its tables", isal = "artifacts are packed slowly")
  if (is.null(version)) {
    return(if (name %in% names(uses)) paste0("not installed (", uses[[name]], ")") else "not installed")
  }
  if (!is.null(broken)) {
    return(paste("it does not work with this R:", broken))
  }
  bounds <- c(strsplit(python_packages[[name]], ",", fixed = TRUE)[[1L]], named_constraints(name))
  wrong <- Filter(function(bound) !within_bound(version, bound), bounds[nzchar(bounds)])
  if (length(wrong)) paste0("gangway wants ", paste(wrong, collapse = ", ")) else NA
}

named_constraints <- function(name) {
  holding <- constraints_for(list(R = getRversion(), reticulate = utils::packageVersion("reticulate")))
  unlist(strsplit(holding[names(holding) == name], ",", fixed = TRUE), use.names = FALSE)
}

within_bound <- function(version, bound) {
  limit <- sub("^[<>=]+", "", bound)
  if (startsWith(bound, ">=")) at_least(version, limit) else !at_least(version, limit)
}

sitrep_code <- "
import json, os, sys
import importlib.metadata as metadata
found = {}
for name in sys.argv[1:]:
    try:
        one = metadata.distribution(name)
        found[name] = {'version': one.version, 'where': os.path.abspath(str(one.locate_file('')))}
    except metadata.PackageNotFoundError:
        pass
broken = None
if 'rpy2-rinterface' in found:
    try:
        import rpy2.rinterface_lib.openrlib
    except Exception as error:
        broken = str(error) or type(error).__name__
print(json.dumps({'python': '%d.%d.%d' % sys.version_info[:3], 'packages': found, 'rpy2': broken}))
"

# What a Python says of itself and its packages. Its own error otherwise.
look_into <- function(python) {
  env <- c("current", R_HOME = R.home(), LD_LIBRARY_PATH = library_path())
  read_last_line(processx::run(python, c("-c", sitrep_code, names(python_packages)), env = env,
    error_on_status = FALSE, timeout = 60))
}

read_last_line <- function(out) {
  last <- function(text) utils::tail(strsplit(trimws(text), "\n", fixed = TRUE)[[1L]], 1L)
  if (out$status != 0L) stop(if (nzchar(out$stderr)) last(out$stderr) else paste("exit status", out$status))
  from_json(last(out$stdout))
}

# Metaflow's settings, and what AWS says if they name it.
sitrep_settings <- function(python) {
  said <- tryCatch(
    read_last_line(processx::run(python, python_module("metaflow_extensions.gangway.r.sitrep"),
      env = c("current", python_env(python)), error_on_status = FALSE, timeout = 60)),
    error = function(e) conditionMessage(e)
  )
  if (is.character(said)) {
    return(list(sitrep_row("Metaflow", "settings", problem = paste("they cannot be read:", said),
      mend = "look at METAFLOW_PROFILE and at ~/.metaflowconfig")))
  }
  c(
    list(
      sitrep_row("Metaflow", "metadata", said$metadata),
      sitrep_row("Metaflow", "namespace", said$namespace %||% "everybody's"),
      sitrep_datastore(said$datastore, said$root)
    ),
    if (!is.null(said$aws)) sitrep_aws(said$aws, said$queue, python)
  )
}

sitrep_datastore <- function(kind, root) {
  if (kind == "local" || !is.null(root)) {
    return(sitrep_row("Metaflow", "datastore", kind, root %||% NA))
  }
  sitrep_row("Metaflow", "datastore", kind, NA, "it has no address",
    paste0("metaflow configure, or set METAFLOW_DATASTORE_SYSROOT_", toupper(kind)))
}

sitrep_aws <- function(aws, queue, python) {
  row <- function(name, value, bad, mend) {
    mend <- if (is.null(bad)) NA else mend
    sitrep_row("AWS", name, value %||% NA, aws$region %||% NA, bad %||% NA, mend)
  }
  if (is.null(aws$identity)) {
    mend <- "aws configure, or set AWS_PROFILE and AWS_REGION"
    if (grepl("No module", aws$problem)) mend <- paste(python, "-m pip install boto3")
    return(list(row("identity", NULL, aws$problem, mend)))
  }
  identity <- row("identity", aws$identity, NULL, NA)
  if (is.null(queue)) {
    return(list(identity))
  }
  mend <- "metaflow configure aws, or set METAFLOW_BATCH_JOB_QUEUE"
  bad <- aws$problem
  if (identical(aws$queue, "missing")) {
    bad <- "there is no such queue"
  } else if (is.null(bad) && aws$queue != "ENABLED, VALID") {
    bad <- paste("it is", aws$queue)
    mend <- paste("aws batch update-job-queue --state ENABLED --job-queue", queue)
  }
  list(identity, row("queue", queue, bad, mend))
}

#' @export
print.gangway_sitrep <- function(x, ...) {
  for (section in unique(x$section)) {
    cli::cat_line(cli::rule(left = section))
    rows <- which(x$section == section)
    # What mends several is said once, at the last of them.
    last <- !duplicated(x$mend[rows], fromLast = TRUE)
    for (i in seq_along(rows)) cli::cat_line(format_sitrep_row(x[rows[i], ], last[i]))
  }
  problems <- sum(!is.na(x$problem))
  cli::cat_line()
  cli::cat_line(if (problems) {
    cli::format_inline("{problems} thing{?s} to look at. {.run gangway::test()} runs a flow.")
  } else {
    cli::format_inline("Nothing is missing. {.run gangway::test()} runs a flow.")
  })
  invisible(x)
}

format_sitrep_row <- function(row, mends) {
  ok <- is.na(row$problem)
  sign <- if (ok) cli::col_green(cli::symbol$tick) else cli::col_red(cli::symbol$cross)
  value <- if (is.na(row$value)) "" else paste0(" ", row$value)
  where <- if (is.na(row$where)) "" else cli::col_grey(paste0("  ", row$where))
  c(
    paste0(sign, " ", row$name, value, where),
    if (!ok) paste0("    ", row$problem),
    if (!ok && mends) paste0("    ", cli::symbol$arrow_right, " ", cli::style_bold(row$mend))
  )
}
