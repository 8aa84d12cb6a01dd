# Real runs: in a working folder, a Metaflow home and an R library of their own, and nothing left running.

run_python_path <- function() {
  python <- Sys.getenv("GANGWAY_PYTHON")
  testthat::skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  python
}

# A folder to run flows in, as the environment variables and the working folder of the caller.
local_run_folder <- function(env = parent.frame()) {
  run_python_path()
  folder <- normalizePath(withr::local_tempdir(.local_envir = env))
  withr::local_dir(folder, .local_envir = env)
  withr::local_envvar(METAFLOW_USER = "dev", METAFLOW_HOME = folder, METAFLOW_DEFAULT_METADATA = "local",
    METAFLOW_DATASTORE_SYSROOT_LOCAL = NA, .local_envir = env)
  folder
}

# A run whose log is not shown.
quiet_run <- function(...) {
  result <- NULL
  utils::capture.output(result <- run(...))
  result
}

# `Rscript flow.R <args>`: list(status, stdout, stderr).
rscript <- function(lines, args = character(), ..., timeout = 280) {
  file <- withr::local_tempfile(fileext = ".R")
  writeLines(enc2utf8(c("suppressPackageStartupMessages(library(gangway))", lines)), file, useBytes = TRUE)
  processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", file, args),
    error_on_status = FALSE, timeout = timeout, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")), ...)
}

# Processes whose command line or environment has `what`, apart from this one.
processes_with <- function(what) {
  pids <- setdiff(list.files("/proc", "^[0-9]+$"), as.character(Sys.getpid()))
  Filter(function(pid) {
    text <- tryCatch(
      suppressWarnings(c(
        readBin(file.path("/proc", pid, "cmdline"), "raw", 1e5), readBin(file.path("/proc", pid, "environ"), "raw", 1e5)
      )),
      error = function(e) raw()
    )
    text[text == 0L] <- charToRaw(" ")
    grepl(what, rawToChar(text), fixed = TRUE, useBytes = TRUE)
  }, pids)
}

expect_nothing_left <- function(folder, within = 40) {
  end <- Sys.time() + within
  while (length(processes_with(folder)) && Sys.time() < end) Sys.sleep(0.1)
  testthat::expect_equal(processes_with(folder), character())
}
