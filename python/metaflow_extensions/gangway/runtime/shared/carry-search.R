# What the search path of the session has beside packages: what attach(), box::use(), import::from() and sys.source()
# have put there. And how packages are attached: whole, or some of their names (library(include.only = )).

#' The name under which an environment was attached, or `NULL` where it is none of these
#' @noRd
search_name <- function(env) {
  name <- attr(env, "name", exact = TRUE)
  if (is.character(name) && length(name) == 1L && name %in% user_entries() && identical(as.environment(name), env)) name
}

not_users <- c(".GlobalEnv", "Autoloads", "package:base", "gangway:task", "devtools_shims", ".conflicts", "org:r-lib")

user_entries <- function() {
  entries <- search()
  entries[!entries %in% not_users & !grepl("^(package|tools|internals):", entries)]
}

#' A name that code uses and an attached environment has, if it is the first to have it
#' @noRd
collect_searched <- function(name, env, via, bag) {
  for (entry in search()) {
    place <- as.environment(entry)
    if (!exists(name, envir = place, inherits = FALSE)) next
    if (entry %in% names(bag$search)) {
      value <- binding_value(name, place)
      if (isTRUE(via$soft) && !is_spare(name, value, place, bag)) break
      if (is.null(bag$searched[[entry]][[name]])) {
        bag$searched[[entry]][[name]] <- TRUE
        collect_captured(name, value, via, bag)
      }
    }
    break
  }
}

#' What is to be attached in the other process, the last on the search path first
#'
#' @return A list of lists: `package` and, where not all of it is attached, `names`; or `name` and `values`.
#' @noRd
search_plan <- function(bag, not_attached) {
  entries <- setdiff(rev(search()), not_users)
  entries <- entries[!grepl("^(tools|internals):", entries)]
  packages <- startsWith(entries, "package:")
  entries <- entries[!(packages & sub("^package:", "", entries) %in% not_attached)]
  lapply(entries, function(entry) {
    if (startsWith(entry, "package:")) {
      attached_part(sub("^package:", "", entry))
    } else {
      list(name = entry, values = values_of(names(bag$searched[[entry]]), as.environment(entry)))
    }
  })
}

attached_part <- function(package) {
  exports <- if (isNamespaceLoaded(package)) getNamespaceExports(package)
  here <- ls(paste0("package:", package), all.names = TRUE)
  part <- length(exports) > 0L && !all(exports %in% here)
  list(package = package, names = if (part) intersect(exports, here))
}
