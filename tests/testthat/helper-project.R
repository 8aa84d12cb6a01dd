# A flow project in a git repository of its own, and its script run as a user runs it.

local_flow_project <- function(env = parent.frame()) {
  testthat::skip_if_not(nzchar(Sys.which("git")), "git is installed")
  path <- file.path(local_run_folder(env), "fuelEconomy")
  suppressMessages(create_flow_project(path, gangway = paste0("example/gangway@", strrep("a", 40))))
  withr::local_dir(path, .local_envir = env)
  local_git_identity(env)
  processx::run("git", c("init", "--quiet"))
  commit_all()
  path
}

local_git_identity <- function(env = parent.frame()) {
  withr::local_envvar(
    GIT_AUTHOR_NAME = "dev", GIT_AUTHOR_EMAIL = "dev@example.com", GIT_COMMITTER_NAME = "dev",
    GIT_COMMITTER_EMAIL = "dev@example.com", GIT_CONFIG_GLOBAL = "/dev/null", .local_envir = env
  )
}

commit_all <- function() {
  processx::run("git", c("add", "."))
  processx::run("git", c("commit", "--quiet", "--message", "change"))
  invisible()
}

# `Rscript flow.R run`, in the working folder.
run_project <- function(..., args = character(), file = "flow.R") {
  result <- processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", file, "run", args),
    error_on_status = FALSE, timeout = 300, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  result$log <- paste(result$stdout, result$stderr)
  result
}
