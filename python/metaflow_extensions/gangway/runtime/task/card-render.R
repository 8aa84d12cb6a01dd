# An R Markdown or Quarto file as a page of a card.

card_render <- function(input, params = NULL, id = NULL, height = NULL) {
  on <- card(id) # before the work
  check_report(input)
  page <- tempfile(fileext = ".html")
  on.exit(unlink(page))
  input <- normalizePath(input)
  if (is_quarto(input)) render_quarto(input, params, page) else render_rmarkdown(input, params, page)
  decode(py$card(id, "report", page, if (is.null(height)) 0 else card_look(7, height, 2, 1)$height * 96))
  invisible(on)
}

is_quarto <- function(input) grepl("[.]qmd$", input, ignore.case = TRUE)

#' What a report needs, which is looked at before the work that it reports
#' @noRd
check_report <- function(input) {
  if (!is.character(input) || length(input) != 1L || !grepl("[.](r?md|qmd)$", input, ignore.case = TRUE)) {
    report_stop("`input` is the path of an R Markdown (.Rmd) or Quarto (.qmd) file")
  }
  if (!file.exists(input)) report_stop("there is no file ", input, " in ", getwd())
  check_report_tools(input)
}

check_report_tools <- function(input) {
  if (is_quarto(input)) {
    if (!nzchar(Sys.which("quarto"))) report_stop("a .qmd file needs the program quarto, which is not on PATH here")
  } else if (!requireNamespace("rmarkdown", quietly = TRUE)) {
    report_stop("an .Rmd file needs the R package rmarkdown, which is not installed here")
  } else if (!getExportedValue("rmarkdown", "pandoc_available")("1.12.3")) {
    report_stop("rmarkdown needs the program pandoc, which is not on PATH here, nor in RSTUDIO_PANDOC")
  }
}

report_stop <- function(...) card_error("card_render(): ", ...)

# Its own output format, if that is HTML.
render_rmarkdown <- function(input, params, page) {
  formats <- getExportedValue("rmarkdown", "all_output_formats")(input)
  html <- grep("html|slidy|ioslides|flex_dashboard|revealjs", formats, value = TRUE)
  work <- tempfile("report")
  dir.create(work)
  on.exit(unlink(work, recursive = TRUE))
  getExportedValue("rmarkdown", "render")(input,
    output_format = if (length(html)) html[[1L]] else "html_document", output_file = page, params = params,
    intermediates_dir = work, output_options = list(self_contained = TRUE),
    envir = new.env(parent = globalenv()), quiet = TRUE
  )
}

render_quarto <- function(input, params, page) {
  work <- tempfile("report")
  dir.create(work)
  on.exit(unlink(work, recursive = TRUE))
  arguments <- c("render", basename(input), "--to", "html", "--output", "page.html", "-M", "embed-resources:true")
  file.copy(list.files(dirname(input), full.names = TRUE), work, recursive = TRUE)
  if (length(params)) {
    writeLines(as_json(params), file.path(work, "params.json")) # which is YAML, too
    arguments <- c(arguments, "--execute-params", "params.json")
  }
  old <- setwd(work)
  on.exit(setwd(old), add = TRUE, after = FALSE)
  said <- suppressWarnings(system2("quarto", shQuote(arguments), stdout = TRUE, stderr = TRUE))
  if (!file.exists("page.html")) {
    stop("card_render(): quarto has failed:\n", paste(utils::tail(said, 20L), collapse = "\n"), call. = FALSE)
  }
  file.copy("page.html", page)
}

# Before the step's work, what the reports need that its function names itself.
check_reports <- function(f) {
  # R would compile what goes over code by itself, and load its compiler for that: 45 ms of each task.
  if (!"card_render" %in% all.names(body(f))) {
    return()
  }
  for (call in calls_of_name(body(f), "card_render")) {
    input <- if ("input" %in% names(call)) call$input else if (length(call) > 1L) call[[2L]]
    if (is.character(input)) check_report_tools(input)
  }
}

calls_of_name <- function(code, name) {
  if (!is.call(code)) {
    return(list())
  }
  head <- code[[1L]]
  if (is.call(head) && identical(head[[1L]], quote(`::`))) head <- head[[3L]]
  inner <- lapply(as.list(code), function(part) if (!missing(part)) calls_of_name(part, name))
  c(if (identical(head, as.name(name))) list(code), unlist(inner, recursive = FALSE))
}
