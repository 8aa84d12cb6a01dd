# Lint the R code of the package, the Python core's R files, tests and examples by .lintr; or the files given.
files <- commandArgs(TRUE)
if (!length(files)) {
  files <- c(
    list.files(c("R", "tests/testthat", "tests/bench", "inst/examples", "scripts", "docker"),
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

# The runtime as a task loads it.
runtime <- new.env(parent = baseenv())
sources <- list.files("python/metaflow_extensions/gangway/runtime", "[.]R$", recursive = TRUE, full.names = TRUE)
for (file in sources) sys.source(file, runtime, keep.source = TRUE)
unused <- character()
codetools::checkUsageEnv(runtime, suppressLocalUnused = FALSE, report = function(text) {
  if (!grepl("no visible", text, fixed = TRUE)) unused <<- c(unused, text)
})
cat(unused, sep = "")
quit(status = length(lints) + length(unused) > 0)
