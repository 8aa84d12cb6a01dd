# How the client's objects are found, and what is said when they are not there.

client_kinds <- c("flow", "run", "step", "task")

#' The arguments of a client class's `$new()`: one path, or the parent and an identifier
#' @noRd
client_arguments <- function(kind, ...) {
  args <- unname(list(...))
  path <- example_path(match(kind, client_kinds))
  parent <- client_kinds[[match(kind, client_kinds) - 1L]]
  usage <- c(
    i = "Give a path: {.code {kind}_client$new(\"{path}\")},",
    i = "or the {parent} and the {kind}: {.code {kind}_client$new({parent}, id)}."
  )
  if (!length(args) %in% 1:2) {
    gangway_abort(
      c("{.code {kind}_client$new()} takes one or two arguments, not {length(args)}.", usage),
      class = "gangway_error_client", call = NULL
    )
  }
  if (length(args) == 2L && !inherits(args[[1]], paste0(tools::toTitleCase(parent), "Client"))) {
    gangway_abort(
      c("The first argument of {.code {kind}_client$new()} must be a {.cls {parent}_client},
         not {.obj_type_friendly {args[[1]]}}.", usage),
      class = "gangway_error_client", call = NULL
    )
  }
  args
}

#' The Python object for a path, or for a parent and an identifier
#'
#' @param kind One of `client_kinds`.
#' @param args A path, or a list of client_arguments().
#' @noRd
client_open <- function(kind, args) {
  args <- if (is.list(args)) args else list(args)
  id <- client_id(kind, args[[length(args)]])
  path <- if (length(args) == 2L) paste(args[[1]]$pathspec, id, sep = "/") else id
  check_path(kind, path)
  mf <- mf_python()
  tryCatch(
    if (length(args) == 2L) {
      reticulate::py_get_item(args[[1]]$get_obj(), id)
    } else {
      mf[[tools::toTitleCase(kind)]](path)
    },
    error = function(e) abort_not_found(kind, path, e)
  )
}

example_path <- function(depth) {
  paste(c("HelloFlow", "12", "start", "139")[seq_len(depth)], collapse = "/")
}

# Identifiers are strings; a run's number may come as a number
client_id <- function(kind, id) {
  if (is.numeric(id) && length(id) == 1L && !is.na(id)) {
    id <- format(id, scientific = FALSE, digits = 22, trim = TRUE)
  }
  if (!rlang::is_string(id) || !nzchar(id)) {
    gangway_abort(
      "The {kind} must be named by one string, not {.obj_type_friendly {id}}.",
      class = "gangway_error_client", call = NULL
    )
  }
  id
}

check_path <- function(kind, path) {
  depth <- match(kind, client_kinds)
  parts <- strsplit(path, "/", fixed = TRUE)[[1]]
  if (length(parts) != depth || !all(nzchar(parts)) || endsWith(path, "/")) {
    gangway_abort(
      c("{.val {path}} does not name a {kind}.",
        i = "A {kind} is named {.val {example_path(depth)}}."),
      class = "gangway_error_client", call = NULL
    )
  }
}

#' Say which part of a path is missing, or that the namespace hides it
#' @noRd
abort_not_found <- function(kind, path, error) {
  if (!is_lookup_error(error)) {
    gangway_abort(
      c("The {kind} {.val {path}} could not be read from {.val {get_metadata()}}."),
      class = "gangway_error_client", call = NULL, parent = error
    )
  }
  parts <- strsplit(path, "/", fixed = TRUE)[[1]]
  parent <- NULL
  for (depth in seq_along(parts)) {
    object <- open_unchecked(depth, parts)
    if (is.null(object)) {
      abort_missing(depth, parts, parent)
    }
    parent <- object
  }
  # Metaflow keeps the flow's name when the last run is deleted.
  if (kind == "flow" && !length(child_ids(parent))) {
    gangway_abort(
      c("The flow {.val {path}} has no runs.",
        i = "Metaflow looked in {.val {get_metadata()}}; see {.fn set_metadata}."),
      class = "gangway_error_client", call = NULL, kind = kind, id = path
    )
  }
  abort_hidden(kind, path)
}

is_lookup_error <- function(error) {
  what <- paste(c(class(error), conditionMessage(error)), collapse = " ")
  grepl("MetaflowNotFound|MetaflowNamespaceMismatch|KeyError", what)
}

# The object at one depth of a path whatever the namespace; NULL if there is none
open_unchecked <- function(depth, parts) {
  open <- mf_python()[[tools::toTitleCase(client_kinds[[depth]])]]
  path <- paste(parts[seq_len(depth)], collapse = "/")
  tryCatch(open(path, `_namespace_check` = FALSE), error = function(e) NULL)
}

abort_missing <- function(depth, parts, parent) {
  kind <- client_kinds[[depth]]
  id <- parts[[depth]]
  choices <- if (is.null(parent)) all_flows() else child_ids(parent)
  where <- if (is.null(parent)) "" else paste0(" in ", parent$pathspec)
  none <- if (!length(choices)) c(i = "There is no {kind}{where} yet.")
  gangway_abort(
    c("There is no {kind} {.val {id}}{where}.", did_you_mean(id, choices, paste0(kind, "s")), none,
      i = "Metaflow looked in {.val {get_metadata()}}; see {.fn set_metadata}."),
    class = "gangway_error_client", call = NULL, kind = kind, id = id
  )
}

abort_hidden <- function(kind, path) {
  gangway_abort(
    c("The {kind} {.val {path}} exists, but not in the active namespace {namespace_label()}.",
      i = "See everybody's runs with {.code set_namespace(NULL)}, or those of one user with
           {.code set_namespace(\"user:<name>\")}."),
    class = "gangway_error_client", call = NULL, kind = kind, id = path
  )
}

# Flows of every namespace, for messages: asking for them must not change the user's namespace
all_flows <- function() {
  mf <- mf_python()
  active <- mf$get_namespace()
  on.exit(mf$namespace(active))
  mf$namespace(NULL)
  sort(child_ids(mf$Metaflow()))
}
