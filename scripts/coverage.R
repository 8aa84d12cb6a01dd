# Count the lines of the R package that testthat runs.
#
# usage: Rscript scripts/coverage.R RESULT quick|all     RESULT: file, lines, lines run
args <- commandArgs(trailingOnly = TRUE)
files <- if (args[[2L]] == "quick") system2("scripts/quick.sh", stdout = TRUE)
filter <- if (length(files)) paste0("^(", paste(sub("^test-(.*)[.]R$", "\\1", basename(files)), collapse = "|"), ")$")
code <- deparse(bquote(testthat::test_dir(
  .(normalizePath("tests/testthat")), package = "gangway", load_package = "installed", filter = .(filter),
  reporter = "minimal", stop_on_failure = FALSE
)))

lines <- covr::tally_coverage(covr::package_coverage(type = "none", code = code), by = "line")
counts <- stats::aggregate(cbind(lines = 1, run = value > 0) ~ filename, lines, sum)
utils::write.csv(counts, args[[1L]], row.names = FALSE)
