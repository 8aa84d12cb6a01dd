# update_flow_project(): a project made by an older template gets what the template has now.

#' Bring a flow project to the template of the installed gangway
#'
#' A project that [create_flow_project()] made stays as it was when gangway's template goes on: its workflows,
#' its Dockerfile and its ignore files are copies. `update_flow_project()` merges what the template has now with what
#' you have changed, as git merges a branch: three ways, with what the template wrote then, which the project's
#' `.gangway.json` holds. It commits nothing.
#'
#' @details
#' Where only the template has changed, the file becomes the new one; where only you have, it stays; where both have,
#' `git merge-file` merges line by line, and what cannot be merged is in the file between `<<<<<<<` and `>>>>>>>`, to be
#' settled by hand. Files that you have deleted stay deleted. `R/`, `man/`, `tests/`, `NAMESPACE`, `LICENSE` and
#' `renv.lock` are yours once you have changed them: there the template only began with an example. New examples are
#' not added.
#'
#' It begins with a clean work tree only, so that `git diff` is the update and nothing else, and `git restore .` with
#' `git clean` undoes it. Everything is merged before the first file is written.
#' @param path The project's folder, in a git repository.
#' @param gangway The GitHub repository of gangway and its version, as in [create_flow_project()]; by default where the
#'   installed package came from, and where that is not known, what the project has.
#' @param preview Whether to only show what would change.
#' @return Invisibly, a data frame: `file`, and `what` became of it: `"updated"`, `"merged"`, `"conflict"`, `"added"`,
#'   `"removed"`, or why it was `"left"`: `"yours"` (you have changed what the template has changed or dropped),
#'   `"deleted"` (by you), `"example"` (a new one). Files with nothing new are not in it. Its attribute `diff` is the
#'   difference that was shown.
#' @section Errors:
#' Class `gangway_error_project`, with the field `reason`; nothing has been changed then: `"no_project"`,
#' `"no_repository"`, `"uncommitted"` (with `files`), `"newer"` (the project is of a newer gangway than this one),
#' `"no_record"`, `"merge"` (git could not merge a file).
#' @seealso [create_flow_project()]
#' @export
#' @examples
#' \dontrun{
#' update_flow_project(preview = TRUE)
#' update_flow_project("~/fuelEconomy", gangway = "example/gangway@v0.2.0")
#' }
update_flow_project <- function(path = ".", gangway = NULL, preview = FALSE) {
  if (!is_string(path) || !dir.exists(path)) {
    abort_update("no_project", "{.arg path} must be a folder, not {.val {path}}.", environment())
  }
  if (!is_bool(preview)) {
    gangway_abort("{.arg preview} must be TRUE or FALSE.", "gangway_error_argument")
  }
  path <- normalizePath(path)
  record <- read_record(path)
  if (record$gangway > package_version(package_version_string())) {
    abort_update("newer", c(
      "{.file {path}} was made, or updated, by gangway {record$gangway}, and this is {package_version_string()}.",
      i = "Install that version or a later one."
    ), environment())
  }
  check_clean(path)
  values <- values_now(record$values, gangway)
  new <- filled_template(values)
  plan <- update_plan(path, record, new)
  texts <- vapply(plan, function(one) one$text %||% NA_character_, "")
  writes <- c(texts[!is.na(texts)], with_record(new, values)[record_file])
  removes <- names(Filter(function(one) one$what == "removed", plan))
  diff <- difference(path, writes[names(writes) != record_file], removes)
  if (!preview) {
    write_files(path, writes)
    unlink(file.path(path, removes))
  }
  found <- data.frame(
    file = names(plan), what = vapply(plan, function(one) one$what, ""), row.names = NULL
  )
  cat(diff, sep = "")
  tell_update(path, found, preview, record$gangway)
  invisible(structure(found, diff = diff))
}

abort_update <- function(reason, message, call, ..., envir = parent.frame()) {
  gangway_abort(message, "gangway_error_project", reason = reason, ..., call = call, .envir = envir)
}

check_clean <- function(path, call = parent.frame()) {
  status <- git_says(path, "status", "--porcelain", "--untracked-files=all", "--", ".")
  if (status$status != 0L || git_says(path, "rev-parse", "HEAD")$status != 0L) {
    abort_update("no_repository", c(
      "{.file {path}} belongs to no git repository with a commit.",
      x = if (!nzchar(Sys.which("git"))) "The program git is not installed.",
      i = "What is not committed could be lost: {.code git init}, {.code git add .} and {.code git commit} first."
    ), call)
  }
  changed <- substring(strsplit(status$stdout, "\n", fixed = TRUE)[[1L]], 4L)
  if (length(changed)) {
    abort_update("uncommitted", c(
      "Not all of {.file {path}} is committed: {.file {utils::head(changed, 10L)}}.",
      i = "Commit or stash it, so that {.code git diff} shows the update alone and {.code git restore .} undoes it."
    ), call, files = changed)
  }
}

git_says <- function(path, ...) {
  tryCatch(
    processx::run("git", c("-c", "core.quotePath=false", ...), wd = path, error_on_status = FALSE, encoding = "UTF-8"),
    error = function(e) list(status = -1L, stdout = "", stderr = conditionMessage(e))
  )
}

#' What the template is filled with now: as it was, with another gangway, and with what is new
#' @noRd
values_now <- function(values, gangway, call = parent.frame()) {
  source <- gangway_source(gangway, call = call)
  if (source$known) {
    values[["gangway_repository"]] <- source$repository
    values[["gangway_ref"]] <- source$ref
  }
  derived <- project_names(values[["package"]], flow = values[["flow"]], repository = values[["repository"]])
  c(values, derived[setdiff(names(derived), names(values))])
}

# Where the template only begins with an example.
own_files <- "^(R|man|tests)/|^(NAMESPACE|LICENSE|renv[.]lock)$"

#' What becomes of each file
#' @return For each file with something new a list of `what`, and the `text` to be written, if any.
#' @noRd
update_plan <- function(path, record, new) {
  files <- sort(union(names(record$files), names(new)), method = "radix")
  labels <- c("yours", paste("template of gangway", c(record$gangway, package_version_string())))
  todo <- lapply(stats::setNames(nm = files), function(file) {
    at <- function(texts) if (file %in% names(texts)) texts[[file]]
    become(file, at(record$files), text_of_file(file.path(path, file)), at(new), labels)
  })
  Filter(Negate(is.null), todo)
}

# `then` and `now` are the template's, `here` is the project's; NULL where there is none.
become <- function(file, then, here, now, labels) {
  is_own <- grepl(own_files, file)
  # Line ends are git's business.
  same <- function(x, y) identical(gsub("\r\n", "\n", x, fixed = TRUE), gsub("\r\n", "\n", y, fixed = TRUE))
  if (same(then, now) || same(here, now)) {
    NULL
  } else if (is.null(then)) {
    if (is_own) {
      if (is.null(here)) list(what = "example")
    } else if (is.null(here)) {
      list(what = "added", text = now)
    } else {
      merged(file, "", here, now, labels)
    }
  } else if (is.null(here)) {
    list(what = "deleted")
  } else if (same(here, then)) {
    if (is.null(now)) list(what = "removed") else list(what = "updated", text = with_ends_of(here, now))
  } else if (is.null(now) || is_own) {
    list(what = "yours")
  } else {
    merged(file, then, here, now, labels)
  }
}

merged <- function(file, then, here, now, labels) {
  folder <- tempfile("merge-")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  texts <- c(here = here, then = with_ends_of(here, then), now = with_ends_of(here, now))
  write_files(folder, texts)
  said <- git_says(folder, "merge-file", "-p", paste0("-L", labels), names(texts))
  # The status is the number of conflicts; beyond 127 it is an error.
  if (said$status < 0L || said$status > 127L) {
    abort_update("merge", c("git cannot merge {.file {file}}.", x = cli_literal(trimws(said$stderr)),
      i = "Nothing was changed."), quote(update_flow_project()))
  }
  list(what = if (said$status == 0L) "merged" else "conflict", text = said$stdout)
}

with_ends_of <- function(here, text) if (grepl("\r\n", here, fixed = TRUE)) gsub("\n", "\r\n", text) else text

text_of_file <- function(file) {
  if (!file.exists(file)) {
    return(NULL)
  }
  text <- readChar(file, file.size(file), useBytes = TRUE)
  Encoding(text) <- "UTF-8"
  text
}

#' The difference that writing and removing files would make, as git shows it
#' @noRd
difference <- function(path, writes, removes) {
  folder <- tempfile("update-")
  on.exit(unlink(folder, recursive = TRUE))
  files <- c(names(writes), removes)
  here <- lapply(stats::setNames(nm = files), function(file) text_of_file(file.path(path, file)))
  dir.create(file.path(folder, "a"), recursive = TRUE)
  dir.create(file.path(folder, "b"))
  write_files(file.path(folder, "a"), unlist(here))
  write_files(file.path(folder, "b"), writes)
  git_says(folder, "diff", "--no-index", "--no-color", "--no-ext-diff", "--no-prefix", "a", "b")$stdout
}

tell_update <- function(path, found, preview, version) {
  files_of <- function(what) found$file[found$what == what]
  said <- c(
    v = "updated", v = "merged", v = "added", v = "removed", x = "conflict", "!" = "yours", "!" = "deleted",
    "!" = "example"
  )
  text <- c(
    updated = "Updated", merged = "Merged with your changes", added = "Added", removed = "Removed",
    conflict = "Conflicts, marked in the file", yours = "Left, because you have changed it and the template has, too",
    deleted = "Left out, because you have deleted it", example = "Left out, a new example"
  )
  bullets <- unlist(lapply(seq_along(said), function(i) {
    files <- files_of(said[[i]])
    if (length(files)) {
      stats::setNames(cli_literal(paste0(text[[said[[i]]]], ": ", paste(files, collapse = ", "))), names(said)[i])
    }
  }))
  if (is.null(bullets)) {
    cli::cli_inform(c(v = "The template of gangway {package_version_string()} has nothing new for {.file {path}}."))
    return(invisible())
  }
  cli::cli_inform(c(
    if (preview) "This would become of {.file {path}} (nothing was changed):" else
      "{.file {path}}, from the template of gangway {version} to that of {package_version_string()}:",
    bullets,
    i = if (!preview) "Look at {.code git diff}, settle what is marked, run the tests, and commit it."
  ))
}
