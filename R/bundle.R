# What a flow's R functions need in another process: themselves, what they use from the script (carry.R), and the
# session's packages and settings.

# A captured object above this size is worth a warning: every task reads it.
large_object <- 100e6

#' The bytes of a flow's bundle, for [open_parcel()]: a list as documented in docs/flow-files.md
#'
#' @param flow A flow.
#' @param stored Whether it will be stored where others can read it: then only what code names goes along.
#' @param seed What `run(seed = )` was given.
#' @param ran Whether to say what the flow executes, as the attribute "ran"; see [what_runs()].
#' @noRd
flow_bundle_bytes <- function(flow, stored = FALSE, seed = NULL, ran = FALSE) {
  name <- .subset2(flow, "name")
  functions <- named_functions(.subset2(flow, "steps"), "r_function")
  defaults <- named_functions(.subset2(flow, "parameters"), "default")
  parsers <- named_functions(.subset2(flow, "parameters"), "parser")
  everywhere <- .subset2(flow, "everywhere")
  hooks <- hook_functions(flow)
  bag <- bag_of_flow(flow, stored)
  check_netflix_prefixes(bag, name)
  check_missing_globals(bag, name)
  check_captured(bag, name)
  bundle <- list(
    format = 2L, flow = name, gangway = package_version_string(), r_version = as.character(getRversion()),
    functions = lapply(functions, without_source), defaults = lapply(defaults, without_source),
    parsers = lapply(parsers, without_source), hooks = if (length(hooks)) lapply(hooks, without_source),
    everywhere = everywhere, search = search_plan(bag, not_attached), settings = session_settings(stored, bag$strings),
    seed = seed, seeded = has_seed(bag), exports = gangway_exports()
  )
  values <- lapply(bag$captured, function(item) item$value)
  bytes <- write_parcel(bundle, bag, packages_of_classes(classes_in(values)), libraries = .libPaths())
  if (length(bytes) > large_object) warn_large(bag, name)
  structure(seal(bytes), ran = if (ran) what_runs_json(flow, bag))
}

bag_of_flow <- function(flow, stored) {
  carry_flow(
    named_functions(.subset2(flow, "steps"), "r_function"), named_functions(.subset2(flow, "parameters"), "default"),
    named_functions(.subset2(flow, "parameters"), "parser"), .subset2(flow, "everywhere"), stored, hook_functions(flow)
  )
}

hook_functions <- function(flow) Filter(is.function, as.list(.subset2(flow, "hooks")))

# Whether the session has random numbers and the flow's code sets no seed by itself.
has_seed <- function(bag) {
  exists(".Random.seed", envir = globalenv(), inherits = FALSE) && !"set.seed" %in% bag$called
}

carry_flow <- function(functions, defaults, parsers, everywhere, stored, hooks = list()) {
  root <- function(what, fun) {
    function(name, f) list(value = f, owner = paste0(what, dQuote(name, FALSE)), fun = fun, strict = TRUE)
  }
  policy <- step_policy
  policy$named_only <- stored
  carry(c(
    unname(Map(root("Step ", "its function"), names(functions), functions)),
    unname(Map(root("Parameter ", "its default"), names(defaults), defaults)),
    unname(Map(root("Parameter ", "its parser"), names(parsers), parsers)),
    unname(Map(root("The flow's ", "it"), names(hooks), hooks)),
    if (!is.null(everywhere)) list(list(value = everywhere, owner = "everywhere()", fun = "its function"))
  ), policy, known_elsewhere = gangway_exports())
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

check_missing_globals <- function(bag, flow) {
  if (bag$dynamic) {
    return(invisible())
  }
  for (m in bag$missing) {
    if (m$name %in% bag$super) next
    what <- if (m$kind == "function") paste0(m$name, "()") else m$name
    gangway_abort(c(
      "{m$owner} of flow {.val {flow}}: {m$fun} uses {.code {what}}, and there is no such {m$kind}.",
      did_you_mean(m$name, c(ls(globalenv()), bag$assigned)),
      i = "Define it in the script before {.fn run}, attach the package that has it, or write {.code package::name}."
    ), "gangway_error_bundle", name = m$name, owner = m$owner, call = NULL)
  }
}

# What code names and cannot travel.
check_captured <- function(bag, flow) {
  for (item in bag$captured) {
    bad <- if (references_in(item$value)$bad) {
      find_unserializable(item$value, item$name, skip = is_packable, into = outside_frames(bag))
    }
    if (!is.null(bad)) abort_unserializable(item, bad, flow)
  }
}

abort_unserializable <- function(item, bad, flow) {
  gangway_abort(c(
    "{item$owner} of flow {.val {flow}}: {item$fun} uses {.code {bad$path}} ({bad$class}), which cannot travel to a
     task: {bad$reason}.",
    i = cli_literal(bad$advice),
    i = "Or make it inside the step's function, from what can travel: a path, an address, the data itself."
  ), "gangway_error_bundle", path = bad$path, owner = item$owner, call = NULL)
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
