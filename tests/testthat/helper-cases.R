# One table of cases (cases/*.R) through every door by which R code leaves a session. docs/cases.md is made from it.
#
# A row is code that gives one value, the body of a function without arguments, and what a script does before it at its
# top. Whoever adds a row writes what it gives in a plain R session; test-cases.R asks a plain session too.
# GANGWAY_CASES=REGEX runs only the rows whose id ("formulas-03") or title matches.

#' Read the table
#'
#' @return A list of rows, each a list: `id`, `title`, `kind`, `group` (rows of one group share a script), `setup` (a
#'   list of expressions), `code`, `expect`, `needs` (packages), `attach` (packages), `except` (from `differs()`),
#'   `named`.
#' @noRd
case_table <- function(folder = testthat::test_path("cases")) {
  files <- sort(list.files(folder, "[.]R$", full.names = TRUE), method = "radix")
  rows <- do.call(c, lapply(files, read_cases))
  stats::setNames(rows, vapply(rows, function(row) row$id, ""))
}

read_cases <- function(file) {
  name <- sub("[.]R$", "", basename(file))
  rows <- list()
  kind <- group <- NULL
  reader <- new.env(parent = globalenv())
  reader$kind <- function(title, group = "plain") {
    kind <<- title
    group <<- group
  }
  # `maybe`: what other packages do there depends on their version, and may be right.
  reader$differs <- function(doors, why, error = NULL, value = NULL, maybe = FALSE) {
    list(doors = doors, why = why, error = error, value = value, maybe = maybe)
  }
  # `named`: whether code names what it uses, which alone goes to another machine.
  reader$row <- function(title, setup = NULL, code, expect, needs = NULL, attach = NULL, except = NULL, named = TRUE) {
    rows[[length(rows) + 1L]] <<- list(
      id = sprintf("%s-%02d", name, length(rows) + 1L), title = title, kind = kind, group = group,
      setup = statements(substitute(setup)), code = substitute(code), expect = expect, literal = substitute(expect),
      needs = c(needs, attach), attach = attach, except = except, named = named
    )
  }
  for (call in as.list(parse(file, keep.source = FALSE, encoding = "UTF-8"))) eval(call, reader)
  rows
}

statements <- function(code) {
  if (is.call(code) && identical(code[[1L]], quote(`{`))) as.list(code)[-1L] else if (!is.null(code)) list(code)
}

# The doors by their names in results and messages, and in docs/cases.md.
session_doors <- c(
  "ray_map()", "ray_remote()", "ray_actor()", "%dopar%", "future_lapply()", "future_map()"
)
flow_doors <- c("step", "gang", paste("gang:", session_doors))
# To another machine, where only what code names goes.
far_door <- "far: ray_remote()"

# What the row gives at a door, where that is not what a plain session gives.
exception_at <- function(row, door) {
  if (!is.null(row$except) && any(c(door, sub("^(gang|far): ", "", door)) %in% row$except$doors)) row$except
}

missing_packages <- function(row) {
  Filter(function(package) !nzchar(system.file(package = package)), row$needs)
}

wanted_rows <- function(rows) {
  wanted <- Sys.getenv("GANGWAY_CASES", ".")
  Filter(function(row) {
    (grepl(wanted, row$id) || grepl(wanted, row$title)) && !length(missing_packages(row))
  }, rows)
}

# Without GANGWAY_CASES every eighth row of the group that has most kinds.
sampled_rows <- function(rows) {
  if (nzchar(Sys.getenv("GANGWAY_CASES"))) {
    return(rows)
  }
  rows <- Filter(function(row) row$group == "plain", rows)
  rows[seq_along(rows) %% 8L == 1L]
}

# A group's rows by one kind of door, "plain", "session" or "flow", in an R process of its own:
# list(door = list(id = value)).
run_doors <- function(rows, kind) {
  if (!length(rows)) {
    return(list())
  }
  input <- withr::local_tempfile(fileext = ".rds")
  output <- withr::local_tempfile(fileext = ".rds")
  saveRDS(rows, input)
  arguments <- c(normalizePath(testthat::test_path("cases", "doors", "main.R")), kind, input, output)
  local_run_folder()
  result <- processx::run(file.path(R.home("bin"), "Rscript"), c("--vanilla", arguments),
    error_on_status = FALSE, timeout = 1800, env = c("current", R_LIBS = paste(.libPaths(), collapse = ":")))
  if (result$status != 0L || !file.exists(output)) {
    stop("the doors' process (", kind, ") failed:\n", result$stdout, "\n", result$stderr, call. = FALSE)
  }
  readRDS(output)
}

is_failure <- function(value) inherits(value, "case_failure")

# One line for a message: what was got or expected.
shown <- function(value) {
  if (is_failure(value)) {
    return(paste0("the error \"", substr(gsub("\\s+", " ", value[[1L]]), 1L, 200L), "\""))
  }
  substr(paste(deparse(value, width.cutoff = 500L), collapse = " "), 1L, 200L)
}

is_left_behind <- function(got) {
  is_failure(got) && grepl("was not sent, because no code names it", got[[1L]], fixed = TRUE)
}

expect_case <- function(row, door, got, plain) {
  except <- exception_at(row, door)
  if (!is.null(except$error)) {
    ok <- (is_failure(got) && grepl(except$error, got[[1L]])) || (except$maybe && identical(got, plain))
    expected <- paste0("an error that matches \"", except$error, "\"")
  } else {
    value <- if (is.null(except)) plain else except$value
    stays <- door == far_door && !row$named
    ok <- if (stays) is_left_behind(got) else identical(got, value)
    expected <- if (stays) "an error that a name was not sent" else shown(value)
  }
  testthat::expect(ok, sprintf("%s (%s) by %s: expected %s, got %s", row$id, row$title, door, expected, shown(got)))
}

# docs/cases.md --------------------------------------------------------------------------------------------------------

write_case_docs <- function(file = "docs/cases.md", folder = "tests/testthat/cases") {
  writeLines(case_docs(case_table(folder)), file, useBytes = TRUE)
}

case_docs <- function(rows) {
  kinds <- unique(vapply(rows, function(row) row$kind, ""))
  enc2utf8(c(
    "# What R code takes along, case by case", "",
    "This page is made from the table in `tests/testthat/cases/`. `make test-cases` runs it in a plain R",
    "session and by every door through which code leaves it: in a step, in a step of a gang, and, from a",
    "session and from a gang's step, in `ray_map()`, `ray_remote()`, `ray_actor()`, foreach's `%dopar%`,",
    "and `plan(ray)` through future.apply and furrr; `make test` takes every eighth row. \"far\" is another",
    "machine, or a bundle that is stored: only what code names goes there, and the rest is an error that",
    "says so.", "",
    "To write it again:", "",
    "    Rscript -e 'source(\"tests/testthat/helper-cases.R\"); write_case_docs()'",
    unlist(lapply(kinds, function(kind) kind_docs(Filter(function(row) row$kind == kind, rows))))
  ))
}

kind_docs <- function(rows) {
  c("", paste("##", rows[[1L]]$kind), "",
    "| case | at the script's top | what travels | gives | doors that differ |", "|---|---|---|---|---|",
    unname(vapply(rows, row_docs, ""))
  )
}

row_docs <- function(row) {
  except <- row$except
  cells <- c(
    row$title,
    code_cell(c(lapply(row$attach, function(p) call("library", as.name(p))), row$setup)),
    code_cell(statements(row$code)), code_cell(list(row$literal)),
    paste(c(
      if (!is.null(except)) paste0(paste(except$doors, collapse = ", "), ": ", except$why),
      if (!row$named) "far: no code names it"
    ), collapse = "; ")
  )
  paste0("| ", paste(cells, collapse = " | "), " |")
}

code_cell <- function(code) {
  text <- paste(vapply(code, one_line, ""), collapse = "; ")
  if (!nzchar(text)) {
    return("")
  }
  ticks <- if (grepl("`", text, fixed = TRUE)) "``" else "`"
  paste0(ticks, if (nchar(ticks) > 1L) " ", gsub("|", "\\|", text, fixed = TRUE), if (nchar(ticks) > 1L) " ", ticks)
}

one_line <- function(code) {
  lines <- trimws(deparse(code, width.cutoff = 500L))
  lines <- lines[nzchar(lines)]
  n <- length(lines)
  joints <- ifelse(grepl("[{(,]$|else$", lines[-n]) | grepl("^[})]", lines[-1L]), " ", "; ")
  paste(c(rbind(lines, c(joints, ""))), collapse = "")
}
