# registerDoRay(): %dopar% of the package foreach as a map over its iterations.

registerDoRay <- at_home(function(cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3) { # nolint
  home$register_loops(home$ray_options(cpus, gpus, memory, resources, max_retries = max_retries))
})

register_loops <- function(options) {
  if (!requireNamespace("foreach", quietly = TRUE)) {
    ray_stop("argument", "registerDoRay() is for the R package foreach, which is not installed here.")
  }
  ray_driver() # says at once when there is no cluster
  foreach::setDoPar(do_ray, options, do_ray_info)
  invisible()
}

do_ray_info <- function(data, item) {
  switch(item,
    workers = ray_workers(cpus = data$cpus),
    name = "doRay",
    version = if (isNamespaceLoaded("gangway")) {
      getNamespaceInfo("gangway", "spec")[["version"]]
    } else {
      get("bundle")$gangway
    }
  )
}

do_ray <- function(obj, expr, envir, data) {
  if (!inherits(obj, "foreach")) stop("obj must be a foreach object")
  it <- iterators::iter(obj)
  iterations <- as.list(it)
  variables <- loop_variables(iterations)
  never <- setdiff(obj$noexport, obj$export)
  remote <- new_remote(loop_body(obj, variables, expr, envir, never), data)
  constants <- if (uses_dots(expr, envir)) eval(quote(list(...)), envir) else list()
  on_error <- if (identical(obj$errorHandling, "stop")) "stop" else "collect"
  results <- tryCatch(
    map_elements(
      loop_columns(iterations, variables), remote, constants, NULL, "foreach", obj$options$ray$chunk, FALSE,
      isTRUE(obj$options$ray$progress), on_error, never
    ),
    gangway_error_ray_map = function(e) stop(loop_error(e, expr))
  )
  # What .errorhandling = "pass" hands on is the loop's own error, as everywhere.
  failed <- vapply(results, inherits, NA, "gangway_error_ray_map")
  results[failed] <- lapply(results[failed], function(e) if (is.null(e$parent)) e else e$parent)
  tryCatch(foreach::makeAccum(it)(results, seq_along(results)), error = function(e) {
    cat("error calling combine function:\n")
    print(e)
  })
  foreach::getResult(it)
}

# Loops over unnamed values have none; there is one nevertheless, for the number of iterations.
loop_variables <- function(iterations) {
  names <- unique(unlist(lapply(iterations, names)))
  names <- names[nzchar(names)]
  if (length(names)) names else ".iteration"
}

loop_columns <- function(iterations, variables) {
  lapply(stats::setNames(nm = variables), function(name) lapply(iterations, function(values) values[[name]]))
}

uses_dots <- function(expr, envir) "..." %in% all.names(expr) && exists("...", envir)

# The loop's body as a function of its variables, which takes along what it uses from where it stands.
loop_body <- function(obj, variables, expr, envir, never) {
  unknown <- Filter(function(name) !exists(name, envir), obj$export)
  if (length(unknown)) stop(sprintf("unable to find variable \"%s\"", unknown[1L]), call. = FALSE)
  if (length(obj$packages)) expr <- bquote({
    for (package in setdiff(.(obj$packages), .packages())) {
      suppressPackageStartupMessages(library(package, character.only = TRUE))
    }
    .(expr)
  })
  # What is to be exported need not be seen in the code, so it is mentioned there.
  if (length(obj$export)) expr <- bquote({
    function() .(as.call(c(quote(list), lapply(obj$export, as.name))))
    .(expr)
  })
  # What shall not travel looks as if the caller gave it, who does not.
  names <- c(union(variables, never), if (uses_dots(expr, envir)) "...")
  nothing <- alist(x = ) # nolint: spaces_inside_linter.
  as.function(c(stats::setNames(rep(nothing, length(names)), names), list(expr)), envir = envir)
}

loop_error <- function(e, expr) {
  if (!is.null(e$parent)) {
    e$message <- sprintf("task %d failed - \"%s\"\n%s", e$index, conditionMessage(e$parent), conditionMessage(e))
  }
  e$call <- expr
  e
}
