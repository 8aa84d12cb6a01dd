#' Begin a project for a flow
#'
#' Makes the folder of an R package that holds a flow and its way into production: functions for the steps, tests,
#' a script that runs the flow, a Dockerfile, `renv.lock`, and a GitHub workflow. The workflow builds the image of each
#' commit, tests the package in it and pushes it to Amazon ECR; on a pull request it checks with
#' [verify_promotion()] that the promoted run was made with the pull request's code; and a merge deploys the flow.
#' The project works as it is: replace the steps in `R/` by your own.
#'
#' @param path Folder to make. It may exist, if none of the project's files is in it.
#' @param package Name of the package; the folder's name by default.
#' @param flow Name of the flow; by default the package's in CamelCase with `Flow` at the end.
#' @param deploy How a merge deploys the flow. AWS Step Functions cannot run a flow with a gang (`num_parallel`); Argo
#'   Workflows can.
#' @param gangway The GitHub repository whose workflow the project calls and whose image it builds on,
#'   `"owner/gangway@commit"`; by default where the installed package came from.
#' @return The path, invisibly.
#' @section Errors:
#' Class `gangway_error_project`: a name that R or Python does not take, a folder that cannot be written to, or one that
#' has some of the files already (nothing is written then).
#' @seealso [promote_run()]; `docs/aws.md` in gangway's repository for what AWS and GitHub need to know.
#' @export
#' @examples
#' path <- file.path(tempdir(), "fuelEconomy")
#' create_flow_project(path, gangway = "example/gangway@main")
#' list.files(path, recursive = TRUE)
#' unlink(path, recursive = TRUE)
create_flow_project <- function(path, package = NULL, flow = NULL, deploy = c("step-functions", "argo-workflows"),
                                gangway = NULL) {
  if (!is_string(path) || !nzchar(path)) {
    gangway_abort("{.arg path} must name a folder, not be {.obj_type_friendly {path}}.", "gangway_error_project")
  }
  deploy <- rlang::arg_match(deploy)
  package <- package %||% basename(normalizePath(path, mustWork = FALSE))
  check_package_name(package)
  flow <- flow %||% paste0(camel_case(package), "Flow")
  if (!is_identifier(flow) || startsWith(flow, "_")) {
    gangway_abort(c(
      "{.arg flow} must be a name that Python takes, not {.val {flow}}.",
      i = "Letters, digits and underscores, beginning with a letter: {.val TuneHousing}."
    ), "gangway_error_project")
  }
  source <- gangway_source(gangway)
  values <- c(
    package = package, flow = flow, deploy = deploy,
    r_version = as.character(getRversion()),
    gangway_repository = source$repository, gangway_ref = source$ref,
    # The last day that is over everywhere: Posit keeps CRAN as it was on each day.
    date = format(Sys.Date() - 1)
  )
  files <- template_files()
  check_free(path, names(files))
  write_project(path, files, values)
  tell_next_steps(path, flow, source)
  invisible(normalizePath(path))
}

check_package_name <- function(package, call = parent.frame()) {
  if (!is_string(package) || !grepl("^[a-zA-Z][a-zA-Z0-9.]*[a-zA-Z0-9]$", package)) {
    gangway_abort(c(
      "{.val {package}} cannot be the name of an R package.",
      i = "It has two or more letters, digits and dots, begins with a letter and does not end with a dot; give another
           with {.arg package}."
    ), "gangway_error_project", call = call)
  }
}

camel_case <- function(name) {
  words <- strsplit(name, ".", fixed = TRUE)[[1L]]
  paste0(toupper(substring(words, 1L, 1L)), substring(words, 2L), collapse = "")
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

write_project <- function(path, files, values, call = parent.frame()) {
  for (name in names(files)) {
    target <- file.path(path, name)
    dir.create(dirname(target), recursive = TRUE, showWarnings = FALSE)
    lines <- fill_template(readLines(files[[name]], encoding = "UTF-8"), values)
    written <- tryCatch(
      suppressWarnings(writeLines(enc2utf8(lines), target, useBytes = TRUE)),
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

tell_next_steps <- function(path, flow, source) {
  cli::cli_inform(c(
    v = "The project of flow {.val {flow}} is in {.file {path}}.",
    i = "There, {.code Rscript flow.R run} runs the flow; {.file README.md} tells the rest.",
    "!" = if (!source$known) {
      "Put gangway's GitHub repository and a commit of it for {.val {source$repository}} and {.val {source$ref}}
       in {.file .github/workflows/flow.yml} and {.file Dockerfile}."
    }
  ))
}
