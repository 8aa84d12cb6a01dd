# What a Python has, found without starting it where that is possible: every run asks.

#' Versions of what gangway needs in a Python
#'
#' @param python Path of a Python.
#' @return A list of strings `metaflow` and `ray` (versions, or `""`), and `core`, whether gangway's core
#'   can be imported already. Kept for the session.
#' @noRd
probe_python <- function(python) {
  key <- paste(python, Sys.getenv("PYTHONPATH"), sep = "\n")
  if (is.null(session$probes[[key]])) {
    session$probes[[key]] <- probe_folder(python) %||% probe_process(python)
  }
  session$probes[[key]]
}

see_sitrep <- c(i = "{.fn gangway_sitrep} tells what is there, and what is missing.")

forget_probes <- function() session$probes <- NULL

# A virtual environment of its own that holds Metaflow: its folder tells everything.
probe_folder <- function(python) {
  home <- dirname(dirname(python))
  config <- file.path(home, "pyvenv.cfg")
  sites <- Sys.glob(file.path(home, "lib", "python3*", "site-packages"))
  if (length(sites) != 1L || !file.exists(config)) {
    return(NULL)
  }
  if (any(grepl("include-system-site-packages *= *true", readLines(config, warn = FALSE)))) {
    return(NULL)
  }
  files <- list.files(sites)
  metaflow <- dist_version(files, "metaflow")
  if (!nzchar(metaflow)) {
    return(NULL)
  }
  folders <- c(sites, strsplit(Sys.getenv("PYTHONPATH"), .Platform$path.sep, fixed = TRUE)[[1L]])
  core <- any(dir.exists(file.path(folders, "metaflow_extensions", "gangway"))) ||
    nzchar(dist_version(files, "metaflow_gangway"))
  list(metaflow = metaflow, ray = dist_version(files, "ray"), core = core)
}

dist_version <- function(files, name) {
  pattern <- paste0("^", name, "-(.*)\\.dist-info$")
  found <- grep(pattern, files, value = TRUE)
  if (length(found)) sub(pattern, "\\1", found[1L]) else ""
}

# Without the working folder, where a module of the user's may have the name of one of Python's.
probe_code <- "
import sys
sys.path = [p for p in sys.path if p]
import importlib.metadata, importlib.util
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ''
def core():
    try:
        return importlib.util.find_spec('metaflow_extensions.gangway') is not None
    except ModuleNotFoundError:
        return False
print(version('metaflow'), version('ray'), int(core()), sep='|')
"

probe_process <- function(python) {
  out <- tryCatch(
    processx::run(python, c("-c", probe_code), error_on_status = FALSE, timeout = 60),
    error = function(e) list(status = 1L, stderr = conditionMessage(e))
  )
  if (out$status != 0L) {
    said <- cli_literal(utils::tail(strsplit(trimws(out$stderr), "\n")[[1L]], 3L))
    gangway_abort(c(
      "The Python {.file {python}} does not work.",
      stats::setNames(said, rep("x", length(said))),
      i = "gangway needs Python {oldest_python} or later; {.fn install_metaflow} makes an environment with one.",
      see_sitrep
    ), "gangway_error_python", call = NULL)
  }
  # The line may follow others, which a sitecustomize.py prints.
  line <- utils::tail(strsplit(trimws(out$stdout), "\n")[[1L]], 1L)
  parts <- strsplit(line, "|", fixed = TRUE)[[1L]]
  list(metaflow = parts[1L], ray = parts[2L], core = parts[3L] == "1")
}

#' Check that a Python has what a flow needs
#'
#' @param ray Whether Ray is needed: for a step that runs on it on this machine.
#' @noRd
check_python <- function(python, ray = FALSE) {
  problem <- python_problem(probe_python(python), ray)
  if (nzchar(problem)) {
    forget_probes() # the next try may follow an installation
    gangway_abort(c(
      "The Python {.file {python}} {problem}.",
      i = "{.fn install_metaflow} makes an environment that has it; {.fn gangway_python} says how a Python is chosen.",
      see_sitrep
    ), "gangway_error_python", call = NULL)
  }
  warn_untried(probe_python(python), ray)
  invisible(python)
}

#' Say once that gangway was not tried with a release as new
#'
#' It works as a rule: what gangway replaces of Metaflow is checked before, and all else fails by name.
#' @param has,ray As in `python_problem()`.
#' @noRd
warn_untried <- function(has, ray = FALSE) {
  for (name in c("Metaflow", if (ray) "Ray")) {
    version <- has[[tolower(name)]]
    bound <- version_bound(tolower(name), "<")
    if (at_least(version, bound)) {
      older <- paste0("'", tolower(name), "<", bound, "'")
      gangway_warn(c(
        "{name} {version} is newer than what this gangway was tried with, the releases before {bound}.",
        i = "If something fails, update gangway, or install an older one: {.code pip install {older}}."
      ), "gangway_warning_untried", .frequency = "once", .frequency_id = paste("gangway", name, version))
    }
  }
}

# What a Python lacks, as in "does not have Ray: ..."; "" if nothing.
python_problem <- function(has, ray = FALSE) {
  problems <- c(
    version_problem("Metaflow", has$metaflow),
    if (ray) version_problem("Ray", has$ray)
  )
  c(problems[nzchar(problems)], "")[1L]
}

version_problem <- function(name, version) {
  oldest <- version_bound(tolower(name), ">=")
  if (nzchar(version) && at_least(version, oldest)) {
    return("")
  }
  what <- if (nzchar(version)) c("has ", name, " ", version, ", which is too old") else c("does not have ", name)
  paste0(paste(what, collapse = ""), ": gangway needs ", name, " ", oldest, " or later")
}

# Of "2.53.0rc1" and "2.19.39.1+local" only the numbers count.
at_least <- function(version, oldest) {
  numbers <- regmatches(version, regexpr("^[0-9]+(\\.[0-9]+)*", version))
  length(numbers) == 1L && numeric_version(numbers) >= oldest
}
