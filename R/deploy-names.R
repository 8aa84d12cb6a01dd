# The names of a flow project: one is given, and each system that knows the project by a name has its own rule for it.

#' The names of a project
#'
#' @param name What the others are derived from: the name of the project's folder.
#' @param package,flow,repository Names that the user has given, or `NULL`.
#' @return A named character vector: `package`, `flow`, `project` (Metaflow's `@project`), `repository` and
#'   `branches` (of ECR: the images of the main branch, and those of other branches), `role` (what the names of the IAM
#'   roles begin with), and `account` (the service account of Kubernetes).
#' @noRd
project_names <- function(name, package = NULL, flow = NULL, repository = NULL, call = parent.frame()) {
  package <- package %||% package_name(name)
  check_name("package", package, "package", call)
  words <- words_of(package)
  small <- tolower(words)
  kebab <- paste(small, collapse = "-")
  flow <- flow %||% paste0(camel_case(words), "Flow")
  check_name("flow", flow, "flow", call)
  repository <- repository %||% kebab
  check_name("repository", repository, "repository", call)
  names <- c(
    package = package, flow = flow, project = paste(small, collapse = "_"), repository = repository,
    branches = branch_repository(repository), role = kebab, account = kebab
  )
  # These follow from the package's name, so that is what has to change.
  for (what in c("project", "branches", "role", "account")) {
    check_name(what, names[[what]], if (what == "branches") "repository" else "package", call)
  }
  names
}

# Where the workflow pushes the images of branches: nobody but the main branch's own workflow makes what is deployed.
branch_repository <- function(repository) paste0(repository, "-branches")

# Each rule: how it is said, a pattern, the most letters.
name_rules <- list(
  package = list(
    "an R package: letters, digits and dots, beginning with a letter and not ending with a dot, and not the name of a
     package of R itself", "^[a-zA-Z][a-zA-Z0-9.]*[a-zA-Z0-9]$", 100L
  ),
  flow = list(
    "a flow: letters, digits and underscores, beginning with a letter", "^[a-zA-Z][a-zA-Z0-9_]*$", 128L
  ),
  project = list(
    "a Metaflow project: small letters, digits and underscores, 50 at most (deployments' names begin with it, and are
     cut off after 60)", "^[a-z0-9_]+$", 50L
  ),
  repository = list(
    "an ECR repository: small letters and digits, with single dots, hyphens, underscores or slashes between them,
     2 to 256",
    "^(?=..)[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$", 256L
  ),
  # The longest end is "-branch" or "-deploy".
  role = list("an IAM role: with its end, such as {.val -deploy}, 64 at most", "^[a-zA-Z0-9+=,.@_-]+$", 57L),
  account = list(
    "a service account of Kubernetes: small letters, digits and hyphens, 63 at most",
    "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63L
  )
)
name_rules$branches <- name_rules$repository

check_name <- function(what, name, argument, call) {
  rule <- name_rules[[what]]
  good <- is_string(name) && grepl(rule[[2L]], name, perl = TRUE) && nchar(name) <= rule[[3L]] &&
    (what != "package" || !is_base_package(name)) && (what != "flow" || is_identifier(name))
  if (good) {
    return(invisible())
  }
  shown <- if (is_string(name)) paste0("{.val ", cli_literal(name), "}") else "{.obj_type_friendly {name}}"
  gangway_abort(c(
    paste0(shown, " cannot be the name of ", rule[[1L]], "."),
    i = "Give another with {.arg {argument}}."
  ), "gangway_error_project", name = what, call = call)
}

is_base_package <- function(name) {
  name == "gangway" || identical(suppressWarnings(utils::packageDescription(name, fields = "Priority")), "base")
}

#' The package in a folder of any name: its own if R takes it, else its words as one
#' @noRd
package_name <- function(folder) {
  if (grepl(name_rules$package[[2L]], folder) || grepl("[^ -~]", folder)) {
    return(folder)
  }
  words <- words_of(folder)
  if (!length(words)) {
    return(folder)
  }
  paste0(tolower(words[1L]), camel_case(words[-1L]))
}

#' "fuelEconomy", "fuel.economy" and "Fuel Economy" are all the words fuel and economy
#' @noRd
words_of <- function(name) {
  parted <- gsub("([a-z0-9])([A-Z])", "\\1 \\2", gsub("([A-Z]+)([A-Z][a-z])", "\\1 \\2", name))
  words <- strsplit(parted, "[^a-zA-Z0-9]+")[[1L]]
  words[nzchar(words)]
}

camel_case <- function(words) paste0(toupper(substring(words, 1L, 1L)), substring(words, 2L), collapse = "")
