# The help of Ray's functions, whose code (ray-*.R, links) a task's runtime loads as well.

#' Values on a Ray cluster
#'
#' `ray_put()` stores a value on the cluster; `ray_get()` fetches what a reference stands for; `ray_wait()` tells
#' which tasks are done; `ray_cancel()` ends tasks, or an actor.
#'
#' @details A reference stands for a value on the cluster: one that `ray_put()` has stored there, or the result of a
#'   task ([ray_remote()], [ray_actor()]), which may still be running. Given to a task as an argument of its own, it
#'   arrives there as the value, and each worker process deserializes it once, not once a task; a task must not change
#'   it in place (environments, data.tables). When R has forgotten the reference, the value is freed.
#'
#' What a task has printed, its messages and its warnings appear here, in their order, when its value is fetched, and
#' other conditions that it has signalled are signalled here. Their restarts are over by then.
#'
#' @param x Any R object.
#' @param refs A reference or a list of references; for `ray_cancel()` also an actor.
#' @param timeout Seconds to wait; `NULL` waits as long as it takes. An interrupt ends the waiting, and the tasks go
#'   on.
#' @param n How many tasks to wait for.
#' @return `ray_put()`: a reference. `ray_get()`: the value; for a list the list of values, with its names.
#'   `ray_wait()`: a list of `ready` (at most `n` references) and `waiting`. `ray_cancel()`: `refs`, invisibly.
#' @section Errors:
#' All have the classes `gangway_error_ray` and `gangway_error`, and one of these:
#' * `gangway_error_ray_task`: R code of the task has failed. Fields `node`, `traceback` (R's calls on the worker),
#'   `parent` (the condition as it was raised there) and, for a list, `index`; and the classes and fields of that
#'   condition, so that handlers for them work as they do without Ray.
#' * `gangway_error_ray_died`: the worker's process has died (a segfault, a kill, no memory), as often as it was
#'   tried.
#' * `gangway_error_ray_cancelled`, `gangway_error_ray_timeout`, `gangway_error_ray_lost` (a reference of another
#'   session).
#' @seealso [ray_remote()], [ray_map()], [ray_init()]
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' data <- ray_put(mtcars)
#' data
#' mean_of <- ray_remote(function(data, column) mean(data[[column]]))
#' refs <- lapply(c(mpg = "mpg", hp = "hp"), function(column) mean_of(data, column))
#' ray_wait(refs, n = 1)
#' ray_get(refs)
#' ray_shutdown()
#' @name ray_get
#' @usage
#' ray_put(x)
#' ray_get(refs, timeout = NULL)
#' ray_wait(refs, n = 1, timeout = NULL)
#' ray_cancel(refs)
#' @aliases ray_put ray_wait ray_cancel
#' @rawNamespace export(ray_put, ray_get, ray_wait, ray_cancel)
#' @rawNamespace S3method(print, gangway_ref)
#' @rawNamespace S3method(format, gangway_ref)
#' @rawNamespace S3method(conditionMessage, gangway_error_ray)
#' @rawNamespace S3method(print, gangway_error_ray)
#' @rawNamespace S3method(rlang::cnd_header, gangway_error_ray)
#' @rawNamespace S3method(rlang::cnd_body, gangway_error_ray)
#' @rawNamespace S3method(rlang::cnd_footer, gangway_error_ray)
NULL

#' Run an R function on a Ray cluster
#'
#' @details What `f` uses from around it (functions, values, attached packages, options) travels with it at the first
#'   call, and again at a call before which something of it has changed, so that each call sees what a call of `f` here
#'   would see. What no code names, and is small, is there too, as it was when `f` was sent. `self` of a flow's step
#'   does not travel: read what `f` needs from it before. A worker process runs many tasks, one after the other.
#'
#' @param f A function, or a formula where rlang is installed.
#' @param cpus,gpus Cores and GPUs that a call takes of its node while it runs; parts of one are possible.
#' @param memory Megabytes that a call takes. Ray counts them, and enforces nothing.
#' @param resources A named list of amounts of the cluster's custom resources. `list(group_gpu = 1)` keeps a call to the
#'   nodes of the gang's group `gpu`.
#' @param max_retries How often a call is run again when its worker has died. An R error is no such death.
#' @return A function with the arguments of `f` that starts a task and returns a reference at once, for [ray_get()].
#'   References and actors among its arguments (not inside them) arrive as what they stand for, when that is ready. It
#'   can be given to [ray_map()] in place of `f`, and be used in other tasks.
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' slow_sum <- ray_remote(function(x, y) {
#'   Sys.sleep(0.1)
#'   x + y
#' })
#' first <- slow_sum(1, 2)
#' first
#' ray_get(slow_sum(first, 10))
#' ray_shutdown()
#' @seealso [ray_map()] for the same function on many elements.
#' @name ray_remote
#' @usage ray_remote(f, cpus = 1, gpus = NULL, memory = NULL, resources = NULL, max_retries = 3)
#' @rawNamespace export(ray_remote)
#' @rawNamespace S3method(print, gangway_remote)
NULL

#' Apply a function to each element on the cluster's R workers
#'
#' `lapply()`, and its relatives for two and for many vectors, on a Ray cluster: `f` runs on R embedded in Ray's
#' workers.
#'
#' @details Whatever `f` uses from around it travels with it, as with [ray_remote()]. Elements of a worker that dies
#'   are run again, on another one, up to three times. An interrupt (or an error) cancels what still runs and leaves
#'   the cluster usable.
#'
#' @param x,y Vectors, lists or data frames (whose columns are the elements, as in [lapply()]).
#' @param l A list of vectors, or a data frame for one call a row; its names become names of arguments. Vectors of
#'   length one are repeated, as in `ray_map2()`.
#' @param f A function, called as `f(x[[i]], ...)`, or what [ray_remote()] has made of one, with its `cpus`, `gpus`
#'   and so on. Elements may be references, too.
#' @param ... Further arguments of `f`, the same for all elements: they are sent to each worker once, not once an
#'   element. An object that several maps use is best stored with [ray_put()], and the reference given here.
#' @param .chunk How many elements a worker gets at a time; by default chosen from the numbers of elements and of
#'   cores. `1` is right for few and long calls.
#' @param .seed `TRUE` or a number for random numbers that are sound and reproducible: each element draws from an
#'   L'Ecuyer-CMRG stream of its own, so that the result is the same for any number of workers, for any `.chunk`, and
#'   after a worker has died. The streams are those of the package future.apply (`future.seed`). `TRUE` takes the
#'   session's own state ([set.seed()]) as the seed.
#' @param .progress Whether to show how far it is: a bar in a console, where the package cli is installed, lines in a
#'   log.
#' @param .errors `"stop"`: the first error of `f` that is noticed ends all; `"collect"`: the result has the condition
#'   in the place of the value.
#' @return A list of the results in the order of `x`, with its names. An error in `f` is an error here, of class
#'   `gangway_error_ray_map`, that names the element, the node and R's message and traceback (fields `index`, `node`,
#'   `traceback`, `parent`), and of the classes that the error had there; a worker that died as often
#'   as it was tried gives `gangway_error_ray_died`.
#' @seealso [ray_nodes()], [ray_init()]
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' ray_map(c(a = 1, b = 2), function(x, power) x^power, power = 2)
#' ray_map2(1:2, 3:4, function(x, y) x + y)
#' ray_pmap(data.frame(n = 1:2, value = c("x", "y")), function(n, value) rep(value, n))
#'
#' identical(
#'   ray_map(1:4, function(i) rnorm(1), .seed = 1),
#'   ray_map(1:4, function(i) rnorm(1), .seed = 1, .chunk = 1)
#' )
#' results <- ray_map(1:2, function(i) if (i == 2) stop("no") else i, .errors = "collect")
#' conditionMessage(results[[2]]$parent)
#' ray_shutdown()
#'
#' # In a flow nothing needs to be started:
#' tune <- function(self) {
#'   self$errors <- ray_map(1:20, function(depth, data) mean((data$mpg - depth)^2), data = mtcars)
#' }
#' metaflow("RayMapFlow") %>%
#'   step(step = "start", next_step = "tune", num_parallel = 2) %>%
#'   step(step = "tune", decorator("ray_parallel"), r_function = tune, next_step = "join") %>%
#'   step(step = "join", join = TRUE, next_step = "end") %>%
#'   step(step = "end")
#' @name ray_map
#' @usage
#' ray_map(x, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE,
#'         .errors = c("stop", "collect"))
#' ray_map2(x, y, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE,
#'          .errors = c("stop", "collect"))
#' ray_pmap(l, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE,
#'          .errors = c("stop", "collect"))
#' @aliases ray_map2 ray_pmap
#' @rawNamespace export(ray_map, ray_map2, ray_pmap)
NULL

#' An R object that lives on a Ray cluster
#'
#' The object gets a process of its own on the cluster; its functions are called from here and keep what they change.
#'
#' @param x An environment or an R6 object, which is sent there as it is; or an R6 class, or a function that returns
#'   an environment, which makes the object there from the further arguments (the way for what cannot travel, a
#'   database connection).
#' @param ... Arguments for the R6 class or function.
#' @param cpus,gpus,memory,resources What the actor takes of its node as long as it lives, as in [ray_remote()]. By
#'   default no core, as most actors mostly wait.
#' @param max_restarts How often it is made again, from the beginning, when its process has died.
#' @param max_task_retries How often a call is repeated on the actor that was made again.
#' @return An actor. `actor$name(...)` calls the function `name` of the object and returns a reference at once, for
#'   [ray_get()]; calls run one after the other, in the order in which they were made here. For what is no function,
#'   `actor$name()` gives the value. Errors of the functions are errors of `ray_get()`, and the actor goes on; when
#'   its process has died they have class `gangway_error_ray_died`. An actor that no R variable holds any more ends;
#'   `ray_cancel(actor)` ends it at once. Tasks can be given an actor as an argument.
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' counter <- ray_actor(function(n = 0) {
#'   add <- function(by = 1) n <<- n + by
#'   environment()
#' }, n = 10)
#' counter
#' for (i in 1:3) counter$add(i)
#' ray_get(counter$n())
#' ray_shutdown()
#' @name ray_actor
#' @usage
#' ray_actor(x, ..., cpus = NULL, gpus = NULL, memory = NULL, resources = NULL,
#'           max_restarts = 0, max_task_retries = 0)
#' @rawNamespace export(ray_actor)
#' @rawNamespace S3method(print, gangway_actor)
#' @rawNamespace S3method(format, gangway_actor)
#' @rawNamespace S3method("$", gangway_actor)
#' @rawNamespace S3method("[[", gangway_actor)
NULL

#' Nodes and resources of the Ray cluster
#'
#' @return Tibbles (data frames where the package tibble is not installed). `ray_nodes()`: one row a node: `node` (its
#'   name, `node-0` is the control task's or the session's), `address`, `alive`, `cpus` and `gpus` that it offers to
#'   Ray, `object_store_mb` (MB), and its `group` in a gang with groups. `ray_resources()`: one row a resource:
#'   `resource`, `total` and `free` in all of the cluster.
#' @seealso [ray_map()]
#' @examplesIf gangway:::can_run_ray()
#' ray_init(cpus = 2)
#' ray_nodes()
#' ray_resources()
#' ray_shutdown()
#' @name ray_nodes
#' @usage
#' ray_nodes()
#' ray_resources()
#' @aliases ray_resources
#' @rawNamespace export(ray_nodes, ray_resources)
NULL
