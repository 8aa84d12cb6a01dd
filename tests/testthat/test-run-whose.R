# Every way in which R may have been started with arguments that are not a flow's.

# Runs a flow, says what it gave, and what an error of run() looks like.
job <- c(
  "suppressPackageStartupMessages(library(gangway))",
  "f <- metaflow('J') |> parameter('date', default = 'none') |>",
  "  step(step = 'start', r_function = function(self) self$d <- self$date, next_step = 'end') |> step(step = 'end')",
  "r <- run(f, quiet = TRUE)",
  "cat('GOT', r$d, class(tryCatch(run(f, dat = 1), error = identity))[1], '\\n')"
)
reading <- function(code) append(sub("run(f, q", "run(f, date = date, q", job, fixed = TRUE), code, 1L)
in_function <- function(head, tail = "})") c(head, job, "r$d", tail)
as_file <- function(lines, fileext = ".R") {
  path <- tempfile("door", getwd(), fileext)
  writeLines(lines, path)
  path
}

# Started at once, ended one after another: list(status, text) each.
end_doors <- function(commands) {
  env <- c("current", R_LIBS = paste(.libPaths(), collapse = ":"))
  started <- lapply(commands, function(command) {
    out <- tempfile("out", getwd())
    process <- processx::process$new(command[[1L]], command[-1L], stdout = out, stderr = "2>&1", env = env)
    list(out = out, process = process)
  })
  lapply(started, function(one) {
    one$process$wait(120000)
    list(status = one$process$get_exit_status(), text = paste(readLines(one$out, warn = FALSE), collapse = "\n"))
  })
}

r_program <- function(name) file.path(R.home("bin"), name)
script <- function(lines, ...) c(r_program("Rscript"), "--vanilla", as_file(lines), ...)

test_that("run() behaves as from a console where the arguments of R are not the flow's", {
  folder <- local_run_folder()
  sourced <- as_file(job)
  document <- as_file(c("```{r}", paste0("source('", sourced, "')"), job, "```"), ".Rmd")
  tests <- file.path(folder, "tests")
  dir.create(tests)
  writeLines(c("test_that('a flow', {", job, "cat(r$d, file = '../tested'); expect_true(TRUE)", "})"),
    file.path(tests, "test-flow.R"))
  doors <- list(
    `own argument` = script(reading("date <- base::commandArgs(TRUE)[1]"), "2026-11-29"),
    `own argument of a sourced file` = script(
      reading(sprintf("source('%s')", as_file("date <- commandArgs(trailingOnly = TRUE)"))), "2026-11-29"
    ),
    `source()` = script(sprintf("source('%s', echo = TRUE)", sourced), "run"),
    `PSOCK worker` = script(
      in_function("cl <- parallel::makeCluster(1); x <- parallel::parLapply(cl, 1, function(i) {", "})"), "run"
    ),
    fork = script(in_function("x <- parallel::mcparallel({", "}); invisible(parallel::mccollect(x))"), "show"),
    `R -e` = c(r_program("R"), "--vanilla", "--no-echo", "-e", sprintf("source('%s')", sourced), "--args", "run"),
    `Rscript -e` = c(r_program("Rscript"), "--vanilla", "-e", paste(job, collapse = "\n"), "show"),
    `R -f` = c(r_program("R"), "--vanilla", "--no-echo", "-f", sourced, "--args", "run"),
    testthat = script(sprintf("testthat::test_dir('%s', load_package = 'none')", tests), "run"),
    option = script(c("options(gangway.command_line = FALSE)", job), "run")
  )
  if (nzchar(Sys.which("r"))) doors$littler <- c(Sys.which("r")[[1L]], sourced, "run")
  if (nzchar(system.file(package = "knitr"))) {
    doors$knitr <- script(sprintf("cat(readLines(knitr::knit('%s', quiet = TRUE)), sep = '\n')", document), "show")
  }
  if (nzchar(system.file(package = "optparse"))) {
    doors$optparse <- script(reading(c(
      "parser <- optparse::OptionParser(option_list = list(optparse::make_option('--date', default = 'x')))",
      "date <- paste0(optparse::parse_args(parser)$date, '!')"
    )), "--date", "2026")
  }
  if (nzchar(system.file(package = "plumber"))) {
    handler <- in_function("api <- plumber::pr() |> plumber::pr_get('/', function() {", "})")
    doors$plumber <- script(c(handler, "request <- as.environment(list(REQUEST_METHOD = 'GET', PATH_INFO = '/',",
      "  QUERY_STRING = '', rook.input = list(read = function(...) raw(), rewind = function() NULL)))",
      "x <- api$call(request)"), "8000")
  }
  for (name in names(ended <- end_doors(doors))) {
    one <- ended[[name]]
    expect_equal(one$status, 0L, label = paste("the exit status of", name))
    if (!name %in% c("PSOCK worker", "testthat")) {
      expect_match(one$text, "GOT [-0-9a-z!]+ +gangway_error_argument", label = name)
    }
  }
  for (name in c("own argument", "own argument of a sourced file")) expect_match(ended[[name]]$text, "GOT 2026-11-29")
  if (length(ended$optparse)) expect_match(ended$optparse$text, "GOT 2026!")
  expect_true(file.exists("tested"))
})

test_that("a script that is the flow's command line hands it to Metaflow, whoever stands between", {
  local_run_folder()
  flow <- append(job[1:3], "shown <- function(...) run(f, ...)", 3L)
  own_path <- "me <- sub('--file=', '', grep('--file=', commandArgs(), value = TRUE))"
  doors <- list(
    pipe = script(c(flow, "f %>% run(show = FALSE)"), "show"),
    `function` = script(c(flow, "main <- function() local(shown()); main()"), "show"),
    base = script(c(flow, "x <- lapply(1, function(i) tryCatch(suppressMessages(do.call(shown, list()))))"), "show"),
    `own path` = script(c(own_path, flow, "shown()"), "--quiet", "show"),
    `own argument too` = script(c("x <- commandArgs(TRUE)", flow, "shown()"), "--with", "retry", "show"),
    option = script(
      c("options(gangway.command_line = TRUE)", sprintf("source('%s')", as_file(c(flow, "shown()")))), "show"
    ),
    `no command` = script(c(flow, "shown()"), "rnu"),
    parameter = script(c(flow, "shown()"), "--dat", "x")
  )
  ended <- end_doors(doors)
  for (name in setdiff(names(ended), c("no command", "parameter"))) {
    expect_equal(ended[[name]]$status, 0L, label = paste("the exit status of", name))
    expect_match(ended[[name]]$text, "Step start", label = name)
  }
  expect_equal(ended$`no command`$status, 2L)
  expect_match(ended$`no command`$text, "No such command 'rnu'")
  expect_equal(ended$parameter$status, 2L)
})

test_that("the commands that are known are Metaflow's", {
  python <- client_python()
  said <- processx::run(python, c("-c", "from metaflow.cli import start; print(*start.list_commands(None))"),
    env = c("current", METAFLOW_USER = "dev"))
  expect_setequal(metaflow_commands, strsplit(trimws(said$stdout), " ")[[1L]])
})

# Of each of Metaflow's options: the command it belongs to, its name, kind and number of values, and its opposite.
options_of_metaflow <- function() {
  code <- c(
    "from metaflow.cli import start",
    "def show(command, name):",
    "    for p in command.params:",
    "        if p.param_type_name == 'option':",
    "            kind = 'flag' if p.is_flag else 'many' if p.multiple else 'one'",
    "            print(name, p.opts[0], kind, p.nargs, *p.secondary_opts)",
    "    for n in getattr(command, 'commands', {}):",
    "        show(command.get_command(None, n), name)",
    "show(start, 'top')",
    "for name in ('run', 'resume', 'batch', 'step-functions'):",
    "    show(start.get_command(None, name), name)"
  )
  said <- processx::run(client_python(), c("-c", paste(code, collapse = "\n")),
    env = c("current", METAFLOW_USER = "dev"))
  names <- c("command", "option", "kind", "values", "opposite")
  utils::read.table(text = said$stdout, fill = TRUE, col.names = names, colClasses = "character")
}

# R reads its own copy of them: whether a word is a value or the command has to be known before Python starts, which
# takes longer than to say that an option does not exist.
test_that("the options that are known are Metaflow's, of the same kind", {
  all <- options_of_metaflow()
  expect_known <- function(mine, commands) {
    theirs <- all[all$command %in% commands, ]
    names <- paste0("--", gsub("_", "-", names(mine), fixed = TRUE))
    kinds <- theirs$kind[match(names, theirs$option)]
    expect_identical(stats::setNames(kinds, names(mine)), sub("comma", "one", mine), label = paste(commands, "knows"))
  }
  expect_known(top_options, "top")
  expect_known(run_options, "run")
  expect_known(batch_options, "batch")
  expect_known(step_functions_options, "step-functions")
})

test_that("the values that follow an option before the command are those that Metaflow reads", {
  all <- options_of_metaflow()
  top <- all[all$command == "top", ]
  valued <- top[top$kind != "flag", ]
  # Only flows that have configurations, or a project, have these.
  mine <- options_with_value[!names(options_with_value) %in% c("--config", "--config-value", "--branch")]
  expect_setequal(names(mine), valued$option)
  expect_identical(unname(mine[valued$option]), as.integer(valued$values))
  for (flag in names(Filter(function(kind) kind == "flag", top_options))) {
    no <- option_argument(flag, FALSE, "flag")
    expect_identical(no, top$opposite[top$option == paste0("--", flag)], label = flag)
  }
})
