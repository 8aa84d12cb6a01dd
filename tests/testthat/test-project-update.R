# update_flow_project(): a project of an older template, which somebody has changed.

# As if the template had been another one when the project was made.
made_then <- function(change) {
  record <- read_record(".")
  then <- change(record$files)
  unlink(setdiff(names(record$files), names(then)))
  files <- with_record(then, record$values)
  write_files(".", files)
  commit_all()
}

edit <- function(file, ...) writeLines(sub(..., readLines(file)), file)

text_at <- function(file) paste0(readLines(file), "\n", collapse = "")

git_status <- function() strsplit(processx::run("git", c("status", "--porcelain"))$stdout, "\n")[[1]]

test_that("what the template and what the user has changed are merged, and nothing of the user's is lost", {
  local_flow_project()
  now <- read_record(".")$files
  made_then(function(then) {
    then[["Dockerfile"]] <- sub("USER 10001", "USER 1", then[["Dockerfile"]], fixed = TRUE)
    then[["README.md"]] <- sub("\\| `tests/` \\|[^\n]*", "| `tests/` | tests |", then[["README.md"]])
    then[["R/steps.R"]] <- paste0(then[["R/steps.R"]], "# old\n")
    then[[".github/gangway.sh"]] <- paste0(then[[".github/gangway.sh"]], "# old\n")
    then[["bootstrap.R"]] <- "old\n"
    then[[".github/old.sh"]] <- then[[".github/used.sh"]] <- "old\n"
    then[[".gitignore"]] <- sub("renv/staging/\n", "", then[[".gitignore"]])
    then[setdiff(names(then), c("R/bootstrap.R", ".dockerignore", ".Rbuildignore", "tests/testthat/test-bootstrap.R"))]
  })
  edit("Dockerfile", "^# Both load.*", "# Mine.")
  edit("README.md", "tests/` \\| tests", "tests/` | all my tests")
  edit("renv.lock", "\\{\\}", "{ }")
  edit(".github/used.sh", "old", "used")
  writeLines("mine <- function(self) NULL", "R/steps.R")
  writeLines("mine", ".Rbuildignore")
  writeLines(readLines(".gitignore"), ".gitignore", sep = "\r\n")
  writeLines("mine", "own.R")
  unlink("bootstrap.R")
  processx::run("git", c("config", "core.autocrlf", "false"))
  commit_all()

  shown <- utils::capture.output(planned <- suppressMessages(update_flow_project(preview = TRUE)))
  expect_identical(git_status(), character())
  expect_match(shown, "^[+]USER 10001", all = FALSE)
  said <- NULL
  printed <- utils::capture.output(done <- withCallingHandlers(update_flow_project(), message = function(m) {
    said <<- paste(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  }))
  expect_identical(printed, shown)
  expect_identical(done, planned)
  expect_identical(stats::setNames(done$what, done$file), c(
    ".Rbuildignore" = "conflict", ".dockerignore" = "added", ".github/gangway.sh" = "updated",
    ".github/old.sh" = "removed", ".github/used.sh" = "yours", ".gitignore" = "updated", Dockerfile = "merged",
    "R/bootstrap.R" = "example", "R/steps.R" = "yours", "README.md" = "conflict", "bootstrap.R" = "deleted",
    "tests/testthat/test-bootstrap.R" = "example"
  )[done$file])
  expect_length(done$file, 12L)
  expect_match(said, "Conflicts, marked in the file: .Rbuildignore, README.md")
  expect_match(said, "Left, because you have changed it")
  expect_identical(text_at(".github/gangway.sh"), now[[".github/gangway.sh"]])
  expect_identical(text_at("Dockerfile"), sub("# Both load[^\n]*", "# Mine.", now[["Dockerfile"]]))
  readme <- readLines("README.md")
  expect_match(readme, "all my tests", fixed = TRUE, all = FALSE)
  expect_match(readme, "gangway::call_step()", fixed = TRUE, all = FALSE)
  expect_match(readme, "^<<<<<<< yours$", all = FALSE)
  expect_match(readLines(".Rbuildignore"), "^mine$", all = FALSE)
  ignored <- readChar(".gitignore", 1e4, useBytes = TRUE)
  expect_match(ignored, "renv/staging/\r\n", fixed = TRUE)
  expect_identical(readLines("R/steps.R"), "mine <- function(self) NULL")
  expect_identical(readLines("own.R"), "mine")
  expect_match(readLines("renv.lock"), "{ }", fixed = TRUE, all = FALSE)
  expect_false(file.exists("bootstrap.R") || file.exists(".github/old.sh") || file.exists("R/bootstrap.R"))
  # What git shows is the update.
  expect_setequal(substring(git_status(), 4), c(
    ".gangway.json", done$file[done$what %in% c("conflict", "added", "updated", "removed", "merged")]
  ))
  commit_all()
  expect_message(again <- update_flow_project(), "nothing new")
  expect_identical(nrow(again), 0L)
  expect_identical(git_status(), character())
  # A later version of gangway is named where the project names it.
  later <- suppressMessages(utils::capture.output(found <- update_flow_project(gangway = "new/gangway@v9")))
  expect_true(all(c("Dockerfile", ".github/workflows/flow.yml") %in% found$file))
  expect_match(later, "new/gangway/.github/workflows/flow-image.yml@v9", fixed = TRUE, all = FALSE)
  expect_identical(read_record(".")$values[["gangway_ref"]], "v9")
})

test_that("what is no clean project is refused, and left as it is", {
  refused <- function(reason, ...) {
    before <- tools::md5sum(list.files(".", recursive = TRUE, all.files = TRUE))
    before <- before[!grepl("^[.]git/", names(before))]
    cnd <- expect_error(update_flow_project(...), class = "gangway_error_project")
    expect_identical(cnd$reason, reason)
    expect_identical(tools::md5sum(names(before)), before)
    cnd
  }
  path <- local_flow_project()
  refused("no_project", file.path(path, "R"))
  refused("no_project", file.path(path, "nowhere"))
  edit("Dockerfile", "^# Both load.*", "# Mine.")
  file.create("new.csv")
  expect_setequal(refused("uncommitted")$files, c("Dockerfile", "new.csv"))
  commit_all()
  edit(".gangway.json", "\"gangway\": \".*\"", "\"gangway\": \"99.0\"")
  commit_all()
  refused("newer")
  edit(".gangway.json", "\"written\": \".", "\"written\": \"")
  commit_all()
  refused("no_record")
  withr::with_path("/nowhere", action = "replace", refused("no_record"))
  unlink(".git", recursive = TRUE)
  processx::run("git", "init")
  suppressMessages(create_flow_project("other", gangway = "me/gangway@v1"))
  refused("no_repository", "other")
})
