# ecr_image(): the full name of the image that the workflow has built from this commit and pushed to ECR.

#' The image of a git commit in Amazon's registry
#'
#' The workflow that comes with gangway builds an image for each commit and pushes it to Amazon ECR, tagged with the
#' commit. `ecr_image()` gives that image's full name: for all remote steps of a session's flows by
#' `options(gangway.image = function() ecr_image("my-flows"))`, or for a single step.
#'
#' @details
#' It asks AWS, through boto3 in [gangway_python()], whether the image is there, before a job is submitted that would
#' fail minutes later. The name holds the tag, for people, and the digest, for machines: a run uses this very
#' image even if someone moves the tag. A commit that is not on the main branch yet has its image in the repository with
#' `-branches` at the end, to which branches and pull requests push: it is looked for there next. Needed permissions:
#' `ecr:DescribeImages` on both repositories (`sts:GetCallerIdentity` needs none).
#'
#' @param repository Name of the ECR repository, such as `"my-flows"` or `"team/my-flows"`.
#' @param tag The image's tag. By default that in the environment variable `GANGWAY_IMAGE_TAG`, for where git does not
#'   look, else the git commit that is checked out in `path`; uncommitted changes there, which the image cannot have,
#'   are a warning.
#' @param account,region The registry's AWS account and region. By default the account of the credentials in use,
#'   and the region of `AWS_REGION`, `AWS_DEFAULT_REGION` or the AWS profile.
#' @param path A folder of the git repository.
#' @return One string, `"<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>@sha256:<digest>"`.
#' @section Errors:
#' Class `gangway_error_image`: the image, or its repository, is not there, or AWS does not answer.
#' `gangway_error_argument`: `path` is no git repository, or an argument is not of its kind.
#' @seealso [container_image()]
#' @examples
#' \dontrun{
#' # All remote steps that name no other; AWS is asked when one is run.
#' options(gangway.image = function() ecr_image("my-flows"))
#'
#' # A single step:
#' metaflow("Train") |>
#'   step(step = "start", r_function = train,
#'        decorator("batch", image = ecr_image("my-flows"), cpu = 4))
#' }
#' @export
ecr_image <- function(repository, tag = NULL, account = NULL, region = NULL, path = ".") {
  check_ecr_repository(repository)
  check_string_or_null(tag)
  check_string_or_null(account)
  check_string_or_null(region)
  if (is.null(tag) && nzchar(Sys.getenv("GANGWAY_IMAGE_TAG"))) tag <- Sys.getenv("GANGWAY_IMAGE_TAG")
  from_git <- is.null(tag)
  if (from_git) tag <- git_commit(path)
  found <- ask_ecr(repository, tag, account, region)
  if (from_git && isTRUE(found$problem %in% c("no_tag", "no_repository"))) {
    of_branch <- ask_ecr(branch_repository(repository), tag, account, region)
    if (is.null(of_branch$problem)) {
      found <- of_branch
      repository <- branch_repository(repository)
    }
  }
  if (!is.null(found$problem)) abort_ecr(found, repository, tag, if (from_git) path)
  if (from_git) warn_uncommitted(path, tag)
  image_name(found$registry, repository, tag, found$digest)
}

image_name <- function(registry, repository, tag, digest) paste0(registry, "/", repository, ":", tag, "@", digest)

check_ecr_repository <- function(repository, call = rlang::caller_env()) {
  part <- "[a-z0-9]+([._-][a-z0-9]+)*"
  good <- rlang::is_string(repository) && grepl(paste0("^", part, "(/", part, ")*$"), repository)
  if (good && !grepl(".dkr.ecr.", repository, fixed = TRUE)) {
    return(invisible())
  }
  shown <- if (rlang::is_string(repository)) cli_literal(repository) else "it"
  gangway_abort(c(
    "{.arg repository} must be the name of an ECR repository, such as {.val team/my-flows}.",
    x = if (shown == "it") "It is {.obj_type_friendly {repository}}." else "It is {.val {shown}}.",
    i = "The registry's address and the tag are added here: give {.arg account}, {.arg region} and {.arg tag}
         if they are not this session's."
  ), "gangway_error_argument", call = call)
}

check_string_or_null <- function(value, name = rlang::caller_arg(value), call = rlang::caller_env()) {
  if (is.null(value) || rlang::is_string(value)) {
    return(invisible())
  }
  gangway_abort("{.arg {name}} must be one string, not {.obj_type_friendly {value}}.",
    "gangway_error_argument", call = call
  )
}

#' What ECR says about an image
#'
#' A Python process of its own: this session's Python may be another, and boto3 would stay loaded in it.
#'
#' @return The list that gangway/aws/ecr.py prints.
#' @noRd
ask_ecr <- function(repository, tag, account, region) {
  python <- gangway_python()
  args <- python_module(
    "metaflow_extensions.gangway.aws.ecr", repository, tag,
    if (!is.null(account)) c("--account", account), if (!is.null(region)) c("--region", region)
  )
  out <- processx::run(python, args,
    env = c("current", python_env(python)), error_on_status = FALSE, timeout = 120
  )
  if (out$status != 0L) {
    said <- cli_literal(utils::tail(strsplit(trimws(out$stderr), "\n")[[1L]], 3L))
    gangway_abort(c("ECR could not be asked: Python failed.", stats::setNames(said, rep("x", length(said)))),
      "gangway_error_image", call = rlang::caller_env()
    )
  }
  jsonlite::fromJSON(utils::tail(strsplit(trimws(out$stdout), "\n")[[1L]], 1L))
}
