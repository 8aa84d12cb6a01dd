# What a project knows of the template that it was made from: its file .gangway.json.

record_file <- ".gangway.json"

#' Add the record to a template's files
#'
#' The files themselves are in it, compressed (some 10 kB): only what the template wrote then tells what somebody has
#' changed since, and an older gangway is nowhere at hand.
#' @param files What [filled_template()] gives.
#' @param values What they were filled with.
#' @noRd
with_record <- function(files, values) {
  written <- memCompress(charToRaw(as.character(jsonlite::toJSON(as.list(files), auto_unbox = TRUE))), "xz")
  record <- list(
    about = "Written by gangway::create_flow_project(), for gangway::update_flow_project(). Keep it in git.",
    gangway = package_version_string(), values = as.list(values),
    written = gsub("\n", "", jsonlite::base64_enc(written), fixed = TRUE)
  )
  c(files, stats::setNames(paste0(jsonlite::toJSON(record, auto_unbox = TRUE, pretty = TRUE), "\n"), record_file))
}

#' What [with_record()] has written in a project
#' @return A list of `gangway` (a version), `values`, and `files`.
#' @noRd
read_record <- function(path, call = parent.frame()) {
  file <- file.path(path, record_file)
  if (!file.exists(file)) {
    abort_update("no_project", c(
      "{.file {path}} is no project of {.fn create_flow_project}: it has no {.file {record_file}}.",
      i = "Give the folder of a project, the one that has its {.file DESCRIPTION}.",
      i = "A project that is older than {.file {record_file}}: make one of the same names with
           {.fn create_flow_project} elsewhere, take over what you like, and copy its {.file {record_file}}."
    ), call)
  }
  record <- tryCatch(
    {
      record <- jsonlite::fromJSON(paste(readLines(file, encoding = "UTF-8"), collapse = "\n"))
      written <- jsonlite::base64_dec(record$written)
      text <- memDecompress(written, "xz", asChar = TRUE)
      Encoding(text) <- "UTF-8"
      list(
        gangway = package_version(record$gangway), values = unlist(record$values),
        files = unlist(jsonlite::fromJSON(text, simplifyVector = FALSE))
      )
    },
    error = function(e) e
  )
  if (inherits(record, "error") || is.null(record$files) || is.null(record$values)) {
    abort_update("no_record", c(
      "{.file {file}} cannot be read: it is damaged, or has conflict markers of a merge.",
      i = "{.code git checkout <commit> -- {record_file}} brings back the state of a commit."
    ), call, parent = if (inherits(record, "error")) record)
  }
  record
}
