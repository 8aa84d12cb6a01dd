# The table of cases (cases/*.R), by every door: what a row gives in a plain R session it gives there too. `make test`
# takes every eighth row; `make test-cases` (GANGWAY_CASES=.) takes them all, which lasts some 20 minutes.

rows <- case_table()
wanted <- sampled_rows(wanted_rows(rows))
groups <- split(wanted, vapply(wanted, function(row) row$group, ""))

# All values of a kind of door, list(door = list(id = value)).
gathered <- function(kind) {
  parts <- lapply(groups, run_doors, kind)
  doors <- unique(unlist(lapply(parts, names)))
  lapply(stats::setNames(nm = doors), function(door) do.call(c, lapply(unname(parts), function(part) part[[door]])))
}

expect_cases <- function(door, results) {
  testthat::expect_setequal(names(results), names(wanted))
  for (id in intersect(names(wanted), names(results))) {
    expect_case(wanted[[id]], door, results[[id]], plain[[id]])
  }
}

plain <- gathered("plain")$plain

test_that("the table says what a plain R session gives", {
  for (id in names(wanted)) {
    testthat::expect(identical(plain[[id]], wanted[[id]]$expect), sprintf(
      "%s (%s): the table says %s, R gives %s", id, wanted[[id]]$title, shown(wanted[[id]]$expect), shown(plain[[id]])
    ))
  }
})

test_that("the table is large, and docs/cases.md is made from it", {
  expect_gte(length(rows), 220)
  expect_identical(anyDuplicated(vapply(rows, function(row) paste(row$kind, row$title), "")), 0L)
  docs <- test_path("..", "..", "docs", "cases.md")
  skip_if_not(file.exists(docs), "this is a checkout, with docs/cases.md")
  expect_identical(readLines(docs, encoding = "UTF-8"), strsplit(paste(case_docs(rows), collapse = "\n"), "\n")[[1]])
})

absent <- vapply(rows, function(row) paste(missing_packages(row), collapse = ", "), "")
for (packages in unique(absent[nzchar(absent)])) {
  test_that(paste("rows that need", packages), {
    skip(paste(packages, "not installed: rows", paste(names(rows)[absent == packages], collapse = ", ")))
  })
}

skip_without_ray()
for (package in c("foreach", "future.apply", "furrr")) skip_if_not_installed(package)

by_session <- gathered("session")
for (door in c(session_doors, far_door)) {
  test_that(paste(door, "in a session gives what R gives"), {
    expect_cases(door, by_session[[door]])
  })
}

by_flow <- gathered("flow")
for (door in flow_doors) {
  test_that(paste(door, "gives what R gives"), {
    expect_cases(door, by_flow[[door]])
  })
}
