# The other ways to use a Ray cluster from R: what the packages foreach and future call.

utils::globalVariables("home") # in functions that at_home() makes

#' Run foreach's loops on a Ray cluster
#'
#' After this, `%dopar%` of the package foreach runs its iterations on the cluster's R workers: in a step with
#' `decorator("ray_parallel")`, or after [ray_init()]. Packages that parallelize through foreach (caret, tune before
#' 1.2, doRNG and more) need nothing else.
#'
#' @details
#' The loop's body takes along what it uses from around it, as a function that is given to [ray_map()] does; `.export`
#' names what only `get()` and the like see, `.noexport` what shall not travel. Output, messages and warnings of the
#' iterations are repeated here in their order. Loops within loops run one after another in their worker; `%:%` makes
#' one parallel loop of both.
#'
#' `foreach(..., .options.ray = list(chunk = 1, progress = TRUE))`: how many iterations a worker gets at a time, by
#' default a few chunks a core, and whether to show progress.
#'
#' @param cpus,gpus,memory,resources What each chunk of iterations takes of the cluster, as in [ray_remote()]; memory in
#'   MB.
#' @param max_retries How often a chunk is tried again whose worker has died.
#' @return Nothing.
#' @section Errors:
#' With `.errorhandling = "stop"` the first error that is seen cancels what still runs, and is raised with class
#' `gangway_error_ray_map`, the error's own classes, and the fields `index`, `node`, `traceback` and `parent`, the error
#' itself.
#' @seealso [ray], for the package future.
#' @examples
#' tune <- function(self) {
#'   registerDoRay()
#'   self$errors <- foreach::foreach(depth = 1:20, .combine = c) %dopar% mean((mtcars$mpg - depth)^2)
#' }
#' @name registerDoRay
#' @usage
#' registerDoRay(cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3)
#' @export registerDoRay
NULL

#' Run futures on a Ray cluster
#'
#' `plan(ray)` makes the package future run its futures on the cluster's R workers: in a step with
#' `decorator("ray_parallel")`, or after [ray_init()]. All that is built on future uses the cluster then, unchanged:
#' furrr, future.apply, tune (from 1.2 on), doFuture and more. It works for future 1.31 and later; with a version that
#' has `FutureBackend` (1.40 and later), futures can be cancelled one by one.
#'
#' @details
#' As with other plans, `future()` waits while all workers are busy. Output, messages, warnings and other conditions of
#' a future are repeated when its value is asked for; conditions of class `immediateCondition`, among them those of
#' progressr, while it still runs.
#'
#' A future whose worker dies is tried again up to `max_retries` times; then its value is an error of class
#' `FutureError` that says so. Futures of a function that was interrupted (`future_map()` and the like), and that nobody
#' holds, are cancelled, with all versions of future.
#'
#' Futures in futures run one after another, as with every plan, unless a plan says otherwise:
#' `plan(list(ray, multisession))`, `plan(list(ray, ray))`.
#'
#' @param ... For the package future.
#' @param workers How many futures run at a time, and by what furrr and others divide their work: a number, or a
#'   function that gives one; by default what the cluster has cores for.
#' @param cpus,gpus,memory,resources What each future takes of the cluster, as in [ray_remote()]; memory in MB.
#' @param max_retries How often a future is tried again whose worker has died.
#' @return A strategy for `future::plan()`; it is not meant to be called.
#' @seealso [registerDoRay()], for the package foreach.
#' @examples
#' bootstrap <- function(self) {
#'   future::plan(ray)
#'   self$medians <- furrr::future_map_dbl(1:1000, \(i) median(sample(mtcars$mpg, replace = TRUE)),
#'     .options = furrr::furrr_options(seed = 1)
#'   )
#' }
#' @name ray
#' @usage
#' ray(..., workers = NULL, cpus = 1, gpus = NULL, memory = NULL, resources = NULL,
#'     max_retries = 3)
#' @export ray
NULL

# In a task its runtime has done this, and numbers references: the package counts on, or two values would have one
# number. What the package masks there is the same functions, of which nobody need be told.
.onLoad <- function(libname, pkgname) {
  if (is_in_task()) {
    assign("ray_state", get("ray_state", environment(task_value("ray_driver"))), topenv())
  } else {
    when_future_is_loaded()
  }
  watch_others()
}

.onAttach <- function(libname, pkgname) {
  if (is_in_task()) assign(".conflicts.OK", TRUE, as.environment("package:gangway"))
}
