# @conda and @pypi: what a step with an R function needs of its environment, and what cannot work there.

#' The packages of an environment that runs R functions
#'
#' `decorator("conda", r = "4.5")`: Metaflow's decorator knows no R. conda-forge has it, and rpy2 built for it.
#' @param x The decorator's name.
#' @param args Its arguments, as given.
#' @return Its arguments as Metaflow takes them.
#' @noRd
conda_arguments <- function(x, args, call = rlang::caller_env()) {
  if (!x %in% conda_decorators || is.null(args$r)) {
    return(args)
  }
  if (!is_string(args$r) || !grepl("^[0-9]+[.][0-9]+([.][0-9]+)?$", args$r)) {
    got <- describe(args$r)
    gangway_abort(c(
      "Decorator {.val {x}}: {.arg r} must be a version of R, not {got}.",
      i = "As a string, for example {.code r = \"4.5\"}; a number would make 4.1 of 4.10."
    ), class = "gangway_error_decorator", call = call)
  }
  needed <- c(list("r-base" = paste0("=", args$r)), packages_of_core)
  given <- as.list(args$packages)
  args$packages <- c(needed[setdiff(names(needed), names(given))], given)
  args$r <- NULL
  args
}

conda_decorators <- c("conda", "conda_base")
environment_decorators <- c(conda_decorators, "pypi", "pypi_base")

# What the Python core needs in a task with R, beside what Metaflow itself puts there; tests/python/test_versions.py
# compares it with python/pyproject.toml.
packages_of_core <- list(rpy2 = ">=3.6.4,<3.7", psutil = ">=5.9")

#' What a decorator says of an environment
#' @return A list of `packages` (names; `NULL` where they are known only later) and `disabled`; `NULL` for another
#'   decorator.
#' @noRd
environment_of <- function(x, args) {
  if (!x %in% environment_decorators) {
    return(NULL)
  }
  known <- !is_config_expr(args$packages) && !is_config_expr(args$libraries)
  list(
    packages = if (known) as.character(c(names(args$packages), names(args$libraries))),
    disabled = isTRUE(args$disabled), is_known = known
  )
}

uses_environments <- function(flow) any(used_decorators(flow) %in% environment_decorators)

#' The decorator of a step's environment: its own, or the flow's
#' @noRd
environment_decorator <- function(step, flow) {
  find <- function(decorators, names) Find(function(d) d$name %in% names, decorators)
  find(step$decorators, c("conda", "pypi")) %||% find(flow$decorators, c("conda_base", "pypi_base"))
}

check_environments <- function(flow, abort) {
  if (!uses_environments(flow)) {
    return()
  }
  is_base <- vapply(flow$decorators, function(d) d$name == "conda_base", NA)
  base <- unlist(lapply(flow$decorators[is_base], function(d) d$environment$packages))
  for (s in flow$steps) {
    d <- environment_decorator(s, flow)
    if (is.null(d) || is.null(s$r_function) || !isFALSE(d$environment$disabled)) next
    if (startsWith(d$name, "pypi")) {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} has an R function and gets its packages by
             {.code @{d$name}}.",
        x = "Its environment has a Python of its own and no R, which PyPI does not have.",
        i = "{.code decorator(\"conda\", r = \"{own_minor()}\", packages = list(...))} has both, from conda-forge;
             or run the step in an image; or make it a Python step ({.arg py_function}).")
    }
    if (!isTRUE(d$environment$is_known)) next
    packages <- sub("^.*::", "", c(base, d$environment$packages))
    if (!all(c("r-base", "rpy2") %in% packages)) {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} has an R function, and {.code @{d$name}} makes
             an environment without {.val {setdiff(c('r-base', 'rpy2'), packages)}}.",
        i = "{.code decorator(\"{d$name}\", r = \"{own_minor()}\", packages = list(...))} adds what R functions need.
             {.code disabled = TRUE} leaves the step in its image.")
    }
    ray <- intersect(decorator_names(s), ray_decorators)
    if (length(ray) && !any(c("ray-default", "ray-core", "ray-all") %in% packages)) {
      abort("Step {.val {s$name}} of flow {.val {flow$name}} has {.code @{ray[[1]]}}, and its environment has no Ray.",
        i = "Add conda-forge's package to it: {.code packages = list(\"ray-default\" = \">=2.52\")}.")
    }
  }
}

own_minor <- function() sub("[.][0-9]+$", "", format(getRversion()))

#' Steps that ask for no environment stay where they are
#'
#' Metaflow makes an environment for every step of a run with `--environment=conda`; there would be no R in it.
#' @noRd
with_plain_steps_disabled <- function(flow) {
  if (!uses_environments(flow)) {
    return(flow)
  }
  flow$steps <- lapply(flow$steps, function(s) {
    if (is.null(environment_decorator(s, flow))) {
      s$decorators <- c(list(decorator("conda", disabled = TRUE)), s$decorators)
    }
    s
  })
  flow
}
