# The image of a run's remote steps that name none: the session's, in Metaflow's own settings.

#' Settings of Metaflow that give the session's image to remote steps without one
#'
#' What `options(gangway.image = )` says comes before Metaflow's configuration file, after its environment variables.
#' A function is called only here, so that a local run does not ask AWS.
#'
#' @return A named character vector of environment variables.
#' @noRd
image_settings <- function(flow, command) {
  image <- getOption("gangway.image")
  remote <- Filter(function(kind) wants_image(kind, flow, command), c("batch", "kubernetes"))
  names <- sprintf("METAFLOW_%s_CONTAINER_IMAGE", toupper(remote))
  names <- names[!nzchar(Sys.getenv(names)) & !nzchar(Sys.getenv("METAFLOW_DEFAULT_CONTAINER_IMAGE"))]
  if (is.null(image) || !length(names)) {
    return(character())
  }
  if (is.function(image)) image <- image()
  if (!is_string(image) || !nzchar(image)) {
    flow_name <- .subset2(flow, "name")
    got <- describe(image)
    gangway_abort(c(
      "Flow {.val {flow_name}}: {.code options(gangway.image = )} has to be the name of an image, or a function that
       returns it, not {got}.",
      i = "For example {.code options(gangway.image = function() ecr_image(\"my-flows\"))}."
    ), "gangway_error_image", call = quote(run()))
  }
  stats::setNames(rep(image, length(names)), names)
}

# Whether a step may run on `kind` ("batch" or "kubernetes") without an image of its own.
wants_image <- function(kind, flow, command) {
  with <- with_decorators(command)
  with <- with[sub(":.*$", "", with) == kind]
  deploys <- deploys_flow(command) && kind %in% deployed_on[[command$name]]
  if (deploys && !length(with)) {
    return(TRUE)
  }
  runs <- command$writes || deploys
  own <- unlist(lapply(.subset2(flow, "steps"), `[[`, "decorators"), recursive = FALSE)
  bare <- Filter(function(d) d$name == kind && !"image" %in% names(d$args), own)
  runs && (length(bare) > 0L || !all(grepl("[:,]image=", with)))
}

with_decorators <- function(command) {
  c(command$with, strsplit(Sys.getenv("METAFLOW_DECOSPECS"), "[[:space:]]+")[[1L]])
}

deploys_flow <- function(command) command$name %in% names(deployed_on) && "create" %in% command$args

# By command: where the tasks of what it deploys run.
deployed_on <- list("step-functions" = "batch", "argo-workflows" = "kubernetes", airflow = c("batch", "kubernetes"))
