# The functions that have a meaning in a running step only. A task needs no R package gangway: its
# own definitions are attached as "gangway:task", and these find them when a script has
# library(gangway).

task_environment <- "gangway:task"

is_in_task <- function() task_environment %in% search()

in_task <- function(name) {
  if (is_in_task()) {
    return(get(name, envir = as.environment(task_environment), mode = "function", inherits = FALSE))
  }
  if (!is.null(session$called_task)) {
    return(get(name, envir = session$called_task, mode = "function", inherits = FALSE))
  }
  gangway_abort(
    c("{.fn {name}} works only while a step runs.",
      i = "Call it in the function that is given to {.code step(r_function = )}; a test calls that by {.fn call_step}.",
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
#' `decorator("card")` gives a step a card: Metaflow's facts about the task, and R's: parameters, artifacts as
#' `str()` shows them, warnings, the error of a step with `catch()`, session and time. `decorator("card", type =
#' "blank")` is without these. `current("card")` is the card, to which a step adds:
#' * `$append(x, width = 7, height = NULL, retina = 2, caption = NULL, rows = 100)`.
#'   *Plots*: of ggplot2 and lattice, grobs, recorded plots, a function or expression that draws, or the call itself,
#'   `append(plot(x))`, where no device is open. `width` and `height` are inches (of 96 pixels of the page), and
#'   `retina` says how many pixels of the picture make one of the page.
#'   *Tables*: data frames and matrices, the first `rows` rows of up to 50 columns; tables of gt, flextable and
#'   `knitr::kable()`.
#'   *HTML*: htmlwidgets (DT, plotly, leaflet) and tags of htmltools, with all that they need in the card itself.
#'   A `height` is given in inches; without one the frame is as high as what is in it.
#'   *Text*: a character vector is Markdown, in which `` `r code` `` stands for a value in the calling function.
#'   *Pictures*: the path of a PNG, JPEG, GIF, SVG or WebP file, or the bytes of a PNG, JPEG or GIF.
#'   *Charts*: a list with a Vega or Vega-Lite specification, whose data may be data frames. A vector of length one
#'   is a scalar there, unless it is wrapped in `I()`.
#'   Anything else is shown as it prints. An object that has nothing to print (an environment, a pointer, `NULL`) is an
#'   error of class `gangway_error_card` that names its class.
#' * `$progress(max = 100, label = "", unit = "")` appends a progress bar, whose `$update(value)` or `$tick(by = 1)`
#'   moves it while the step runs (Metaflow draws a card anew every 5 seconds at most).
#' * `$refresh()` shows the card as it is now, while the step runs.
#'
#' `current("card")[["id"]]` is the one of several cards that has this `id`. [card_render()] makes a card of an
#' R Markdown file. Without `decorator("card")` all of these are an error that says so.
#' @section Gangs:
#' `decorator("torchrun")`, `decorator("deepspeed")` and other decorators of gangs put an object on `current`,
#' whose methods are called as in Python: `current("torch")$run(entrypoint = "train.py", entrypoint_args =
#' list(epochs = 3))`. Arguments are `NULL`, plain vectors without `NA`, and lists of these; a vector of length one
#' is a scalar, and a named list a dictionary. Anything else is an error before the method is called. The step's
#' function runs on every node (for Ray on the first one alone); `current("parallel")$node_index` says which one
#' it is, and `current("gang_storage_path")` is a folder on the datastore that all nodes share.
#'
#' `current("gang_checkpoints")` has the checkpoints of the gang, which all attempts share. `$save(folder, number, rank
#' = 0, ranks = 1, name = "default")` stores a local folder, such as the one of an epoch. `$load(folder, name =
#' "default")` copies the last whole one into a folder and returns its number, or `NULL` if there is none. The same
#' is `GangCheckpoints()` in Python scripts that the step starts, and `current("gang_checkpoint_path")` is a folder
#' for frameworks that store by themselves, such as Ray Train.
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

#' An R Markdown or Quarto file as a card
#'
#' Renders the file in the running step, and puts the page, with all that it needs, on the step's card.
#'
#' @param input Path of the file, from the task's working folder: `.Rmd`, for which R needs the package rmarkdown and
#'   the program pandoc, or `.qmd`, for which the program quarto has to be on `PATH`.
#' @param params A named list, for the `params` that the file declares. What it does not get this way the file reads
#'   with [run_client()] and the like; it does not see the step's variables.
#' @param id Which card, where the step has several: `decorator("card", id = "report")`.
#' @param height Height of the frame in inches; `NULL` for that of the page.
#' @return The card, invisibly: see [current()]. What the file needs and is not there is an error of class
#'   `gangway_error_card`: at the beginning of the step, if its function names the file itself, and before anything is
#'   rendered. An error in the file's code is the step's error.
#' @examples
#' report <- function(self) {
#'   card_render("report.Rmd", params = list(data = self$data))
#' }
#' metaflow("ReportFlow") %>%
#'   step(decorator("card", type = "blank"), step = "start", r_function = report, next_step = "end") %>%
#'   step(step = "end")
#' @export
card_render <- function(input, params = NULL, id = NULL, height = NULL) {
  in_task("card_render")(input, params = params, id = id, height = height)
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
