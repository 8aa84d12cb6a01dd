# run(flow, seed = 1): each task draws from a stream of its own, which its place in the graph and the seed decide.

#' The seed among the arguments of run(), unless the flow has a parameter of that name
#' @return A whole number, or `NULL`.
#' @noRd
run_seed <- function(flow, args) {
  seed <- if (!"seed" %in% names(.subset2(flow, "parameters"))) args[["seed"]]
  whole <- is.numeric(seed) && length(seed) == 1L && is.finite(seed) && seed == trunc(seed)
  if (!is.null(seed) && !whole) abort_argument("seed", seed, "one whole number")
  seed
}

#' Whether what a run is made of is stored where others can read it: for remote tasks and for deployments
#' @noRd
is_stored <- function(flow, command) {
  remote <- c("batch", "kubernetes")
  deployed <- command$name %in% c("step-functions", "argo-workflows", "airflow")
  deployed || any(remote %in% sub(":.*$", "", command$with)) ||
    any(vapply(flow[["steps"]], function(step) any(remote %in% decorator_names(step)), NA))
}
