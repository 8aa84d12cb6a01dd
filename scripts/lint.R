# Lint the R code of the package, the Python core's R files, tests and examples by .lintr; or the files given.
files <- commandArgs(TRUE)
if (!length(files)) {
  files <- c(
    list.files(c("R", "tests/testthat", "tests/bench", "inst/examples", "scripts"),
      pattern = "[.]R$", full.names = TRUE
    ),
    list.files("python", pattern = "[.]R$", recursive = TRUE, full.names = TRUE)
  )
}
lints <- unlist(lapply(files, lintr::lint, cache = ".setup/lintr"), recursive = FALSE)
for (one in lints) {
  cat(sprintf(
    "%s:%d:%d: %s [%s]\n", sub(paste0(getwd(), "/"), "", one$filename, fixed = TRUE),
    one$line_number, one$column_number, one$message, one$linter
  ))
}
quit(status = length(lints) > 0)
