# Which code a run is made with: what git says of the files in the working folder, as two system tags of the run.
# promote_run() and verify_promotion() compare it with a repository.

# What no run reads: it may change between a run and its deployment.
not_code <- paste0(
  "^([.]github|[.]metaflow|docs|man|tests)/|(^|/)([^/]*[.](md|Rproj)|[.]gitignore|[.]Rbuildignore|[.]Rhistory)$",
  "|^[.]gangway[.]json$"
)

#' The state of the code in a folder
#'
#' @param path A folder. The code is that of the project around it: the nearest folder upwards with a DESCRIPTION, or
#'   the whole repository.
#' @return `NULL` where there is no git or no commit; else a list: `root`, `commit`, `code` (a hash of the files' names
#'   and contents, tracked or not, but for those that git ignores and [not_code]), `changed` (files that differ from the
#'   commit).
#' @noRd
code_state <- function(path = getwd()) {
  root <- project_root(path)
  said <- if (is.null(root)) character() else lines_of("sh", c("-c", state_script), root)
  parts <- unname(split(said, cumsum(said == "--")))
  if (length(parts) != 4L) {
    return(NULL)
  }
  parts <- c(parts[1L], lapply(parts[-1L], function(lines) without_not_code(lines[-1L])))
  changed <- unique(unlist(parts[3:4]))
  files <- working_files(root, parts[[2L]], changed, prefix = parts[[1L]][2L])
  manifest <- paste0(names(files), " ", files, "\n", collapse = "")
  list(root = root, commit = parts[[1L]][1L], code = cli::hash_sha256(manifest), changed = changed)
}

# One process for four questions, because every run asks them: the commit, what it holds, what has changed, what is new.
state_script <- paste0("export GIT_OPTIONAL_LOCKS=0; g='git -c core.quotePath=false'; ", paste(
  c("$g rev-parse HEAD --show-prefix", "$g ls-files --stage", "$g diff --name-only --relative HEAD -- .",
    "$g ls-files --others --exclude-standard"),
  collapse = " && echo -- && "
))

#' The system tags by which a run records its code
#' @noRd
code_tags <- function(state = code_state()) {
  if (is.null(state)) {
    return(character())
  }
  c(
    paste0("gangway_code:", state$code),
    paste0("gangway_commit:", state$commit, if (length(state$changed)) "-dirty")
  )
}

#' What a run recorded
#' @param tags Its system tags.
#' @return A list of `code`, `commit` and `dirty`, or `NULL`.
#' @noRd
recorded_code <- function(tags) {
  value <- function(name) sub("^[^:]*:", "", grep(paste0("^", name, ":"), tags, value = TRUE))[1L]
  code <- value("gangway_code")
  commit <- value("gangway_commit")
  if (is.na(code) || is.na(commit)) {
    return(NULL)
  }
  list(code = code, commit = sub("-dirty$", "", commit), dirty = endsWith(commit, "-dirty"))
}

project_root <- function(path) {
  folder <- normalizePath(path)
  while (!any(file.exists(file.path(folder, c("DESCRIPTION", ".git"))))) {
    if (dirname(folder) == folder) {
      return(NULL)
    }
    folder <- dirname(folder)
  }
  folder
}

without_not_code <- function(lines) lines[!grepl(not_code, sub("^[^\t]*\t", "", lines))]

#' The files that count, with git's hash of what each holds now
#' @param staged Lines of `git ls-files --stage`.
#' @param changed Files that are not as committed.
#' @param prefix The path of `root` in the repository.
#' @return A named character vector: hashes by path, sorted by path.
#' @noRd
working_files <- function(root, staged, changed, prefix) {
  files <- stats::setNames(sub("^\\S+ (\\S+) .*", "\\1", staged), sub("^[^\t]*\t", "", staged))
  there <- changed[utils::file_test("-f", file.path(root, changed))]
  files <- files[setdiff(names(files), changed)]
  if (length(there)) {
    # git's own hash, so that line ends and the like are what they will be in the repository.
    list <- tempfile("gangway-git-")
    on.exit(unlink(list))
    writeLines(enc2utf8(paste0(prefix, there)), list, useBytes = TRUE)
    hashes <- lines_of("git", c("hash-object", "--stdin-paths"), root, stdin = list)
    # A file that cannot be read must not keep a flow from running; no commit has such a hash.
    files[there] <- if (length(hashes) == length(there)) hashes else "unreadable"
  }
  files[order(names(files), method = "radix")]
}

#' Files that are not as in a commit, for messages; only the uncommitted ones where the commit is not known here
#' @noRd
differing_files <- function(state, commit) {
  diff <- c("-c", "core.quotePath=false", "diff", "--name-only", "--relative", commit, "--", ".")
  union(without_not_code(lines_of("git", diff, state$root)), state$changed)
}

#' @return The lines that a command printed; `character()` if it failed or is not there.
#' @noRd
lines_of <- function(command, args, folder, stdin = NULL) {
  # A hook or another git around this R session sets these, and they would win over the folder.
  env <- Sys.getenv()
  env <- env[!names(env) %in% c("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")]
  result <- tryCatch(
    processx::run(command, args, wd = folder, stdin = stdin, error_on_status = FALSE, env = env, encoding = "UTF-8"),
    error = function(e) list(status = -1L)
  )
  if (result$status == 0L) strsplit(result$stdout, "\n", fixed = TRUE)[[1L]] else character()
}
