# A package that load_all() has loaded, of which an older version is installed: its new code is what runs.

sources <- c(
  "old_or_new <- function(x) hidden(x) * NUMBER",
  "hidden <- function(x) .Call(C_same, x)",
  "build_flow <- function() {",
  "  self_made <- function(self) self$made <- hidden(NUMBER)",
  "  gangway::metaflow('BuiltFlow') |>",
  "    gangway::step(step = 'start', r_function = self_made, next_step = 'end') |> gangway::step(step = 'end')",
  "}"
)

dev_package_files <- function(folder) {
  for (part in c("R", "src")) dir.create(file.path(folder, "pkdev", part), recursive = TRUE)
  write <- function(file, ...) writeLines(c(...), file.path(folder, "pkdev", file))
  write("DESCRIPTION", "Package: pkdev", "Version: 0.1", "Title: T", "Description: D.", "License: GPL-3")
  write("NAMESPACE", "export(old_or_new, build_flow)", "useDynLib(pkdev, C_same)")
  write("src/same.c", "#include <Rinternals.h>", "#include <R_ext/Rdynload.h>", "SEXP C_same(SEXP x) { return x; }")
  write("R/code.R", gsub("NUMBER", "1", sources))
}

# In a fresh R, with the package's next versions in its working folder.
load_all_script <- c(
  "version <- function(number, load = TRUE) {",
  sprintf("  writeLines(gsub('NUMBER', number, %s), 'pkdev/R/code.R')", paste(deparse(sources), collapse = "")),
  "  if (load) pkgload::load_all('pkdev', quiet = TRUE)",
  "}",
  ".libPaths(c(normalizePath('library'), .libPaths()))",
  "version(1000)",
  "used <- function(self) self$y <- c(old_or_new(2), hidden(3))",
  "flow <- metaflow('F') |> step(step = 'start', r_function = used, next_step = 'end') |> step(step = 'end')",
  "cat('STEP', run(flow)$y, '\\n')",
  "cat('BUILT', run(build_flow())$made, '\\n')",
  "version(5, load = FALSE)",
  "cat('REFUSED', tryCatch(run(flow), gangway_error_bundle = conditionMessage), '\\n')"
)

skip_without_load_all <- function() {
  for (package in c("pkgload", "pkgbuild")) skip_if_not(nzchar(system.file(package = package)), package)
}

with_old_install <- function(lines) {
  folder <- local_run_folder(parent.frame())
  dev_package_files(folder)
  dir.create("library")
  r <- file.path(R.home("bin"), "R")
  processx::run(r, c("CMD", "INSTALL", "--no-test-load", "--no-docs", "-l", "library", "pkdev"), timeout = 280)
  unlink(list.files("pkdev/src", "o$", full.names = TRUE))
  said <- rscript(lines)
  if (said$status != 0L) stop(said$stderr)
  said$stdout
}

test_that("steps run the code that load_all() has loaded", {
  skip_without_load_all()
  said <- with_old_install(load_all_script)
  expect_match(said, "STEP 2000 3 ")
  expect_match(said, "BUILT 1000 ")
  expect_match(said, "REFUSED The files of the package pkdev in .* have changed since load_all\\(\\) .*: build_flow")
})

test_that("compiled code goes to another kind of R as an error", {
  package <- list(name = "pkdev", key = "k", needs = "R 3.6 on vax")
  expect_error(unpack_package(package, tempfile()), "compiled code for R 3.6 on vax", class = "gangway_error_bundle")
})

test_that("Ray's workers run the code that load_all() has loaded, and load it again when it changes", {
  skip_without_ray()
  skip_without_load_all()
  said <- with_old_install(c(
    load_all_script[1:5],
    "library(pkdev)", "ray_init(cpus = 1)", "say <- function(...) cat(unlist(list(...)), '\\n')",
    "remote <- ray_remote(function(x) old_or_new(x))",
    "say('INSTALLED', ray_map(1:2, old_or_new), ray_get(remote(3)))",
    "detach('package:pkdev', unload = TRUE)",
    "version(1000)", "say('LOADED', ray_map(1:2, old_or_new), ray_get(remote(3)), ray_map(4, function(x) hidden(x)))",
    "version(10)", "say('AGAIN', ray_map(1:2, old_or_new), ray_get(remote(3)))",
    "actor <- ray_actor(function() { get <- function(x) old_or_new(x); environment() })",
    "say('ACTOR', ray_get(actor$get(4)))",
    if (nzchar(system.file(package = "future"))) c(
      "future::plan(ray)", "say('FUTURE', future::value(future::future(old_or_new(5))))",
      "version(20)", "say('FUTURE', future::value(future::future(old_or_new(5))))"
    ),
    "pkgload::unload('pkdev')", "library(pkdev)", "say('BACK', ray_map(1:2, old_or_new))"
  ))
  expect_match(said, "INSTALLED 1 2 3 ")
  expect_match(said, "LOADED 1000 2000 3000 4 ")
  expect_match(said, "AGAIN 10 20 30 ")
  expect_match(said, "ACTOR 40 ")
  if (nzchar(system.file(package = "future"))) expect_match(said, "FUTURE 50 \nFUTURE 100 ")
  expect_match(said, "BACK 1 2 ")
})
