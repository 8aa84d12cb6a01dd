# What is HTML, as a page of its own in a frame of the card. Python puts its files into it (r/card_page.py).

is_page <- function(x) {
  inherits(x, c("htmlwidget", "shiny.tag", "shiny.tag.list", "html", "gt_tbl", "flextable")) ||
    (inherits(x, "knitr_kable") && identical(attr(x, "format"), "html"))
}

# A page is as high as what is in it, unless `height` says otherwise (inches).
card_page <- function(x, add, look) {
  if (!inherits(x, "htmlwidget") && is.character(x) && is.null(attr(x, "html_dependencies"))) {
    parts <- list(head = character(), files = list(), body = paste(x, collapse = "\n"))
  } else {
    parts <- page_parts(as_tags(x))
  }
  add("page", parts$head, as.character(names(parts$files)), as.character(unlist(parts$files)), parts$body,
    if (is.null(look$height)) 0 else look$height * 96
  )
}

as_tags <- function(x) {
  if (inherits(x, "gt_tbl")) {
    structure(getExportedValue("gt", "as_raw_html")(x), class = c("html", "character"))
  } else if (inherits(x, "flextable")) {
    getExportedValue("flextable", "htmltools_value")(x)
  } else {
    x
  }
}

#' The HTML of tags, and what it depends on
#' @return A list of `head` and `body`, both HTML, and `files` in order: paths by what each is, or HTML.
#' @noRd
page_parts <- function(tags) {
  if (!requireNamespace("htmltools", quietly = TRUE)) {
    card_stop("append() needs the R package htmltools for an object of class ", class(tags)[1L])
  }
  rendered <- getExportedValue("htmltools", "renderTags")(tags)
  needed <- getExportedValue("htmltools", "resolveDependencies")(rendered$dependencies)
  list(
    head = enc2utf8(paste(rendered$head, collapse = "\n")), body = enc2utf8(paste(rendered$html, collapse = "\n")),
    files = unlist(lapply(needed, files_of), recursive = FALSE)
  )
}

# Of one dependency: `html`, and files that are a `style` or a `script`.
files_of <- function(dependency) {
  source <- as.list(dependency$src)
  folder <- source$file
  if (!is.null(folder) && !is.null(dependency$package)) folder <- system.file(folder, package = dependency$package)
  part <- function(kind, named) {
    named <- if (is.list(named) && !is.null(named$src)) list(named) else as.list(named)
    lapply(named, function(one) {
      name <- if (is.list(one)) one$src else one
      if (!is.null(folder)) {
        return(stats::setNames(list(file.path(folder, name)), kind))
      }
      link <- if (kind == "style") "<link rel=\"stylesheet\" href=\"%s/%s\">" else "<script src=\"%s/%s\"></script>"
      list(html = sprintf(link, source$href, name))
    })
  }
  meta <- sprintf("<meta name=\"%s\" content=\"%s\">", names(dependency$meta), as.character(dependency$meta))
  unlist(c(
    lapply(meta, function(text) list(html = text)), part("style", dependency$stylesheet),
    part("script", dependency$script), lapply(dependency$head, function(text) list(html = text))
  ), recursive = FALSE)
}
