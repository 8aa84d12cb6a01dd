#' Begin a project for a flow
#'
#' Makes the folder of an R package that holds a flow and its way into production: functions for the steps, tests,
#' a script that runs the flow, a Dockerfile, `renv.lock`, and a GitHub workflow. The workflow builds the image of each
#' commit, tests the package in it and pushes it to Amazon ECR; on a pull request it checks with
#' [verify_promotion()] that the promoted run was made with the pull request's code; and a merge deploys the flow.
#' The project works as it is: replace the steps in `R/` by your own.
#'
#' @param path Folder to make. It may exist, if none of the project's files is in it.
#' @param package Name of the package; by default the folder's name, or its words as one where R does not take it.
#' @param flow Name of the flow; by default the package's in CamelCase with `Flow` at the end.
#' @param deploy How a merge deploys the flow. AWS Step Functions cannot run a flow with a gang (`num_parallel`); Argo
#'   Workflows can.
#' @param gangway The GitHub repository whose workflow the project calls and whose image it builds on,
#'   `"owner/gangway@v0.1.0"` or a commit in place of the release's tag; by default where the installed package came
#'   from.
#' @param repository Name of the ECR repository for the images of the main branch, such as `"team/fuel-economy"`; by
#'   default the package's words with hyphens. Those of other branches go to the one with `-branches` at the end.
#' @param owners GitHub users and teams that approve what is merged and deployed, `c("@ada", "@example/data-science")`,
#'   for `.github/CODEOWNERS`: the workflow deploys only what one of them, other than the author, has approved. Without
#'   any nobody has to, until somebody is named there.
#' @section Names:
#' ECR, IAM, Kubernetes and Metaflow's `@project` know the project by names that follow from the package's, as each of
#' them takes it: `fuelEconomy` is the Metaflow project `fuel_economy`, the ECR repositories `fuel-economy` and
#' `fuel-economy-branches`, the roles `fuel-economy-read`, `-branch`, `-push` and `-deploy`, and the service account
#' `fuel-economy`. All of them are checked before anything is written, told, and written down in the project's
#' `README.md`.
#' @return The path, invisibly.
#' @section Errors:
#' Class `gangway_error_project`: a name that its system does not take (the field `name` says which), a folder that
#' cannot be written to, or one that has some of the files already (nothing is written then).
#' @seealso [update_flow_project()] for later versions of the template, [call_step()] for tests of steps,
#'   [promote_run()]; `docs/aws.md` in gangway's repository for what AWS and GitHub need to know.
#' @export
#' @examples
#' path <- file.path(tempdir(), "fuelEconomy")
#' create_flow_project(path, gangway = "example/gangway@v0.1.0")
#' list.files(path, recursive = TRUE)
#' unlink(path, recursive = TRUE)
create_flow_project <- function(path, package = NULL, flow = NULL, deploy = c("step-functions", "argo-workflows"),
                                gangway = NULL, repository = NULL, owners = NULL) {
  if (!is_string(path) || !nzchar(path)) {
    gangway_abort("{.arg path} must name a folder, not be {.obj_type_friendly {path}}.", "gangway_error_project")
  }
  deploy <- rlang::arg_match(deploy)
  names <- project_names(basename(normalizePath(path, mustWork = FALSE)), package, flow, repository)
  source <- gangway_source(gangway)
  values <- c(
    names, deploy = deploy, owners = owners_line(owners),
    deploy_with = if (deploy == "argo-workflows") "kubernetes" else "batch", r_version = as.character(getRversion()),
    gangway_repository = source$repository, gangway_ref = source$ref,
    # The last day that is over everywhere: Posit keeps CRAN as it was on each day.
    date = format(Sys.Date() - 1)
  )
  files <- with_record(filled_template(values), values)
  check_free(path, names(files))
  write_files(path, files)
  tell_next_steps(path, names, source, owners)
  invisible(normalizePath(path))
}

#' The repository and commit of gangway on GitHub
#' @param given `"owner/gangway@commit"`, or `NULL` for what the installed package says of itself.
#' @return A list of `repository`, `ref`, and `known`.
#' @noRd
gangway_source <- function(given, call = parent.frame()) {
  if (is.null(given)) {
    from <- utils::packageDescription("gangway")
    if (is.null(from$RemoteSha) || is.null(from$RemoteUsername)) {
      return(list(repository = "OWNER/gangway", ref = "COMMIT", known = FALSE))
    }
    given <- paste0(from$RemoteUsername, "/", from$RemoteRepo, "@", from$RemoteSha)
  }
  if (!is_string(given) || !grepl("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[A-Za-z0-9._/-]+$", given)) {
    gangway_abort(
      "{.arg gangway} must be as {.val owner/gangway@commit}, not {.val {given}}.", "gangway_error_project", call = call
    )
  }
  list(repository = sub("@.*$", "", given), ref = sub("^[^@]*@", "", given), known = TRUE)
}

#' The template's files
#' @return Paths in the package, named with their paths in a project. Names of hidden files have no dot in the package.
#' @noRd
template_files <- function() {
  folder <- system.file("templates", "project", package = "gangway")
  files <- list.files(folder, recursive = TRUE)
  names <- sub("^(Rbuildignore|gitignore|dockerignore|github/)", ".\\1", files)
  stats::setNames(file.path(folder, files), names)
}

check_free <- function(path, names, call = parent.frame()) {
  taken <- names[file.exists(file.path(path, names))]
  if (length(taken)) {
    gangway_abort(c(
      "{.file {path}} has {length(taken)} of the project's files already: {.file {utils::head(taken, 5L)}}.",
      i = "Choose another folder; nothing was written."
    ), "gangway_error_project", files = taken, call = call)
  }
}

#' The template's files for a project
#' @return Their texts, named with their paths in the project.
#' @noRd
filled_template <- function(values) {
  vapply(template_files(), function(file) {
    enc2utf8(paste0(fill_template(readLines(file, encoding = "UTF-8"), values), "\n", collapse = ""))
  }, "")
}

write_files <- function(path, files, call = parent.frame()) {
  for (name in names(files)) {
    target <- file.path(path, name)
    dir.create(dirname(target), recursive = TRUE, showWarnings = FALSE)
    written <- tryCatch(
      suppressWarnings(writeLines(files[[name]], target, sep = "", useBytes = TRUE)),
      error = function(e) e
    )
    if (inherits(written, "error")) {
      gangway_abort("{.file {target}} cannot be written.", "gangway_error_project", parent = written, call = call)
    }
  }
}

# {{name}}; GitHub's own ${{ expressions }} have spaces.
fill_template <- function(lines, values) {
  for (name in names(values)) {
    lines <- gsub(paste0("{{", name, "}}"), values[[name]], lines, fixed = TRUE)
  }
  lines
}

# Of CODEOWNERS, for all files.
owners_line <- function(owners, call = parent.frame()) {
  if (!length(owners)) {
    return("# * @example/data-science")
  }
  good <- is.character(owners) && !anyNA(owners) &&
    all(grepl("^@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9_.-]+)?$|^[^@[:space:]]+@[^@[:space:]]+$", owners))
  if (!good) {
    gangway_abort(c(
      "{.arg owners} must be users, teams or addresses as GitHub's CODEOWNERS has them, not {.val {owners}}.",
      i = "For example {.code owners = c(\"@ada\", \"@example/data-science\")}."
    ), "gangway_error_project", name = "owners", call = call)
  }
  paste(c("*", owners), collapse = " ")
}

tell_next_steps <- function(path, names, source, owners) {
  n <- as.list(names)
  roles <- paste0(n$role, c("-read", "-branch", "-push", "-deploy"))
  cli::cli_inform(c(
    v = "The project of flow {.val {n$flow}} is in {.file {path}}.",
    i = "Its names: package {.val {n$package}}, Metaflow project {.val {n$project}}, ECR repositories
         {.val {n$repository}} and {.val {n$branches}}, IAM roles {.val {roles}}, Kubernetes service account
         {.val {n$account}}.",
    i = "There, {.code Rscript flow.R run} runs the flow; {.file README.md} tells the rest.",
    "!" = if (!length(owners)) {
      "Nobody has to approve what is deployed until {.file .github/CODEOWNERS} names somebody."
    },
    "!" = if (!source$known) {
      "Put gangway's GitHub repository and a commit of it for {.val {source$repository}} and {.val {source$ref}}
       in {.file .github/workflows} and {.file Dockerfile}."
    }
  ))
}
