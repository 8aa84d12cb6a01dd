# The other ways to use a Ray cluster from R: what the packages foreach, future, mirai and crew call.

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

#' Run mirai's daemons on a Ray cluster
#'
#' `ray_daemons()` starts daemons of the package mirai on the cluster's nodes: in a step with
#' `decorator("ray_parallel")`, or after [ray_init()]. What asks mirai first uses the cluster then, unchanged: tune from
#' 2.0 on, `in_parallel()` of purrr, `mirai_map()`, Shiny's tasks and more. It takes the place of `mirai::daemons()`,
#' and everything else is mirai's own: `mirai::info()`, and `mirai::daemons(0)`, which ends them.
#'
#' @details mirai listens in this process, on this node's own address, with TLS and with credentials that it makes for
#' this one use. The path of its URL is a secret that is on no command line: without it nobody gets in. mirai's own
#' launchers (`daemons(remote = )`) start shell commands, which the machine's other users can read; therefore this is a
#' function of its own.
#'
#' **The rules are mirai's**, not those of [ray_map()]. Code sees only what it is given: arguments of `mirai()`, of
#' `mirai_map()` or of `in_parallel()`. Options, attached packages and the like are those of a fresh R, which
#' `mirai::everywhere()` changes; a flow's [everywhere()] and `ray_init(everywhere = )` do not. Random numbers follow
#' `seed =`. Daemons have this session's libraries and, where it exists, its working folder; environment variables are
#' those of their node.
#'
#' Daemons take no cores of Ray's: [ray_map()] and the other functions find as many as before, and share them with
#' daemons that work at the time.
#'
#' A daemon that dies (a segfault, a kill, no memory) is an error of the mirai it worked on at once (error value 19,
#' "Connection reset"), and a new one takes its place. Daemons end with `mirai::daemons(0)`, with the cluster and with
#' this session, also when that is killed.
#'
#' mirai 2.7 or later is needed, on each node.
#'
#' @param n How many daemons each node gets: one number for all; one for each, in the order of [ray_nodes()]; or a named
#'   vector, `c("node-1" = 4)`, where a node that is not named gets none. By default one for each core that the node
#'   offers to Ray.
#' @param ... For `mirai::daemons()`, by name: `seed`, `dispatcher`, `memory`, `serial`, and what `mirai::daemon()`
#'   takes, such as `cleanup`, `output`, `maxtasks` and `idletime`. With `output = TRUE` what daemons print is where
#'   what Ray's workers print is.
#' @param gpus GPUs that each daemon takes of its node as long as it lives.
#' @param .compute The name of mirai's compute profile, `NULL` for the default one.
#' @return What `mirai::daemons()` returns, invisibly: `with(ray_daemons(2), ...)` works. All daemons are connected.
#' @section Errors:
#' Class `gangway_error_ray_argument` for a wrong argument, `gangway_error_ray_resources` where no node has the GPUs,
#' and `gangway_error_ray_start` when daemons do not start, with the reason; nothing is left then.
#' @seealso [crew_controller_ray()] for the packages crew and targets, [ray] for the package future.
#' @examples
#' tune <- function(self) {
#'   ray_daemons() # as many as there are cores
#'   self$results <- tune_grid(workflow, folds, grid = 20) # or in_parallel(), mirai_map(), ...
#' }
#' @name ray_daemons
#' @usage
#' ray_daemons(n = NULL, ..., gpus = 0, .compute = NULL)
#' @export ray_daemons
NULL

#' A crew controller on a Ray cluster
#'
#' The workers of this controller of the package crew are daemons on the cluster's nodes ([ray_daemons()]): in a step
#' with `decorator("ray_parallel")`, or after [ray_init()]. It does what crew's other controllers do, also in
#' `targets::tar_option_set(controller = )`.
#'
#' @details
#' crew starts workers as there is work, on the nodes in turn, and ends those that have been idle for `seconds_idle`.
#' The task of a worker that dies has the status `"crash"` at once, and crew starts another worker; targets then tries
#' the target again, up to `crashes_max` times. What workers print is not shown, as with crew's local controller.
#' Connections are as closed as those of [ray_daemons()], and workers take no cores of Ray's either.
#'
#' The process that makes the controller must be the one that is in the cluster. `targets::tar_make()` runs the pipeline
#' in a process of its own: call `tar_make(callr_function = NULL)` in a step or after `ray_init()`, or `ray_init()` at
#' the top of `_targets.R`.
#'
#' @param name The controller's name.
#' @param workers How many workers there are at most; by default one for each core that the cluster offers to Ray.
#' @param ... For `crew_client()`, `crew_launcher()` and `crew_controller()` of crew, by name: `seconds_idle`,
#'   `tasks_max`, `reset_globals`, `crashes_max` and so on, but not `host` and `tls`.
#' @param gpus GPUs that each worker takes of its node as long as it lives.
#' @return A controller of class `crew_class_controller`.
#' @section Errors:
#' Class `gangway_error_ray_argument` for a wrong argument, and `gangway_error_ray_resources` where no node has the
#' GPUs.
#' @examples
#' pipeline <- function(self) {
#'   controller <- crew_controller_ray(seconds_idle = 60)
#'   controller$start()
#'   self$means <- unlist(controller$map(mean(rnorm(n)), iterate = list(n = 1:10))$result)
#'   controller$terminate()
#' }
#' @name crew_controller_ray
#' @usage
#' crew_controller_ray(name = NULL, workers = NULL, ..., gpus = 0)
#' @export crew_controller_ray
NULL

# In a task its runtime has done this, and numbers references: the package counts on, or two values would have one
# number. What the package masks there is the same functions, of which nobody need be told.
.onLoad <- function(libname, pkgname) {
  if (is_in_task()) {
    assign("ray_state", get("ray_state", environment(task_value("ray_driver"))), topenv())
  } else {
    note_script_file()
    when_future_is_loaded()
  }
  watch_others()
}

.onAttach <- function(libname, pkgname) {
  if (is_in_task()) assign(".conflicts.OK", TRUE, as.environment("package:gangway")) else warn_netflix_prefixes()
}
