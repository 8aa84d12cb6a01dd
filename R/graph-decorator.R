#' Decorate a step or a flow
#'
#' A decorator tells Metaflow how a step (or the whole flow) is to be run: where, with which
#' resources, how often. `decorator("batch", cpu = 4)` in R is `@batch(cpu=4)` in Python. Any
#' decorator that Metaflow knows can be named, those of its extensions included; unknown names and
#' arguments fail as soon as the flow is run, with the nearest known name.
#'
#' @section Conversion of arguments:
#' `NULL` becomes `None`; logicals, numbers and strings their Python counterparts, exactly (a whole
#' number such as `2` becomes `2`, not `2.0`); a vector or list of a length other than 1 becomes a
#' list, `I("a")` a list of one, a named vector or list a dictionary, a factor its labels. Where the
#' decorator wants a list (`sources` of `secrets`), a single string is a list of one. A
#' [config_expr()] is a value of the flow's configuration. `NA`, functions and other objects are
#' errors: nothing is changed silently. (Only `on_success` and `on_error` of `exit_hook` take R functions; see
#' [deploy()].)
#'
#' @section Environments without an image:
#' `decorator("conda", r = "4.5", packages = list("r-dplyr" = "1.1.4"))` runs a step, and all nodes of its gang, with R
#' and packages of conda-forge, which Metaflow resolves, and keeps beside the code for remote tasks: any image with
#' Python will do. `r` is the version of R; it adds R and what R functions need. `"conda_base"` says the same for all
#' steps of a flow. Steps that ask for no environment stay where they are. `@pypi` is for Python steps: it has no R.
#'
#' @param x Name of the decorator: `"resources"`, `"retry"`, `"ray_parallel"`, ... A decorator of a
#'   Python module of yours can be given as `"module.name"`.
#' @param ... Named arguments of the decorator, in the decorator's own units. (`memory` is in
#'   megabytes for all of Metaflow's decorators.)
#' @param .convert_args Whether to convert the arguments' values to Python. If `FALSE` each has to
#'   be a string of Python source already.
#' @return A decorator: a value to give to [step()] or [metaflow()].
#' @section Errors:
#' Class `gangway_error_decorator`: a name that no decorator can have, or arguments that are not
#' named, named twice or not convertible.
#' @source The signature is that of Netflix's R package `metaflow`.
#' @seealso [batch()], [resources()], [retry()], [catch()], [environment_variables()] and [secrets()] for common ones.
#' @export
#' @examples
#' decorator("catch", print_exception = FALSE)
#' decorator("card", type = "blank", options = list(rows = c(1, 2), title = "An \"example\""))
#' decorator("schedule", .convert_args = FALSE, daily = "True")
decorator <- function(x, ..., .convert_args = TRUE) {
  check_commas("decorator")
  check_decorator_name(x)
  args <- list(...)
  call <- environment()
  check_decorator_args(x, args)
  args <- conda_arguments(x, args)
  hooks <- if (.convert_args && sub(".*\\.", "", x) == "exit_hook") hooks_of(args)
  if (length(hooks)) args[names(hooks)] <- lapply(hooks, shown_hooks)
  source <- Map(function(value, name) {
    where <- paste0("argument `", name, "` of decorator \"", x, "\"")
    if (.convert_args) {
      if (name %in% list_arguments[[sub(".*\\.", "", x)]]) value <- list_of_one(value)
      py_literal(value, where, count_dialect, "gangway_error_decorator", call)
    } else {
      python_source(value, where, call)
    }
  }, args, names(args) %||% character())
  d <- new_decorator(x, source, environment_of(x, args))
  if (length(hooks)) d$hooks <- hooks
  if (.convert_args && x %in% gang_decorators) d$nodes <- nodes_of_groups(args$groups)
  d
}

# How many nodes the groups of a gang have; NULL where that is not plain. Python tells what is wrong with them.
nodes_of_groups <- function(groups) {
  if (!is.list(groups) || is.object(groups) || !length(names(groups))) {
    return(NULL)
  }
  nodes <- vapply(groups, function(group) {
    n <- as.list(group)$nodes
    if (is.numeric(n) && length(n) == 1L && is.finite(n)) as.numeric(n) else 1
  }, 0)
  as.integer(max(1, sum(nodes)))
}

# Arguments over which Metaflow goes as over a list: of a single string it would take the letters, of one dictionary the
# keys. tests/python/test_registries.py compares them with what Metaflow has.
list_arguments <- list(
  secrets = "sources", exit_hook = c("on_success", "on_error"), trigger = "events", trigger_on_finish = "flows",
  batch = c("host_volumes", "efs_volumes", "log_options"),
  kubernetes = c("image_pull_secrets", "secrets", "tolerations"),
  airflow_external_task_sensor = c("external_task_ids", "allowed_states", "failed_states"),
  airflow_s3_key_sensor = "bucket_key"
)

list_of_one <- function(x) {
  if (is_config_expr(x)) {
    attr(x, "many") <- TRUE
    return(x)
  }
  # A named vector has the items of a list as much as one without names; a named list is one dictionary.
  if (is.character(x) || is.factor(x)) {
    return(I(as.character(x)))
  }
  if (is.list(x) && !is.null(names(x))) list(x) else x
}

new_decorator <- function(name, args = list(), environment = NULL) {
  made <- list(name = name, args = args)
  made$environment <- environment
  structure(made, class = c("gangway_decorator", "decorator"))
}

is_decorator <- function(x) inherits(x, "gangway_decorator")

check_decorator_name <- function(x, call = rlang::caller_env()) {
  parts <- if (is_string(x)) strsplit(x, ".", fixed = TRUE)[[1L]]
  if (!length(parts) || endsWith(x, ".") || !all(vapply(parts, is_identifier, NA))) {
    got <- describe(x)
    gangway_abort(c(
      "The name of a decorator has to be a Python identifier, not {got}.",
      i = "For example {.code decorator(\"retry\", times = 2)}; without an `@`."
    ), class = "gangway_error_decorator", call = call)
  }
}

check_decorator_args <- function(x, args, call = rlang::caller_env()) {
  keys <- names(args) %||% character(length(args))
  if (any(!nzchar(keys))) {
    got <- describe(args[[which(!nzchar(keys))[[1L]]]])
    gangway_abort(c(
      "All arguments of decorator {.val {x}} have to be named; one is just {got}.",
      i = "For example {.code decorator(\"retry\", times = 2)}."
    ), class = "gangway_error_decorator", call = call)
  }
  bad <- keys[!vapply(keys, is_identifier, NA)]
  if (length(bad)) {
    gangway_abort("Decorator {.val {x}}: {.val {bad[[1]]}} is not a name that a Python argument can have.",
      class = "gangway_error_decorator", call = call)
  }
  if (anyDuplicated(keys)) {
    twice <- keys[duplicated(keys)][[1L]]
    gangway_abort("Decorator {.val {x}} has the argument {.arg {twice}} twice.",
      class = "gangway_error_decorator", call = call)
  }
}

python_source <- function(value, where, call) {
  text <- if (length(value) == 1L && is.atomic(value) && !is.na(value)) as.character(value)
  if (is.null(text) || !nzchar(trimws(text)) || grepl("[\r\n]", text)) {
    gangway_abort(c(
      "With `.convert_args = FALSE`, {where} has to be one line of Python source.",
      i = "Leave `.convert_args` out to give an R value."
    ), class = "gangway_error_decorator", call = call)
  }
  enc2utf8(text)
}

#' @export
format.gangway_decorator <- function(x, ...) {
  paste0("@", x$name, decorator_call(x))
}

#' @export
print.gangway_decorator <- function(x, ...) {
  cat(format(x), "\n", sep = "")
  invisible(x)
}

decorator_call <- function(x) {
  if (!length(x$args)) {
    return("")
  }
  paste0("(", paste0(names(x$args), "=", unlist(x$args), collapse = ", "), ")")
}

#' The arguments of a `...` that holds decorators
#' @noRd
given_decorators <- function(...) {
  tryCatch(list(...), error = function(e) {
    # catch("x"), where promises has hidden gangway's catch()
    bullets <- mask_bullets(intersect(all.names(conditionCall(e)), decorator_functions))
    if (is.null(bullets)) stop(e)
    gangway_abort(c("A decorator cannot be made.", bullets), class = "gangway_error_decorator", parent = e, call = NULL)
  })
}

# Functions whose value is a decorator.
decorator_functions <- c("decorator", "batch", "resources", "retry", "catch", "environment_variables", "secrets")

#' Take the decorators from a `...`
#' @param who What they decorate, for the message: `"Step \"tune\""`.
#' @param arguments Names of the arguments beside `...`.
#' @noRd
collect_decorators <- function(dots, who, arguments = character(), call = rlang::caller_env()) {
  keys <- names(dots) %||% character(length(dots))
  for (i in seq_along(dots)) {
    if (nzchar(keys[[i]])) {
      gangway_abort(c(
        "{who} has no argument {.arg {keys[[i]]}}.",
        did_you_mean(keys[[i]], arguments),
        i = "What stands in `...` has to be decorators, without names."
      ), class = c("gangway_error_flow", "gangway_error_decorator"), call = call)
    }
    if (!is_decorator(dots[[i]])) {
      got <- describe(dots[[i]])
      gangway_abort(c(
        "{who}: what stands in `...` has to be decorators, not {got}.",
        mask_bullets(decorator_functions) %||% c(i = "For example {.code decorator(\"retry\", times = 2)}.")
      ), class = c("gangway_error_flow", "gangway_error_decorator"), call = call)
    }
  }
  unname(dots)
}

#' A short name of any value, for messages
#' @noRd
describe <- function(x) {
  if (is.null(x)) {
    return("NULL")
  }
  if (is.function(x)) {
    return("a function")
  }
  if (is.atomic(x) && !is.object(x) && length(x) == 1L) {
    return(substr(paste(deparse(unname(x)), collapse = ""), 1L, 60L))
  }
  paste0("a <", substr(class(x)[[1L]], 1L, 60L), "> of length ", length(unclass(x)))
}
