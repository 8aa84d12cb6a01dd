test_that("an image's name holds its tag and its digest", {
  sha <- strrep("0123456789", 4)
  digest <- paste0("sha256:", strrep("ab", 32))
  expect_snapshot({
    writeLines(image_name("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "my-flows", sha, digest))
    writeLines(image_name("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "team/my-flows", "v1.2", digest))
  })
})

test_that("a repository's name is checked before anything is asked", {
  withr::local_options(gangway.python = "/nonexistent")
  for (bad in list(NULL, 1, NA_character_, c("a", "b"), "", "My-Flows", "flows:latest", "a//b", "-flows")) {
    expect_error(ecr_image(bad), "must be the name of an ECR repository", class = "gangway_error_argument")
  }
  expect_snapshot(error = TRUE, {
    ecr_image("123456789012.dkr.ecr.eu-west-1.amazonaws.com/my-flows")
    ecr_image("my-flows", tag = 1)
    ecr_image("my-flows", region = NA)
  })
})

test_that("the commit's image is found, and what keeps it from being found is said", {
  local_aws()
  folder <- local_git()
  commit <- git_do(folder, "rev-parse", "HEAD")
  said <- function(...) tryCatch(ecr_image(..., path = folder), gangway_error_image = conditionMessage)

  expect_match(said("team/flows"), "There is no ECR repository \"team/flows\" in account 123456789012")
  push_image("team/flows", "another")
  error <- expect_error(ecr_image("team/flows", path = folder), class = "gangway_error_image_no_tag")
  expect_match(conditionMessage(error), paste0("\"", commit, "\" is not in the ECR repository"))
  expect_match(conditionMessage(error), "not pushed yet: push, or wait for the workflow")

  # pushed, as git knows it: only the workflow is still to come
  git_do(folder, "update-ref", "refs/remotes/origin/main", commit)
  expect_match(said("team/flows"), "wait for the workflow, or see why it failed")
  expect_match(said("team/flows", tag = "v1"), "Is the tag right")

  # a branch's image counts until the main branch has one
  push_image("team/flows-branches", commit)
  expect_match(said("team/flows"), paste0("/team/flows-branches:", commit, "@sha256:"))
  expect_match(said("team/flows", tag = commit), "Is the tag right")

  pushed <- push_image("team/flows", commit)
  full <- paste0("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/flows:", commit, "@", pushed)
  expect_no_warning(expect_identical(ecr_image("team/flows", path = folder), full))

  # uncommitted changes: of a file that git has, and a new file
  writeLines("x <- 2", file.path(folder, "flow.R"))
  writeLines("", file.path(folder, "new.R"))
  expect_warning(
    expect_identical(ecr_image("team/flows", path = folder), full),
    paste0("2 files are not as in commit ", substr(commit, 1, 7), ".*flow.R, new.R"),
    class = "gangway_warning_uncommitted"
  )
  # a tag of the user's own has nothing to do with the working tree
  expect_no_warning(ecr_image("team/flows", tag = "another", path = folder))

  # in an image, or in a job that has no git
  withr::with_envvar(c(PATH = "/nowhere"), {
    expect_identical(ecr_image("team/flows", tag = commit, path = "/nowhere"), full)
    withr::local_envvar(GANGWAY_IMAGE_TAG = commit)
    expect_identical(ecr_image("team/flows", path = "/nowhere"), full)
  })

  # another region and account are asked, and named
  expect_match(said("team/flows", region = "us-east-2"), "in account 123456789012, region us-east-2")
  expect_match(said("team/flows", account = "210987654321"), "210987654321")
})

test_that("what keeps AWS from being asked is said", {
  local_aws()
  said <- function(...) tryCatch(ecr_image("flows", tag = "v1", ...), gangway_error_image = conditionMessage)
  withr::with_envvar(c(AWS_REGION = NA), expect_match(said(), "region of the image's registry is not known"))
  withr::with_envvar(
    c(AWS_ACCESS_KEY_ID = NA, AWS_SECRET_ACCESS_KEY = NA),
    expect_match(said(), "no AWS credentials that are good for .*Unable to locate credentials")
  )
  withr::with_envvar(c(AWS_ENDPOINT_URL = "http://127.0.0.1:9"), expect_match(said(), "Could not connect"))
  folder <- withr::local_tempdir()
  writeLines("raise ImportError('no boto3 here')", file.path(folder, "boto3.py"))
  withr::with_envvar(c(PYTHONPATH = folder), expect_match(said(), "has no boto3"))
})

test_that("a folder without a commit cannot name an image", {
  folder <- withr::local_tempdir()
  expect_error(ecr_image("flows", path = folder), "not in a git repository", class = "gangway_error_argument")
})

test_that("the default image has the R that runs now", {
  expect_identical(container_image(), paste0("rocker/r-ver:", getRversion()))
  expect_identical(rocker_tag(numeric_version("4.5.3"), ""), "4.5.3")
  expect_identical(rocker_tag(numeric_version("4.5.3"), "Patched"), "4.5.3")
  expect_identical(rocker_tag(numeric_version("4.7.0"), "Under development (unstable)"), "devel")
  expect_identical(rocker_tag(numeric_version("4.7.0"), "RC"), "devel")
})
