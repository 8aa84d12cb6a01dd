# The functions that have a meaning in a running step only. A task needs no R package gangway: its
# own definitions are attached as "gangway:task", and these find them when a script has
# library(gangway).

task_environment <- "gangway:task"

is_in_task <- function() task_environment %in% search()

in_task <- function(name) {
  if (is_in_task()) {
    return(get(name, envir = as.environment(task_environment), mode = "function", inherits = FALSE))
  }
  gangway_abort(
    c("{.fn {name}} works only while a step runs.",
      i = "Call it in the function that is given to {.code step(r_function = )}.",
      i = "For the results of a run use {.fn latest_run} or {.fn run_client}."),
    class = "gangway_error_not_in_task", call = rlang::caller_env()
  )
}

#' Facts about the running task
#'
#' @param value Name of the fact: `"flow_name"`, `"run_id"`, `"origin_run_id"`, `"step_name"`,
#'   `"task_id"`, `"pathspec"`, `"namespace"`, `"username"`, `"retry_count"`, or anything else that
#'   a decorator of the step puts on Metaflow's `current`, such as `"parallel"` (a list with
#'   `num_nodes`, `node_index`, `main_ip`, `control_task_id`) and `"ray_storage_path"` in a step on
#'   a Ray cluster.
#' @return The value as the natural R object, `NULL` if Metaflow has it as `None`. A name that is not
#'   there is an error that gives the names that are.
#' @section Cards:
#' In a step with `decorator("card")`, `current("card")$append(x)` puts `x` on the step's card: a data
#' frame as a table, of its first 100 rows; a ggplot, lattice or recorded plot, or a raw vector that holds
#' a PNG, JPEG or GIF, as an image; a character vector as Markdown; anything else as it prints.
#' `current("card")[["id"]]` is one of several cards; `$refresh()` shows a card while the step runs.
#' @section Gangs:
#' `decorator("torchrun")`, `decorator("deepspeed")` and other decorators of gangs put an object on `current`,
#' whose methods are called as in Python: `current("torch")$run(entrypoint = "train.py", entrypoint_args =
#' list(epochs = 3))`. Arguments are `NULL`, plain vectors without `NA`, and lists of these; a vector of length one
#' is a scalar, and a named list a dictionary. Anything else is an error before the method is called. The step's
#' function runs on every node (for Ray on the first one alone); `current("parallel")$node_index` says which one
#' it is, and `current("gang_storage_path")` is a folder on the datastore that all nodes share.
#' @examples
#' where_am_i <- function(self) {
#'   message("Task ", current("task_id"), " of step ", current("step_name"))
#' }
#' metaflow("CurrentFlow") %>%
#'   step(step = "start", r_function = where_am_i, next_step = "end") %>%
#'   step(step = "end")
#' @export
current <- function(value) {
  in_task("current")(value)
}

#' One artifact of all branches of a join
#'
#' @param inputs The second argument of a join's function.
#' @param input Name of the artifact.
#' @return A list of the values in the order of `inputs`. A branch that does not hold the artifact
#'   is an error, but for the workers of a gang: they are left out, control comes first.
#' @examples
#' join <- function(self, inputs) {
#'   self$scores <- unlist(gather_inputs(inputs, "score"))
#' }
#' metaflow("GatherFlow") %>%
#'   step(step = "start", r_function = function(self) self$rows <- 1:3, next_step = "score",
#'        foreach = "rows") %>%
#'   step(step = "score", r_function = function(self) self$score <- self$input^2,
#'        next_step = "join") %>%
#'   step(step = "join", join = TRUE, r_function = join, next_step = "end") %>%
#'   step(step = "end")
#' @export
gather_inputs <- function(inputs, input) {
  in_task("gather_inputs")(inputs, input)
}

#' Carry the branches' artifacts over a join
#'
#' Takes every artifact that is the same in all branches that hold it, unless the join has set it
#' already. Artifacts with different values are an error that names them: set them before, or
#' exclude them.
#'
#' @param flow The first argument of the join's function (`self`).
#' @param inputs Its second argument.
#' @param exclude Names of artifacts to leave out.
#' @param include Names of the only artifacts to take; not together with `exclude`.
#' @return Nothing.
#' @examples
#' join <- function(self, inputs) {
#'   self$score <- max(unlist(gather_inputs(inputs, "score")))
#'   merge_artifacts(self, inputs, exclude = list("model"))
#' }
#' @export
merge_artifacts <- function(flow, inputs, exclude = list(), include = list()) {
  in_task("merge_artifacts")(flow, inputs, exclude = exclude, include = include)
}
