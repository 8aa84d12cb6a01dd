#' gangway: Metaflow flows as R pipes, with steps on transient Ray clusters
#'
#' Write a flow as a pipe, run any step of it on a gang of machines that exists for that step only,
#' and get the results back as R objects.
#'
#' * **The pipe**: [metaflow()], [step()], [decorator()], [parameter()]. A flow is a value;
#'   `print()` shows its graph and [python_code()] the Python it compiles to.
#' * **Decorators with names of their own**: [batch()], [resources()], [retry()], [catch()],
#'   [environment_variables()].
#'
#' A flow compiles to a plain Python Metaflow flow whose tasks embed R, so everything that Metaflow
#' has works: `@batch`, `@kubernetes`, `@retry`, `@card`, `resume`, tags, namespaces.
#'
#' @section Conditions:
#' Every error of the package has class `gangway_error` and one that says what it is about, for
#' example `gangway_error_flow` (the graph), `gangway_error_decorator` or `gangway_error_parameter`.
#'
#' @importFrom methods new
#' @importFrom R6 R6Class
#' @useDynLib gangway, block_signals
#' @useDynLib gangway, numbers_of
#' @useDynLib gangway, read_at
#' @useDynLib gangway, take_interrupt
#' @keywords internal
"_PACKAGE"
