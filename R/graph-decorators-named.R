#' Ask for resources, or for AWS Batch
#'
#' `resources()` says what a step needs wherever it runs; `batch()` also makes it run on AWS Batch.
#' With both on a step the larger of the two numbers counts. An argument that is `NULL` is left to
#' Metaflow's configuration (the queue and the roles) or to its defaults.
#'
#' @param cpu Number of CPUs.
#' @param gpu Number of GPUs.
#' @param memory Memory in megabytes.
#' @param image Name of the Docker image.
#' @param queue Name of the job queue; Metaflow's configuration has the default.
#' @param iam_role,execution_role Roles of the job in AWS; Metaflow's configuration has the defaults.
#' @param shared_memory Size of `/dev/shm` in mebibytes.
#' @param max_swap Swap that the container may use, in mebibytes.
#' @param swappiness How readily it swaps, from 0 to 100.
#' @inherit decorator return
#' @inheritSection decorator Errors
#' @source The signatures are those of Netflix's R package `metaflow`.
#' @export
#' @examples
#' resources(cpu = 4, memory = 16000)
#' batch(cpu = 2, image = "rocker/r-ver:4.5.0")
batch <- function(cpu = 1L, gpu = 0L, memory = 4096L, image = NULL, queue = NULL, iam_role = NULL,
                  execution_role = NULL, shared_memory = NULL, max_swap = NULL, swappiness = NULL) {
  check_commas("batch")
  decorator_of_given("batch", list(
    cpu = cpu, gpu = gpu, memory = memory, image = image, queue = queue, iam_role = iam_role,
    execution_role = execution_role, shared_memory = shared_memory, max_swap = max_swap, swappiness = swappiness
  ))
}

#' @rdname batch
#' @export
resources <- function(cpu = 1L, gpu = 0L, memory = 4096L, shared_memory = NULL) {
  check_commas("resources")
  decorator_of_given("resources", list(cpu = cpu, gpu = gpu, memory = memory, shared_memory = shared_memory))
}

#' Try a failed step again
#'
#' @param times How often to try again; 0 forbids it, for a step that must not run twice.
#' @param minutes_between_retries Minutes to wait before that.
#' @inherit decorator return
#' @inheritSection decorator Errors
#' @source The signature is that of Netflix's R package `metaflow`.
#' @export
#' @examples
#' retry(times = 2, minutes_between_retries = 0)
retry <- function(times = 3L, minutes_between_retries = 2L) {
  check_commas("retry")
  decorator_of_given("retry", list(times = times, minutes_between_retries = minutes_between_retries))
}

#' Catch the error of a step and go on
#'
#' The flow continues with the next step, as if the failed one had done nothing. Metaflow takes this
#' decorator on steps with one next step only.
#'
#' @param var Name of the artifact that keeps the error, a condition with the classes and fields that R code gave it;
#'   it is `NULL` if there was none.
#' @param print_exception Whether to print the error into the task's log.
#' @param ... For the function `catch()` of the package promises, which gangway may hide: a promise is handed on to it.
#' @inherit decorator return
#' @inheritSection decorator Errors
#' @source The signature is that of Netflix's R package `metaflow`.
#' @export
#' @examples
#' catch(var = "start_failed")
catch <- function(var = NULL, print_exception = TRUE, ...) {
  check_commas("catch")
  # promises::catch(promise, onRejected), which this function hides
  hidden <- if (is.object(var) || ...length()) hidden_function("catch")
  if (!is.null(hidden)) {
    return(if (missing(print_exception)) hidden(var, ...) else hidden(var, print_exception, ...))
  }
  decorator_of_given("catch", list(var = var, print_exception = print_exception, ...))
}

#' Set environment variables for a step
#'
#' @param ... Named values; each is converted with [as.character()].
#' @inherit decorator return
#' @inheritSection decorator Errors
#' @source The signature is that of Netflix's R package `metaflow`.
#' @export
#' @examples
#' environment_variables(OMP_NUM_THREADS = 1, GREETING = "hello")
environment_variables <- function(...) {
  check_commas("environment_variables")
  vars <- list(...)
  keys <- names(vars) %||% character(length(vars))
  if (any(!nzchar(keys))) {
    gangway_abort("All environment variables have to be named: {.code environment_variables(NAME = \"value\")}.",
      class = "gangway_error_decorator")
  }
  single <- vapply(vars, function(v) is.atomic(v) && length(v) == 1L && !is.na(v), NA)
  if (!all(single)) {
    bad <- keys[!single][[1L]]
    got <- describe(vars[[bad]])
    gangway_abort("Environment variable {.envvar {bad}} has to be one value, not {got}.",
      class = "gangway_error_decorator")
  }
  # Without names of their own, which would make each a dictionary.
  text <- function(v) if (is_config_expr(v)) v else unname(as.character(v))
  decorator("environment", vars = stats::setNames(lapply(vars, text), keys))
}

#' Give a step secrets as environment variables
#'
#' The step's task reads the secrets when it starts, with the rights of its own role, and its code gets them by
#' [Sys.getenv()]. Nothing of them is stored with the flow or its artifacts. [environment_variables()] is for values
#' that others may read.
#'
#' @param ... Names or ARNs of secrets, in Metaflow's default backend (`METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE`) or,
#'   where none is set, in AWS Secrets Manager; `"gcp-secret-manager.db"` names another backend. A secret without an
#'   argument name is a JSON object, whose keys become variables. With one it is text, and the argument's name is the
#'   variable.
#' @param role The role that may read them: an ARN on AWS. `NULL` is `METAFLOW_DEFAULT_SECRETS_ROLE`, else the task's
#'   own.
#' @param allow_override Whether a secret may replace a variable that is there; if not, that is an error.
#' @inherit decorator return
#' @inheritSection decorator Errors
#' @source Metaflow's [`@secrets`](https://docs.metaflow.org/api/step-decorators/secrets).
#' @export
#' @examples
#' # {"DB_USER": "...", "DB_PASSWORD": "..."} in Secrets Manager
#' secrets("prod/db")
#' # one text
#' secrets(API_TOKEN = "prod/api-token")
secrets <- function(..., role = NULL, allow_override = FALSE) {
  check_commas("secrets")
  given <- list(...)
  variables <- names(given) %||% character(length(given))
  ids <- vapply(given, is_string, NA) & vapply(given, function(id) !identical(id, ""), NA)
  if (!length(given) || !all(ids)) {
    got <- if (length(given)) describe(given[[which(!ids)[[1L]]]]) else "none"
    gangway_abort(c(
      "{.fn secrets} takes names of secrets, not {got}.",
      i = "For example {.code secrets(\"prod/db\")}."
    ), class = "gangway_error_decorator")
  }
  bad <- variables[nzchar(variables) & !grepl("^[A-Za-z_][A-Za-z0-9_]*$", variables)]
  if (length(bad)) {
    gangway_abort("{.val {bad[[1]]}} is not a name that an environment variable can have.",
      class = "gangway_error_decorator")
  }
  sources <- unname(Map(secret_source, given, variables))
  decorator_of_given("secrets", list(sources = sources, role = role, allow_override = allow_override))
}

secret_source <- function(id, variable) {
  if (!nzchar(variable)) {
    return(id)
  }
  list(id = id, options = list(json = FALSE, env_var_name = variable))
}

# None would override what Metaflow is configured with, so NULL is left out.
decorator_of_given <- function(name, args) {
  given <- args[!vapply(args, is.null, NA)]
  do.call(decorator, c(list(name), given))
}
