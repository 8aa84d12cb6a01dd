# What a flow's R functions need in another process: themselves, what they use from the script, and the attached
# packages. collect.R finds it, prune.R makes it fit to travel.

# A captured object above this size is worth a warning: every task reads it.
large_object <- 100e6

#' Everything that the tasks of a flow need from this R session
#'
#' @param flow A flow.
#' @return A list as documented in docs/design.md: `format`, `flow`, `gangway`, `r_version`, `functions`,
#' `defaults`,
#'   `globals`, `packages`, `lib_paths`, `exports`.
#' @noRd
flow_bundle <- function(flow) {
  attr(flow_bundle_bytes(flow), "bundle")
}

#' The same as the bytes of a file for `readRDS()`, which are made anyway to see whether all of it can travel
#' @noRd
flow_bundle_bytes <- function(flow) {
  steps <- .subset2(flow, "steps")
  functions <- named_functions(steps, "r_function")
  defaults <- named_functions(.subset2(flow, "parameters"), "default")
  bag <- collect_globals(functions, defaults)
  check_missing_globals(bag, .subset2(flow, "name"))
  prune <- new_pruner(bag)
  bundle <- list(
    format = 1L, flow = .subset2(flow, "name"), gangway = package_version_string(),
    r_version = as.character(getRversion()),
    functions = lapply(functions, prune), defaults = lapply(defaults, prune), globals = lapply(bag_globals(bag), prune),
    packages = attached_packages(), lib_paths = .libPaths(), exports = gangway_exports()
  )
  bytes <- serialize_exactly(bundle)
  if (!is.raw(bytes)) abort_unserializable(bag, bytes, .subset2(flow, "name"))
  if (length(bytes) > large_object) warn_large(bag, .subset2(flow, "name"))
  structure(bytes, bundle = bundle)
}

named_functions <- function(items, field) {
  found <- lapply(items, function(item) item[[field]])
  names(found) <- vapply(items, function(item) item$name, "")
  found[vapply(found, is.function, NA)]
}

package_version_string <- function() {
  if (isNamespaceLoaded("gangway")) getNamespaceInfo("gangway", "spec")[["version"]] else "0.0.0"
}

gangway_exports <- function() {
  if (isNamespaceLoaded("gangway")) sort(getNamespaceExports("gangway"), method = "radix") else character()
}

# Attached by R itself, or of use to whoever develops a flow and not to a task.
not_for_tasks <- c(
  "base", "methods", "datasets", "utils", "grDevices", "graphics", "stats", "gangway", "testthat", "devtools",
  "usethis", "pkgload", "roxygen2", "covr", "lintr", "styler", "devtools_shims"
)

#' Attached packages in the order in which to attach them
#' @noRd
attached_packages <- function() {
  entries <- search()
  packages <- sub("^package:", "", entries[startsWith(entries, "package:")])
  rev(setdiff(packages, not_for_tasks))
}

check_missing_globals <- function(bag, flow) {
  if (bag$dynamic) {
    return(invisible())
  }
  for (m in bag$missing) {
    if (m$name %in% bag$super) next
    what <- if (m$kind == "function") paste0(m$name, "()") else m$name
    near <- nearest_name(m$name, c(ls(globalenv()), bag$assigned))
    gangway_abort(c(
      "{m$owner} of flow {.val {flow}}: {m$fun} uses {.code {what}}, and there is no such {m$kind}.",
      i = if (!is.null(near)) paste0("Did you mean ", cli_literal(dQuote(near, FALSE)), "?"),
      i = "Define it in the script before {.fn run}, attach the package that has it, or write {.code package::name}."
    ), "gangway_error_bundle", name = m$name, owner = m$owner, call = NULL)
  }
}

abort_unserializable <- function(bag, bad, flow) {
  owner <- "A function"
  fun <- "it"
  for (item in bag$captured) {
    found <- find_unserializable(item$value, item$name)
    if (!is.null(found)) {
      bad <- found
      owner <- item$owner
      fun <- item$fun
      break
    }
  }
  gangway_abort(c(
    "{owner} of flow {.val {flow}}: {fun} uses {.code {bad$path}} ({bad$class}), which cannot travel to a task:
     {bad$reason}.",
    i = "Make it inside the step's function, from what can travel: a path, an address, the data itself."
  ), "gangway_error_bundle", path = bad$path, owner = owner, call = NULL)
}

warn_large <- function(bag, flow) {
  sizes <- vapply(bag$captured, function(item) as.numeric(utils::object.size(item$value)), 0)
  for (i in which(sizes > large_object)) {
    item <- bag$captured[[i]]
    size <- format(structure(sizes[i], class = "object_size"), units = "MB")
    gangway_warn(c(
      "{item$owner} of flow {.val {flow}}: {item$fun} uses {.code {item$name}}, which is large ({size}),
       and every task reads it.",
      i = "Keep it as an artifact ({.code self${item$name} <- ...} in {.val start}), or read it from a file in the
           steps that need it."
    ), "gangway_warning_large")
  }
}
