# Which folder's files go to remote tasks with the code.

# What lies in the folder of a project.
project_marks <- c("DESCRIPTION", "renv.lock", ".git", ".here")

#' The folder whose files remote tasks get
#'
#' That of the script; or the working folder, if the script lies in it and it is a project's, because that is what the
#' script's relative paths begin at then. Without a script, the working folder.
#'
#' @param script Path of the script, or `NULL`.
#' @noRd
files_folder <- function(script = script_file(), folder = getwd()) {
  if (is.null(script)) {
    return(folder)
  }
  beside <- dirname(normalizePath(script))
  folder <- normalizePath(folder)
  is_project <- any(file.exists(file.path(folder, project_marks))) ||
    length(list.files(folder, pattern = "[.]Rproj$")) > 0L
  if (is_project && startsWith(beside, paste0(folder, "/"))) folder else beside
}

#' The script that Rscript runs, if it does
#' @noRd
script_path <- function(arguments = commandArgs()) {
  # What follows --args is the script's own.
  own <- match("--args", arguments, nomatch = length(arguments) + 1L)
  script <- sub("^--file=", "", grep("^--file=", arguments[seq_len(own - 1L)], value = TRUE))
  # Rscript writes a space in a path as ~+~.
  if (length(script)) gsub("~+~", " ", script[1L], fixed = TRUE)
}

#' Its whole path, if it was there when gangway was loaded
#'
#' A relative path leads nowhere, or to another file, once R has changed its folder.
#' @noRd
script_file <- function() session$script_file

note_script_file <- function(path = script_path()) {
  session$script_file <- if (!is.null(path) && file.exists(path)) normalizePath(path)
}
