# Conditions of Ray's functions: class gangway_error_ray_<kind>, gangway_error_ray and gangway_error, with the fields
# index, node, traceback and parent (the condition of the worker). A condition of R code has the classes and fields of
# that one too, so that handlers for them work as they do without Ray.

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
  subject <- paste0(subject, " failed on ", failure$node)
  text <- paste0(
    subject, ": ", failure$message,
    if (nzchar(failure$call)) paste0("\n  in ", failure$call),
    if (length(failure$traceback)) {
      paste0("\nR traceback on the worker:\n", paste0("  ", failure$traceback, collapse = "\n"))
    }
  )
  condition <- ray_condition(kind, text,
    index = index, node = failure$node, traceback = failure$traceback, parent = failure$error
  )
  attr(condition, "subject") <- subject
  with_cause(condition, failure$error, failure$class)
}

# The methods of the cause's classes would show the cause's text.
conditionMessage.gangway_error_ray <- function(c) c$message # nolint: object_name_linter. An S3 method.

print.gangway_error_ray <- function(x, ...) {
  cat("<", class(x)[1L], ": ", conditionMessage(x), ">\n", sep = "")
  invisible(x)
}

# How rlang shows one, above the worker's condition if it has one.
cnd_header.gangway_error_ray <- function(cnd, ...) { # nolint: object_name_linter.
  if (is.null(cnd$parent)) cnd$message else paste0(attr(cnd, "subject"), ".")
}

cnd_body.gangway_error_ray <- function(cnd, ...) { # nolint: object_name_linter.
  if (length(cnd$traceback)) c("R traceback on the worker:", paste0("  ", cnd$traceback)) else character()
}

cnd_footer.gangway_error_ray <- function(cnd, ...) character() # nolint: object_name_linter.

when_rlang_is_loaded <- function(...) {
  if (!isNamespaceLoaded("rlang")) {
    return(setHook(packageEvent("rlang", "onLoad"), when_rlang_is_loaded))
  }
  method <- function(generic, f) registerS3method(generic, "gangway_error_ray", f, envir = asNamespace("rlang"))
  method("cnd_header", cnd_header.gangway_error_ray)
  method("cnd_body", cnd_body.gangway_error_ray)
  method("cnd_footer", cnd_footer.gangway_error_ray)
}
