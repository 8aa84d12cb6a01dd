# What flows and steps are for, as the comments of their code say. Metaflow shows it: show, cards, the graph.

#' The description of a step's function
#'
#' Roxygen's title and description above it, or the first comment in it.
#' @param f The function, or `NULL`.
#' @return One string, or `NULL`.
#' @noRd
step_description <- function(f) {
  places <- if (is.null(attr(f, "srcref"))) script_places(f) else list(attr(f, "srcref"))
  found <- unique(lapply(places, function(place) roxygen_above(place) %||% first_comment(place)))
  if (length(found) == 1L) found[[1L]]
}

#' The description of a flow: roxygen's above the expression of the script that makes it
#' @noRd
flow_description <- function(name, script = own_script()) {
  places <- unlist(lapply(script, function(code) {
    makes <- vapply(as.list(code), function(e) name %in% unlist(lapply(calls_of(e, "metaflow"), as.list)), NA)
    attr(code, "srcref")[makes]
  }), recursive = FALSE)
  if (length(places) == 1L) roxygen_above(places[[1L]], assigned = FALSE)
}

roxygen_above <- function(place, assigned = TRUE) {
  first <- place[[1L]]
  # Empty where the file is gone.
  lines <- tryCatch(getSrcLines(attr(place, "srcfile"), 1L, first), error = function(e) character())
  if (length(lines) < first || (assigned && !grepl("(<-|=)\\s*$", substring(lines[first], 1L, place[[5L]] - 1L)))) {
    return(NULL)
  }
  lines <- rev(lines[-first])
  lines <- rev(lines[cumall(grepl("^\\s*#'", lines))])
  lines <- sub("^\\s*#' ?", "", lines)
  lines <- sub("^@(title|description|details)\\s*", "", lines)
  as_description(lines[cumall(!startsWith(lines, "@"))])
}

# Comments directly after the opening brace of the body, up to what is none.
first_comment <- function(place) {
  f <- tryCatch(parse(text = as.character(place), keep.source = TRUE), error = function(e) NULL)
  if (is.null(f) || !is.call(f[[1L]][[3L]]) || !identical(f[[1L]][[3L]][[1L]], quote(`{`))) {
    return(NULL)
  }
  code <- utils::getParseData(f)
  code <- code[code$terminal, ]
  body <- code[-seq_len(match("'{'", code$token)), ]
  body <- body[cumall(body$token == "COMMENT"), ]
  adjoining <- body$line1 - body$line1[1L] == seq_along(body$line1) - 1L
  as_description(sub("^#+'? ?", "", body$text[adjoining]))
}

as_description <- function(lines) {
  text <- trimws(paste(lines, collapse = "\n"))
  # A line of dashes, or what a linter is told, describes nothing.
  if (grepl("[[:alpha:]]", text) && !startsWith(text, "nolint")) text
}

cumall <- function(x) cumsum(!x) == 0L

#' Where the script that Rscript runs has a function: R keeps no source there
#' @noRd
script_places <- function(f) {
  if (!is.function(f) || is.primitive(f)) {
    return(NULL)
  }
  same <- Filter(function(e) {
    identical(names(e[[2L]]), names(formals(f))) && identical(code_text(e[[3L]]), code_text(body(f)))
  }, unlist(lapply(own_script(), calls_of, "function"), recursive = FALSE))
  lapply(same, function(e) e[[4L]])
}

code_text <- function(code) deparse(code, control = "keepNA")

# The code of the script that Rscript runs, with its lines; read once.
own_script <- function(path = script_file()) {
  if (is.null(session$script) && !is.null(path)) session$script <- script_code(path, keep_source = TRUE)
  session$script
}
