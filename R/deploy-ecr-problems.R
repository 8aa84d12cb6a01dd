# What ecr_image() says when there is no image, or when git has changes that the image cannot have.

abort_ecr <- function(found, repository, tag, path, call = rlang::caller_env()) {
  account <- found$account
  region <- found$region
  said <- cli_literal(found$said)
  python <- if (found$problem == "no_boto3") gangway_python()
  message <- switch(found$problem,
    no_tag = c(
      "The image {.val {tag}} is not in the ECR repository {.val {repository}} (account {account}, {region}).",
      advice_not_pushed(tag, path)
    ),
    no_repository = c(
      "There is no ECR repository {.val {repository}} in account {account}, region {region}.",
      i = "Give {.arg account} and {.arg region} if it is another's, or make it:
           {.code aws ecr create-repository --repository-name {repository}}."
    ),
    denied = c(
      "AWS does not allow these credentials to look into the ECR repository {.val {repository}}.",
      x = said,
      i = "They need {.code ecr:DescribeImages} on it (docs/aws.md)."
    ),
    credentials = c(
      "There are no AWS credentials that are good for account {account %||% \"(unknown)\"}, region {region}.",
      x = said,
      i = "Sign in (for example {.code aws sso login}), or set {.envvar AWS_PROFILE}."
    ),
    no_region = c(
      "The AWS region of the image's registry is not known.",
      i = "Give {.arg region}, or set {.envvar AWS_REGION}."
    ),
    no_boto3 = c(
      "The Python {.file {python}} has no boto3, through which AWS is asked.",
      i = "Install it: {.code {python} -m pip install boto3}."
    ),
    c("ECR did not say whether the image {.val {tag}} is in {.val {repository}}.", x = said)
  )
  gangway_abort(message, c(paste0("gangway_error_image_", found$problem), "gangway_error_image"), call = call)
}

#' Why an image is not there yet: the commit, or the workflow
#'
#' @param path A folder of the git repository; `NULL` for a tag that the user has given.
#' @noRd
advice_not_pushed <- function(tag, path) {
  if (is.null(path)) {
    return(c(i = "Is the tag right? The images of commits have the commit's 40 digits as their tag."))
  }
  on_a_remote <- git(path, "branch", "--remotes", "--contains", tag)
  if (length(on_a_remote$lines)) {
    return(c(i = "The commit is pushed, the image is not pushed yet: wait for the workflow, or see why it failed."))
  }
  c(i = "The commit is not pushed yet: push, or wait for the workflow that builds the image.")
}

git_commit <- function(path, call = rlang::caller_env()) {
  found <- git(path, "rev-parse", "--verify", "HEAD")
  if (found$status == 0L) {
    return(found$lines)
  }
  gangway_abort(c(
    "{.file {path}} is not in a git repository with a commit, so its image cannot be named.",
    x = cli_literal(found$said),
    i = "Give {.arg tag} or {.envvar GANGWAY_IMAGE_TAG}, or the repository's folder as {.arg path}."
  ), "gangway_error_argument", call = call)
}

warn_uncommitted <- function(path, tag) {
  changed <- substring(git(path, "status", "--porcelain")$lines, 4L)
  if (!length(changed)) {
    return(invisible())
  }
  commit <- substr(tag, 1L, 7L)
  shown <- cli_literal(paste(utils::head(changed, 5L), collapse = ", "))
  if (length(changed) > 5L) shown <- paste0(shown, ", ...")
  gangway_warn(c(
    "{length(changed)} file{?s} {?is/are} not as in commit {commit}, from which the image was built: {shown}",
    i = "A task sees only the changes that a run ships with it: the script and the files beside it."
  ), "gangway_warning_uncommitted")
}

# A git that is missing is an exit status like any other.
git <- function(path, ...) {
  out <- tryCatch(
    processx::run("git", c("-C", path, ...), error_on_status = FALSE, timeout = 60),
    error = function(e) list(status = 127L, stdout = "", stderr = "the program git was not found")
  )
  list(status = out$status, lines = strsplit(out$stdout, "\n", fixed = TRUE)[[1L]], said = trimws(out$stderr))
}
