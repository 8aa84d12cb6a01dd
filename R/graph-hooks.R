# Exit hooks of a flow: R functions, and addresses that are told, as functions of flow.py that Metaflow calls by name.

# Of an exit_hook's arguments those that hold R functions: each a list of functions and names of Python functions.
hooks_of <- function(args) {
  hooks <- lapply(args[intersect(names(args), c("on_success", "on_error"))], function(x) if (is.list(x)) x else list(x))
  Filter(function(x) any(vapply(x, is.function, NA)), hooks)
}

# Until the flow knows the decorator, its functions have no names.
shown_hooks <- function(hooks, names = NULL) {
  I(vapply(seq_along(hooks), function(i) {
    if (!is.function(hooks[[i]])) hooks[[i]] else names[i] %||% "<function>"
  }, ""))
}

#' Give the hooks of a flow's decorators names
#'
#' @param flow A flow with `decorators`.
#' @return The flow; `hooks` are its R functions by the names that they have in flow.py.
#' @noRd
name_hooks <- function(flow) {
  hooks <- list()
  for (i in seq_along(flow$decorators)) {
    own <- flow$decorators[[i]]$hooks
    for (arg in names(own)) {
      names <- character(length(own[[arg]]))
      for (k in seq_along(own[[arg]])) {
        f <- own[[arg]][[k]]
        if (!is.function(f)) next
        names[k] <- paste0("exit_hook_", length(hooks) + 1L)
        hooks[[names[k]]] <- f
      }
      flow$decorators[[i]]$args[[arg]] <- py_literal(
        shown_hooks(own[[arg]], names), "exit_hook", count_dialect, "gangway_error_decorator", NULL
      )
    }
  }
  if (length(hooks)) flow$hooks <- hooks
  flow
}

#' Have somebody told of runs that fail, by a hook
#'
#' @param target ARN of an SNS topic, or a web address.
#' @noRd
add_failure_hook <- function(flow, target) {
  name <- paste0("exit_hook_", length(.subset2(flow, "hooks")) + 1L)
  decorators <- c(.subset2(flow, "decorators"), list(decorator("exit_hook", on_error = name)))
  flow[["decorators"]] <- decorators
  flow[["hooks"]] <- c(.subset2(flow, "hooks"), stats::setNames(list(target), name))
  flow
}

# The functions of flow.py.
hook_lines <- function(flow, name_of) {
  hooks <- .subset2(flow, "hooks")
  unlist(lapply(names(hooks), function(name) {
    hook <- hooks[[name]]
    call <- if (is.function(hook)) {
      paste0(name_of("R"), ".exit_hook(", py_string(name), ", run)")
    } else {
      paste0(name_of("tell"), "(", py_string(hook), ", run)")
    }
    c("", "", paste0("def ", name, "(run):"), paste0("    ", call))
  }))
}
