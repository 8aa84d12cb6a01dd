# Ray from R, in a step that decorator("ray_parallel") runs on a cluster.

#' Apply a function to each element on the cluster's R workers
#'
#' `lapply()` on a Ray cluster: `f` runs on R embedded in Ray's workers, on all nodes of the cluster
#' of the step.
#'
#' @details
#' Whatever `f` uses from around it travels with it, as with a step's function; `self` does not: read
#' what `f` needs from it before. Elements of a worker that dies are run again, on another one, up to
#' three times.
#'
#' @param x A vector, a list or a data frame (whose columns are the elements, as in [lapply()]).
#' @param f A function, called as `f(x[[i]], ...)`.
#' @param ... Further arguments of `f`, the same for all elements: they are shipped to each node
#'   once, not once an element.
#' @param .chunk How many elements a worker gets at a time; by default chosen from the numbers of
#'   elements and of cores. `1` is right for few and long calls.
#' @return A list of the results in the order of `x`, with its names. An error in `f` is an error
#'   here, of class `gangway_error_ray_map`, that names the element, the node and R's message and traceback
#'   (fields `index`, `node`, `traceback`); what still runs is cancelled.
#' @seealso [ray_nodes()]
#' @examples
#' tune <- function(self) {
#'   fit_one <- function(depth, data) mean((data$mpg - depth)^2)
#'   self$errors <- ray_map(1:20, fit_one, data = mtcars)
#' }
#' metaflow("RayMapFlow") %>%
#'   step(step = "start", next_step = "tune", num_parallel = 2) %>%
#'   step(step = "tune", decorator("ray_parallel"), r_function = tune, next_step = "join") %>%
#'   step(step = "join", join = TRUE, next_step = "end") %>%
#'   step(step = "end")
#' @export
ray_map <- function(x, f, ..., .chunk = NULL) {
  in_task("ray_map")(x, f, ..., .chunk = .chunk)
}

#' Nodes of the step's Ray cluster
#'
#' @return A tibble (a data frame where the package tibble is not installed) with one row a node: `node` (its
#'   name, `node-0` is the control task's), `address`, `alive`, `cpus` and `gpus` that it offers to Ray, and
#'   `object_store_mb` (MB).
#' @seealso [ray_map()]
#' @examples
#' show_cluster <- function(self) {
#'   print(ray_nodes())
#' }
#' @export
ray_nodes <- function() {
  in_task("ray_nodes")()
}
