# The runs of flows as a table, and the deletion of old ones.

#' List runs
#'
#' @param flow Name of a flow, or the flow; `NULL` for all flows that have runs in the namespace.
#' @return A tibble (a data frame where the package tibble is not installed), a row a run, the newest of a flow first:
#'   * `flow`, `run_id`;
#'   * `status`: `"ok"`; `"failed"`; `"running"`; `"aborted"` of a run that was killed or interrupted;
#'   * `started`, `finished`: [POSIXct]; `finished` is `NA` of a run that has not, or could not say when;
#'   * `user`, and `tags`, a list of the tags that the user gave (`run(flow, tag = )`);
#'   * `size`: bytes on disk with all artifacts, logs and cards, also those that the run shares with others, which are
#'     stored once; `NA` where the run is not in a local store.
#' @section Namespaces:
#' As everywhere in the client, only runs in the namespace are listed: your own from the start. See [set_namespace()].
#' @section Errors:
#' Class `gangway_error_client`: there is no such flow.
#' @seealso [delete_runs()], [latest_run()], [run_client].
#' @export
#' @examplesIf gangway:::can_run()
#' runs <- list_runs()
#' runs[runs$status != "ok", ]
list_runs <- function(flow = NULL) {
  names <- if (is.null(flow)) list_flows() else flow_name(flow)
  rows <- lapply(names, function(name) {
    # Python would not say that there is no such flow, and which there are.
    flow_client$new(name)
    from_json(runs_module()$table(name))
  })
  runs_table(unlist(rows, recursive = FALSE))
}

runs_module <- function() {
  mf_python()
  client_module() # what is there has to be read first
  reticulate::import("metaflow_extensions.gangway.r.runs")
}

from_json <- function(text) jsonlite::fromJSON(text, simplifyVector = FALSE)

# Rows as Python gives them, lists by name, as a table.
runs_table <- function(rows) {
  column <- function(name, missing) vapply(rows, function(row) row[[name]] %||% missing, missing)
  table <- data.frame(
    flow = column("flow", ""), run_id = column("run_id", ""), status = column("status", ""),
    started = .POSIXct(column("started", NA_real_)), finished = .POSIXct(column("finished", NA_real_)),
    user = column("user", NA_character_)
  )
  table$tags <- lapply(rows, function(row) as.character(unlist(row$tags)))
  table$size <- column("size", NA_real_)
  as_tibble_if_there(table)
}

#' Delete old runs
#'
#' Metaflow keeps every run. This removes runs of a flow from the local store (the folder `.metaflow`): records, logs,
#' cards, and the artifacts that no other run has.
#'
#' @details
#' Artifacts are stored by their contents, once for all runs of a flow. What a run needs that stays is kept, whoever has
#' made that run. Kept as well are
#' * runs that are running;
#' * runs that a run which stays was resumed from: logs and cards of its first steps are there;
#' * runs whose artifacts are not in the local store.
#'
#' While another run of the flow is under way, runs are deleted but artifacts stay, because that run may be about to
#' count on them: the next call removes them. While a run is being resumed nothing is deleted. A run of R's waits, if it
#' starts while runs are deleted. If `delete_runs()` is interrupted, each run is there as a whole or is no run any more,
#' and the next call goes on with it.
#'
#' @param flow Name of a flow, or the flow.
#' @param before A date or time ([Date], [POSIXct], or a string such as `"2026-11-29"`): only runs that started before.
#' @param keep How many runs stay in any case: the newest, of those with the tags.
#' @param tag One or more tags: only runs that have all of them.
#' @param ask Ask before anything is deleted? An R session that is not interactive cannot: `ask = FALSE` there.
#' @return The deleted runs as [list_runs()] has them, invisibly, with the bytes that were freed as the attribute
#'   `"freed"`. What was removed, and what stays and why, is a message.
#' @section Errors:
#' Class `gangway_error_argument`: an argument is wrong, or none of `before`, `keep` and `tag` is given
#' (`keep = 0` deletes all runs). Class `gangway_error_client`: there is no such flow, it is not in a local store,
#' nobody can be asked, or a run is being resumed.
#' @seealso [list_runs()]
#' @export
#' @examples
#' \dontrun{
#' delete_runs("TuneHousing", keep = 10)
#' delete_runs("TuneHousing", before = Sys.Date() - 30, ask = FALSE)
#' delete_runs("TuneHousing", tag = "trial")
#' }
delete_runs <- function(flow, before = NULL, keep = NULL, tag = NULL, ask = TRUE) {
  chosen <- check_choice(before, keep, tag)
  check_can_ask(ask)
  name <- flow_name(flow)
  flow_client$new(name)
  if (!runs_module()$is_local()) {
    gangway_abort(c(
      "{.fn delete_runs} deletes runs of a local store, and this session's runs are in {.val {get_metadata()}}.",
      i = "{.fn set_metadata} chooses a folder: {.code set_metadata(\"local@/path/to/project\")}."
    ), "gangway_error_client")
  }
  runs <- list_runs(name)
  runs <- runs[is_old_run(runs, chosen), ]
  if (ask && !agrees_to_delete(name, runs)) {
    return(invisible(structure(runs[0L, ], freed = 0)))
  }
  done <- plan_of(runs_module()$delete, name, runs)
  if (isTRUE(done$resumed)) {
    gangway_abort(c(
      "A run of {.val {name}} is being resumed, and may need any of the others.",
      i = "Nothing was deleted. Try again when that run has ended."
    ), "gangway_error_client")
  }
  deleted <- runs[runs$run_id %in% done$go, ]
  cli::cli_inform(c(
    if (done$freed > 0) c(v = "Deleted {nrow(deleted)} run{?s} of {.val {name}}: {format_bytes(done$freed)} freed."),
    stays_bullets(name, done),
    i = if (done$waiting) "Their artifacts stay while another run is under way; the next call removes them."
  ))
  invisible(structure(deleted, freed = done$freed))
}

check_choice <- function(before, keep, tag, call = rlang::caller_env()) {
  fail <- function(...) gangway_abort(c(...), "gangway_error_argument", call = call, .envir = parent.frame())
  if (is.null(before) && is.null(keep) && is.null(tag)) {
    fail("Which runs? Give {.arg before}, {.arg keep} or {.arg tag}.", i = "{.code keep = 0} deletes all runs.")
  }
  if (!is.null(keep) && (!rlang::is_scalar_integerish(keep, finite = TRUE) || keep < 0)) {
    fail("{.arg keep} must be a whole number, 0 or more, not {.obj_type_friendly {keep}}.")
  }
  if (!is.null(tag) && (!is.character(tag) || !length(tag) || anyNA(tag))) {
    fail("{.arg tag} must be one or more strings, not {.obj_type_friendly {tag}}.")
  }
  time <- if (is.null(before)) Inf else tryCatch(as_moment(before), error = function(e) NA)
  if (length(time) != 1L || is.na(time)) {
    fail("{.arg before} must be a date or a time, not {.val {before}}.",
      i = "Such as {.code Sys.Date() - 30} or {.val 2026-11-29}.")
  }
  list(before = time, keep = keep, tag = tag)
}

# Seconds since 1970. A date is its first moment here, not in Greenwich.
as_moment <- function(x) {
  if (inherits(x, "Date")) x <- format(x)
  if (!is.character(x) && !inherits(x, "POSIXt")) stop("no time")
  as.numeric(as.POSIXct(x))
}

check_can_ask <- function(ask, call = rlang::caller_env()) {
  if (!rlang::is_bool(ask)) {
    gangway_abort("{.arg ask} must be {.code TRUE} or {.code FALSE}, not {.obj_type_friendly {ask}}.",
      "gangway_error_argument", call = call)
  }
  if (ask && !interactive()) {
    gangway_abort(c(
      "{.fn delete_runs} cannot ask: this R session is not interactive.",
      i = "Use {.code delete_runs(..., ask = FALSE)}."
    ), "gangway_error_client", call = call)
  }
}

is_old_run <- function(runs, chosen) {
  tagged <- vapply(runs$tags, function(tags) all(chosen$tag %in% tags), NA)
  # The newest come first.
  newest <- tagged & cumsum(tagged) <= (chosen$keep %||% 0)
  tagged & !newest & as.numeric(runs$started) < chosen$before
}

plan_of <- function(plan, name, runs) {
  tryCatch(from_json(plan(name, as.list(runs$run_id))), error = function(e) {
    gangway_abort(c(
      "The runs of {.val {name}} cannot be deleted.", x = cli_literal(conditionMessage(e)),
      i = "Each of them is there as a whole, or is no run any more. Call {.fn delete_runs} again when that is mended."
    ), "gangway_error_client", parent = e, call = NULL)
  })
}

# Ask, if there is something to delete. FALSE after a message, too.
agrees_to_delete <- function(name, runs) {
  plan <- plan_of(runs_module()$plan_deletion, name, runs)
  runs <- runs[runs$run_id %in% plan$go, ]
  times <- if (nrow(runs)) format(range(runs$started), "%Y-%m-%d %H:%M")
  cli::cli_inform(c(
    if (nrow(runs)) {
      "{nrow(runs)} run{?s} of {.val {name}} from {times[1L]} to {times[2L]} will be deleted:
       {format_bytes(plan$freed)}."
    } else if (plan$freed > 0) {
      "What deleted runs of {.val {name}} have left will be removed: {format_bytes(plan$freed)}."
    },
    stays_bullets(name, plan)
  ))
  if (plan$freed == 0) {
    return(FALSE)
  }
  yes <- utils::menu(c("Yes", "No"), title = "Delete them?") == 1L
  if (!yes) cli::cli_inform(c(i = "Nothing was deleted."))
  yes
}

# What was asked for and stays, each with its reason.
stays_bullets <- function(name, plan) {
  bullets <- vapply(names(plan$kept), function(run) {
    why <- plan$kept[[run]]
    switch(why,
      running = "it is running",
      elsewhere = "its artifacts are not in this store",
      paste0("run ", why, " was resumed from it")
    )
  }, "")
  text <- cli_literal(sprintf("Run %s stays: %s.", names(bullets), bullets))
  if (plan$freed == 0) text <- c(paste("No run of", dQuote(name, FALSE), "is to be deleted."), text)
  stats::setNames(text, rep("i", length(text)))
}

format_bytes <- function(bytes) format(structure(bytes, class = "object_size"), units = "auto", standard = "SI")
