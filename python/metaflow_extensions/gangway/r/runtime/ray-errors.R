# Conditions of Ray's functions: class gangway_error_ray_<kind>, gangway_error_ray and gangway_error, with the fields
# index, node, traceback and parent (the condition of the worker).

ray_condition <- function(kind, message, ...) {
  structure(
    class = c(paste0("gangway_error_ray_", kind), "gangway_error_ray", "gangway_error", "error", "condition"),
    list(message = message, call = NULL, ...)
  )
}

ray_stop <- function(kind, ...) stop(ray_condition(kind, paste0(...)))

# The condition for a failure that outcomes() gave.
#
# kind, what: of a failure of R code, and what its message begins with.
ray_failure <- function(failure, kind, what, index = NULL, label = NULL) {
  subject <- paste0(what, if (!is.null(label)) paste0(": element ", label))
  if (!is.null(failure$kind)) {
    return(ray_condition(failure$kind, paste0(subject, ": ", failure$message), index = index, node = NULL,
      traceback = NULL, parent = NULL
    ))
  }
  text <- paste0(
    subject, " failed on ", failure$node, ": ", failure$message,
    if (nzchar(failure$call)) paste0("\n  in ", failure$call),
    if (length(failure$traceback)) {
      paste0("\nR traceback on the worker:\n", paste0("  ", failure$traceback, collapse = "\n"))
    }
  )
  ray_condition(kind, text, index = index, node = failure$node, traceback = failure$traceback, parent = failure$error)
}
