# Attaching in a task or a worker what was attached where the code comes from (carry-search.R).

#' Attach what a plan says, after what is there already
#' @noRd
follow_plan <- function(plan) {
  packages <- unlist(lapply(plan, function(entry) entry$package))
  here <- vapply(packages, requireNamespace, NA, quietly = TRUE)
  stop_without(with_lacks(packages[!here]), "attached where the flow was defined")
  for (entry in plan) {
    if (is.null(entry$package)) {
      attach(entry$values, name = entry$name, warn.conflicts = FALSE)
    } else if (!paste0("package:", entry$package) %in% search()) {
      attach_package(entry$package, entry$names)
    }
  }
}

attach_package <- function(package, names, position = 2L) {
  suppressPackageStartupMessages(
    if (is.null(names)) {
      library(package, character.only = TRUE, warn.conflicts = FALSE, pos = position)
    } else {
      library(package, character.only = TRUE, warn.conflicts = FALSE, include.only = names)
    }
  )
}
