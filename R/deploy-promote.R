#' Say which run is fit for production, and check it in a workflow
#'
#' The gate between a run that somebody has looked at and the deployment of its code. `promote_run()` tags a run of a
#' flow, made with the code that is committed in this repository. `verify_promotion()`, in the workflow of a pull
#' request, is an error unless the newest tagged run was made with the code that is checked out there. So what is merged
#' and deployed is what was run. [create_flow_project()] makes a project with such workflows.
#'
#' @param flow Name of a flow, or the flow.
#' @param run_id Identifier of the run; the flow's latest by default.
#' @param tag The tag.
#' @param path A folder of the repository: the project around it counts, from the nearest folder upwards that has a
#'   `DESCRIPTION`.
#' @return Invisibly, a list: `run` (as `"TuneHousing/12"`), `commit` that is checked out, and `code`, the hash of the
#'   code. For `promote_run()` also `untagged`: the runs that the tag was taken from.
#' @details
#' [run()] records with each run which code it is made with, if the working folder belongs to a git repository:
#' a hash of all files that git would commit, by their contents, and the commit. They are *system tags* of the run,
#' which nobody can change later. What no run reads is left out: `.github`, `docs`, `man`, `tests`, and Markdown files.
#' So a run of changes that are committed afterwards counts, a squash or a rebase changes nothing, and a merge with
#' other changes of the code needs a new run. The files are those at the start of the run: start it with
#' `Rscript flow.R run` or `source("flow.R")`, which read them, rather than with functions of an older state that the
#' session still holds.
#'
#' A flow has one promoted run: the tag is taken from all others, older and newer, of everybody. A resumed run cannot be
#' promoted, because part of it was made with other code.
#' @section Errors:
#' Class `gangway_error_promotion`, with the field `reason`: `"no_repository"`, `"uncommitted"` (`promote_run()`
#' only), `"no_run"`, `"not_successful"`, `"no_record"`, `"other_code"` (with `files`, those that differ, where the
#' run's commit is known here). Class `gangway_error_client`: there is no such flow or run.
#' @export
#' @examples
#' \dontrun{
#' # In the project's folder, after a commit and `Rscript flow.R run`:
#' promote_run("TuneHousing")
#'
#' # In the workflow of the pull request:
#' verify_promotion("TuneHousing")
#' }
promote_run <- function(flow, run_id = NULL, tag = "ready_for_prod", path = ".") {
  state <- repository_state(path)
  check_tag(tag)
  if (length(state$changed)) abort_uncommitted(state)
  with_everybody({
    client <- flow_client$new(flow_name(flow))
    run <- run_client$new(client, run_id %||% "latest_run")
    check_run_code(run, state)
    # First the new one: at no moment is there none.
    run$get_obj()$add_tag(tag)
    others <- Filter(function(other) other$id != run$id, client$runs_with_tags(tag))
    for (other in others) other$get_obj()$remove_tag(tag)
    untagged <- vapply(others, function(other) other$pathspec, "")
    cli::cli_inform(c(
      v = "Run {.val {run$pathspec}} has the tag {.val {tag}}: its code is that of commit {short(state$commit)}.",
      i = if (length(untagged)) "The tag was taken from {.val {untagged}}."
    ))
    invisible(c(promotion(run, state), list(untagged = untagged)))
  })
}

#' @rdname promote_run
#' @export
verify_promotion <- function(flow, tag = "ready_for_prod", path = ".") {
  state <- repository_state(path)
  check_tag(tag)
  name <- flow_name(flow)
  with_everybody({
    runs <- flow_client$new(name)$runs_with_tags(tag)
    if (!length(runs)) {
      abort_promotion("no_run", c(
        "No run of flow {.val {name}} has the tag {.val {tag}}.",
        i = "Run it with this code, then call {.code promote_run(\"{name}\")}."
      ))
    }
    run <- runs[[which.max(vapply(runs, function(run) as.numeric(run$created_at), 0))]]
    check_run_code(run, state)
    cli::cli_inform(c(
      v = "Run {.val {run$pathspec}} was made with the code that is checked out here ({short(state$commit)})."
    ))
    invisible(promotion(run, state))
  })
}

promotion <- function(run, state) list(run = run$pathspec, commit = state$commit, code = state$code)

flow_name <- function(flow) if (inherits(flow, "gangway_flow")) flow[["name"]] else flow

short <- function(commit) substr(commit, 1L, 10L)

check_tag <- function(tag, call = parent.frame()) {
  if (!is_string(tag) || !nzchar(tag)) {
    gangway_abort("{.arg tag} must be one string, not {.obj_type_friendly {tag}}.", "gangway_error_argument",
      call = call)
  }
}

#' Evaluate with the runs of everybody in sight: a workflow is another user than who made the run
#' @noRd
with_everybody <- function(code) {
  mf <- mf_python()
  old <- mf$get_namespace()
  on.exit(mf$namespace(old))
  mf$namespace(NULL)
  force(code)
}

repository_state <- function(path) {
  if (!is_string(path) || !dir.exists(path)) {
    gangway_abort("{.arg path} must be a folder, and {.val {path}} is none.", "gangway_error_argument",
      call = parent.frame())
  }
  state <- code_state(path)
  if (is.null(state)) {
    folder <- normalizePath(path)
    abort_promotion("no_repository", c(
      "{.file {folder}} belongs to no git repository with a commit.",
      x = if (!nzchar(Sys.which("git"))) "The program git is not installed.",
      i = "What is promoted is committed code: {.code git init}, {.code git add .} and {.code git commit} first.",
      i = "In a container, git may refuse a folder of another user: {.code git config --global --add safe.directory}
           {.file {folder}}."
    ))
  }
  state
}

#' A run is fit if it succeeded, and was made with the code in `state`
#' @noRd
check_run_code <- function(run, state) {
  if (!isTRUE(run$successful)) {
    abort_promotion("not_successful", c(
      "Run {.val {run$pathspec}} has not succeeded: it failed, or has not finished.",
      i = "Only a run that succeeded is fit for production."
    ), run = run$pathspec)
  }
  record <- recorded_code(py_strings(run$get_obj()$system_tags))
  if (is.null(record)) {
    abort_promotion("no_record", c(
      "Run {.val {run$pathspec}} has no record of its code.",
      i = "It was made outside a git repository, resumed, deployed, or by another program than {.fn gangway::run}.",
      i = "Make a new run in the project's folder: {.code Rscript flow.R run}."
    ), run = run$pathspec)
  }
  if (record$code != state$code) abort_other_code(run, record, state)
}

abort_uncommitted <- function(state) {
  files <- state$changed
  abort_promotion("uncommitted", c(
    "Not all of {.file {state$root}} is committed: {.file {utils::head(files, 10L)}}.",
    i = "Commit it, or have git ignore what is no part of the code; the run stays valid if the contents do."
  ), files = files)
}

abort_other_code <- function(run, record, state) {
  files <- differing_files(state, record$commit)
  abort_promotion("other_code", c(
    "Run {.val {run$pathspec}} was made with other code than that of {.file {state$root}} at {short(state$commit)}.",
    x = if (length(files)) "Changed since commit {short(record$commit)}: {.file {utils::head(files, 10L)}}.",
    x = if (record$dirty) "It was made at commit {short(record$commit)} with changes that were not committed.",
    i = "Run the flow with the code as it is now, then call {.fn promote_run}."
  ), run = run$pathspec, files = files)
}

# The caller's variables are those that the message names; the call is promote_run() or verify_promotion().
abort_promotion <- function(reason, message, ..., envir = parent.frame()) {
  gangway_abort(message, "gangway_error_promotion", reason = reason, ..., call = NULL, .envir = envir)
}
