#' Namespaces
#'
#' Metaflow shows the runs of one namespace, a tag: from the start your own, `"user:<your name>"`.
#'
#' @param ns A tag, such as `"user:anna"` or `"production:HelloFlow-0-abcd"`; `NULL` for all runs
#'   of everybody.
#' @return The namespace that holds now, `NULL` for all.
#' @examplesIf gangway:::can_run()
#' get_namespace()
#' set_namespace(NULL)
#' list_flows()
#' set_default_namespace()
#' @export
set_namespace <- function(ns = NULL) {
  if (!is.null(ns) && !rlang::is_string(ns)) {
    gangway_abort(
      c("{.arg ns} must be one string or {.code NULL}, not {.obj_type_friendly {ns}}.",
        i = "A user's own namespace is {.val user:<name>}."),
      class = "gangway_error_client"
    )
  }
  mf_python()$namespace(ns)
}

#' @rdname set_namespace
#' @export
get_namespace <- function() {
  mf_python()$get_namespace()
}

#' @rdname set_namespace
#' @export
set_default_namespace <- function() {
  mf_python()$default_namespace()
}

#' Where the client looks for runs
#'
#' @param ms `"local@<folder>"`, `"service@<url>"`, a folder or a URL; `NULL` for what Metaflow's
#'   configuration says.
#' @return The metadata provider that is used now, as one string. If there are no metadata at `ms`, that is an error
#'   (`gangway_error_client`), and what was used before stays in use.
#' @details With local metadata Metaflow finds runs under `.metaflow` in the working folder or the
#'   next folder above that has one.
#' @examplesIf gangway:::can_run()
#' get_metadata()
#' reset_default_metadata()
#' @export
set_metadata <- function(ms = NULL) {
  if (is.null(ms)) {
    return(reset_default_metadata())
  }
  if (!rlang::is_string(ms) || !nzchar(ms)) {
    gangway_abort(
      c("{.arg ms} must be one string or {.code NULL}, not {.obj_type_friendly {ms}}.",
        i = "Such as {.val local@/path/to/project} or {.val service@https://metaflow.example}."),
      class = "gangway_error_client"
    )
  }
  mf_python()
  problem <- reticulate::import("metaflow_extensions.gangway.mf.metadata")$choose(ms)
  if (nzchar(problem)) {
    gangway_abort(
      c("Metaflow finds no metadata at {.val {ms}}.", x = cli_literal(problem),
        i = "{.val {get_metadata()}} is still in use."),
      class = "gangway_error_client"
    )
  }
  session$metadata_chosen <- TRUE
  get_metadata()
}

#' @rdname set_metadata
#' @export
get_metadata <- function() {
  mf_python()$get_metadata()
}

#' @rdname set_metadata
#' @export
reset_default_metadata <- function() {
  mf <- mf_python()
  session$metadata_chosen <- FALSE
  default_metadata(mf)
}

# The namespace as messages name it
namespace_label <- function() {
  ns <- get_namespace()
  if (is.null(ns)) "of everybody" else dQuote(ns, FALSE)
}
