# What a run executed against what the repository has: names of functions and parts of the flow, and the files that they
# are in.

#' @param ran,here What a run executed, and what the repository's script would; see [what_runs()].
#' @param root The project's folder.
#' @param flow,script Name of the flow; path of the script.
#' @return A data frame of `what` differs and the `file` that has it; `file` is `NA` of what the repository has not.
#' @noRd
code_differences <- function(ran, here, root, flow, script) {
  files <- defined_in(root)
  parts <- union(names(ran$parts), names(here$parts))
  parts <- Filter(function(part) !identical(ran$parts[[part]], here$parts[[part]]), parts)
  same <- function(name) {
    known <- c(unlist(here$code[[name]]), unlist(files$text[files$name == name]))
    all(one_text(unlist(ran$code[[name]])) %in% one_text(known))
  }
  names <- Filter(function(name) !same(name), names(ran$code))
  rbind(
    rows_of(parts, lapply(parts, function(part) if (endsWith(part, ".py")) part else flow_files(root, flow, script))),
    rows_of(names, lapply(names, function(name) files_with(name, here, files, root, flow, script)))
  )
}

rows_of <- function(what, files) {
  data.frame(what = rep(what, lengths(files)), file = as.character(unlist(files)))
}

# As this R writes it: the run may have had another version.
one_text <- function(texts) {
  vapply(texts, function(text) {
    code <- tryCatch(parse(text = text, keep.source = FALSE, encoding = "UTF-8"), error = function(e) NULL)
    f <- if (length(code) == 1L && is.call(code[[1L]]) && identical(code[[1L]][[1L]], quote(`function`))) {
      eval(code[[1L]], baseenv())
    }
    if (is.function(f)) function_text(f) else text
  }, "", USE.NAMES = FALSE)
}

files_with <- function(name, here, files, root, flow, script) {
  found <- unique(files$file[files$name == name | files$text %in% one_text(unlist(here$code[[name]]))])
  if (length(found)) {
    return(found)
  }
  # A step's function that has no name is written at the step.
  if (endsWith(name, "\"") || name == "everywhere()") flow_files(root, flow, script) else NA_character_
}

#' The functions that a project's files define at their top, without running them
#' @return A data frame: `name`, `file`, `text`.
#' @noRd
defined_in <- function(root) {
  rows <- lapply(r_files(root), function(file) {
    code <- tryCatch(parse(file.path(root, file), keep.source = FALSE, encoding = "UTF-8"), error = function(e) NULL)
    assigned <- Filter(is_definition, as.list(code))
    data.frame(
      name = vapply(assigned, function(x) as.character(x[[2L]]), ""), file = rep(file, length(assigned)),
      text = vapply(assigned, function(x) function_text(eval(x[[3L]], baseenv())), "")
    )
  })
  do.call(rbind, c(list(data.frame(name = character(), file = character(), text = character())), rows))
}

# name <- function(...) ...; to evaluate `function` runs none of its code.
is_definition <- function(x) {
  is.call(x) && length(x) == 3L && as.character(x[[1L]])[1L] %in% c("<-", "=") &&
    (is.symbol(x[[2L]]) || is.character(x[[2L]])) && is.call(x[[3L]]) && identical(x[[3L]][[1L]], quote(`function`))
}

r_files <- function(root) {
  without_not_code(lines_of("git", c("-c", "core.quotePath=false", "ls-files", "--", "*.R", "*.r"), root))
}

flow_files <- function(root, flow, script) {
  named <- Filter(function(file) {
    lines <- tryCatch(readLines(file.path(root, file), warn = FALSE, encoding = "UTF-8"), error = function(e) "")
    any(grepl("metaflow(", lines, fixed = TRUE) & grepl(paste0("[\"']", flow, "[\"']"), lines))
  }, r_files(root))
  if (length(named)) named else script
}

#' The files of a run's code package that the project has not, or not so
#' @param packaged Hashes (SHA-256) by path, as the package has them.
#' @noRd
package_differences <- function(packaged, root) {
  names <- names(packaged)
  names <- names[!grepl(not_code, names)]
  path <- file.path(root, names)
  there <- file.exists(path)
  hashes <- rep(NA_character_, length(path))
  hashes[there] <- cli::hash_file_sha256(path[there])
  names[is.na(hashes) | hashes != unlist(packaged[names])]
}
