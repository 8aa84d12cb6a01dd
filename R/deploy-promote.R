#' Say which run is fit for production, and check it in a workflow
#'
#' The gate between a run that somebody has looked at and the deployment of its code. `promote_run()` tags a run of a
#' flow, made with the code that is committed in this repository. `verify_promotion()`, in the workflow of a pull
#' request, is an error unless the one tagged run was made with the code that is checked out there. So what is merged
#' and deployed is what was run. [create_flow_project()] makes a project with such workflows.
#'
#' @param flow Name of a flow, or the flow.
#' @param run_id Identifier of the run; the flow's latest by default.
#' @param tag The tag.
#' @param path A folder of the repository: the project around it counts, from the nearest folder upwards that has a
#'   `DESCRIPTION`.
#' @param script The script of the repository that runs the flow, by its path in the project. It is started, with
#'   `Rscript --vanilla`, as far as its [run()] of the flow, to learn what that would execute; nothing is run.
#' @return Invisibly, a list: `run` (as `"TuneHousing/12"`), `commit` that is checked out, and `code`, the hash of the
#'   code. For `promote_run()` also `untagged`: the runs that the tag was taken from.
#' @details
#' [run()] records with each run which code it is made with, if the working folder belongs to a git repository:
#' a hash of all files that git would commit, by their contents, and the commit. They are *system tags* of the run,
#' which nobody can change later. What no run reads is left out: `.github`, `docs`, `man`, `tests`, and Markdown files.
#' So a run of changes that are committed afterwards counts, a squash or a rebase changes nothing, and a merge with
#' other changes of the code needs a new run.
#'
#' The files may not be what was run: a script from elsewhere, functions of an older state that the session still
#' holds, an older version of the project's package that is installed. So a run also keeps, in the datastore, what it
#' *executed*: how the flow is put together (steps, decorators without their image, parameters), the code of its
#' functions and of those that they use, and of small plain values that they use a hash. That has to be what the
#' repository's script would execute. Functions are compared by their code, without comments and layout, whatever file
#' has them. Of other packages, R6 objects, times and large data nothing is compared: the first are in `renv.lock`.
#' Where steps ran remotely the files of the run's code package are compared, too.
#'
#' A flow has one promoted run: the tag is taken from all others, older and newer, of everybody. If two runs have it
#' (somebody set it by hand, or promoted at the same moment), neither is verified until `promote_run()` says which it
#' is. `verify_promotion()` looks once more at its end, so that what it has verified is the promoted run still. A
#' resumed run cannot be promoted, because part of it was made with other code.
#' @section Errors:
#' Class `gangway_error_promotion`, with the field `reason`: `"no_repository"`, `"uncommitted"` (`promote_run()` only),
#' `"no_run"`, `"several_runs"` (with `runs`), `"not_successful"`, `"no_record"`, `"no_script"` (there is none, or it
#' does not run the flow), `"changed"` (the tag moved meanwhile), `"other_code"` (with `files`, those that differ,
#' where the run's commit is known here), `"other_code_ran"` (with `differences`, a data frame of `what` differs, and
#' the `file` that has it, `NA` if none has). Class `gangway_error_client`: there is no such flow or run.
#' @export
#' @examples
#' \dontrun{
#' # In the project's folder, after a commit and `Rscript flow.R run`:
#' promote_run("TuneHousing")
#'
#' # In the workflow of the pull request:
#' verify_promotion("TuneHousing")
#' }
promote_run <- function(flow, run_id = NULL, tag = "ready_for_prod", path = ".", script = "flow.R") {
  state <- repository_state(path)
  check_tag(tag)
  check_script(script)
  if (length(state$changed)) abort_uncommitted(state)
  with_everybody({
    client <- flow_client$new(flow_name(flow))
    run <- run_client$new(client, run_id %||% "latest_run")
    check_run_code(run, state, script)
    # First the new one: at no moment is there none.
    run$get_obj()$add_tag(tag)
    others <- Filter(function(other) other$id != run$id, client$runs_with_tags(tag))
    for (other in others) other$get_obj()$remove_tag(tag)
    untagged <- vapply(others, function(other) other$pathspec, "")
    check_unchanged(client, run, tag, "promote_run")
    cli::cli_inform(c(
      v = "Run {.val {run$pathspec}} has the tag {.val {tag}}: its code is that of commit {short(state$commit)}.",
      i = if (length(untagged)) "The tag was taken from {.val {untagged}}."
    ))
    invisible(c(promotion(run, state), list(untagged = untagged)))
  })
}

#' @rdname promote_run
#' @export
verify_promotion <- function(flow, tag = "ready_for_prod", path = ".", script = "flow.R") {
  state <- repository_state(path)
  check_tag(tag)
  check_script(script)
  name <- flow_name(flow)
  with_everybody({
    client <- flow_client$new(name)
    run <- the_tagged_run(client, tag)
    check_run_code(run, state, script)
    check_unchanged(client, run, tag, "verify_promotion")
    cli::cli_inform(c(
      v = "Run {.val {run$pathspec}} was made with the code that is checked out here ({short(state$commit)})."
    ))
    invisible(promotion(run, state))
  })
}

the_tagged_run <- function(client, tag) {
  runs <- client$runs_with_tags(tag)
  name <- client$id
  if (!length(runs)) {
    abort_promotion("no_run", c(
      "No run of flow {.val {name}} has the tag {.val {tag}}.",
      i = "Run it with this code, then call {.code promote_run(\"{name}\")}."
    ))
  }
  if (length(runs) > 1L) {
    paths <- vapply(runs, function(run) run$pathspec, "")
    abort_promotion("several_runs", c(
      "{length(runs)} runs of flow {.val {name}} have the tag {.val {tag}}: {.val {paths}}.",
      x = "Which of them was promoted cannot be told: tags have no time.",
      i = "{.code promote_run(\"{name}\", run_id = )} leaves it to one."
    ), runs = paths)
  }
  runs[[1L]]
}

# Somebody else's promote_run() may take the tag away, or give it to another run, at any moment.
check_unchanged <- function(client, run, tag, who) {
  now <- vapply(client$runs_with_tags(tag), function(other) other$pathspec, "")
  if (!identical(now, run$pathspec)) {
    holders <- if (length(now)) now else "no run"
    abort_promotion("changed", c(
      "Run {.val {run$pathspec}} is not the only one with the tag {.val {tag}} any more: {.val {holders}} has it now.",
      i = "Somebody else has promoted a run at the same time. Agree on one, and call {.fn {who}} again."
    ), run = run$pathspec, runs = now)
  }
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

check_script <- function(script, call = parent.frame()) {
  if (!is_string(script) || !nzchar(script) || grepl("^(/|~|[A-Za-z]:|-)|(^|/)[.][.](/|$)", script)) {
    gangway_abort(
      "{.arg script} must be the path of a script in the project, as {.val flow.R}, not {.val {script}}.",
      "gangway_error_argument", call = call
    )
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

#' A run is fit if it succeeded, was made with the code in `state`, and executed nothing else
#' @noRd
check_run_code <- function(run, state, script) {
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
  check_what_ran(run, state, script)
}

check_what_ran <- function(run, state, script) {
  code <- reticulate::import("metaflow_extensions.gangway.r.code")
  text <- tryCatch(code$what_ran(run$get_obj()), error = function(e) e)
  if (is.null(text) || inherits(text, "error")) {
    abort_promotion("no_record", c(
      "What run {.val {run$pathspec}} has executed is not known.",
      x = if (is.null(text)) "It was made with a version of gangway that does not record it.",
      x = if (inherits(text, "error")) "The datastore does not give it: {conditionMessage(text)}",
      i = "Make a new run in the project's folder: {.code Rscript flow.R run}."
    ), run = run$pathspec)
  }
  flow <- sub("/.*$", "", run$pathspec)
  here <- repository_code(flow, script, state$root)
  differences <- code_differences(from_json(text), here, state$root, flow, script)
  files <- package_differences(code$packaged(run$get_obj()), state$root)
  if (length(files)) differences <- rbind(differences, data.frame(what = "file of the code package", file = files))
  if (nrow(differences)) abort_other_code_ran(run, differences, state, script)
}

abort_other_code_ran <- function(run, differences, state, script) {
  files <- ifelse(is.na(differences$file), "in no file of the repository", differences$file)
  what <- tapply(differences$what, factor(files, unique(files)), paste, collapse = ", ")
  lines <- utils::head(paste0(names(what), ": ", what), 10L)
  abort_promotion("other_code_ran", c(
    "Run {.val {run$pathspec}} executed other code than what {.file {script}} in {.file {state$root}} runs.",
    stats::setNames(cli_literal(lines), rep("x", length(lines))),
    i = "A script from elsewhere, functions that the session still held, or an older installed version of the package?",
    i = "Start the run in the project's folder, {.code Rscript {script} run}, then call {.fn promote_run}."
  ), run = run$pathspec, differences = differences, files = unique(stats::na.omit(differences$file)))
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
