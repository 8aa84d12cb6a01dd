# Run the R tests against the installed package, readably, and leave their numbers in a file.
#
# usage: Rscript scripts/testthat.R RESULT [FILE ...]     without files: all of tests/testthat
args <- commandArgs(trailingOnly = TRUE)
files <- sub("^test-?", "", sub("[.]R$", "", basename(args[-1])))
filter <- if (length(files)) paste0("^(", paste(files, collapse = "|"), ")$")

results <- testthat::test_dir(
  "tests/testthat",
  package = "gangway", load_package = "installed", filter = filter,
  reporter = testthat::SummaryReporter$new(show_praise = FALSE), stop_on_failure = FALSE
)

is_kind <- function(test, kind) any(vapply(test$results, inherits, NA, what = kind))
failed <- vapply(results, function(test) {
  is_kind(test, "expectation_failure") || is_kind(test, "expectation_error")
}, NA)
skipped <- !failed & vapply(results, is_kind, NA, kind = "expectation_skip")
seconds <- vapply(results, function(test) as.double(test$real), 0)

reason <- function(test) {
  skips <- Filter(function(result) inherits(result, "expectation_skip"), test$results)
  sub("^Reason: ", "", conditionMessage(skips[[1]]))
}
for (test in results[failed]) cat(sprintf("failed: %s: %s\n", test$file, test$test))
for (test in results[skipped]) {
  cat(sprintf("skipped: %s: %s: %s\n", test$file, test$test, reason(test)))
}
for (i in utils::head(order(seconds, decreasing = TRUE), 5)) {
  cat(sprintf("%6.1f s  %s: %s\n", seconds[[i]], results[[i]]$file, results[[i]]$test))
}
names_of <- function(tests) vapply(tests, function(test) paste0(test$file, ": ", test$test), "")
writeLines(c(paste(sum(!failed & !skipped), sum(failed), sum(skipped)), names_of(results[failed])), args[[1]])
quit(status = any(failed))
