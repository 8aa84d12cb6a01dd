# What code takes along to another process, for all doors alike: steps, defaults of parameters, Ray's tasks, actors and
# stored objects, foreach, future. What is small travels whole, what is large travels when the code names it, and what
# stays behind is bound to an error that says so. Base R: the package and a task's runtime both load these files.
#
#   code-*.R           which names a function's code takes from outside
#   carry-values.R     functions that use functions, in whatever they are: breadth first, each object once
#   carry-names.R      names that no code shows: in strings, methods, what is registered for a class
#   carry-spare.R      what no code names: whether it is small enough to travel, or why it stays
#   carry-frames.R     what of an environment travels
#   carry-search.R     what attach() and its like have put on the search path
#   parcel.R           all of it as bytes, and back

#' Find what values take along
#'
#' @param roots A list of lists: `value`, `owner` and `fun` (for messages), `strict` (names that its code reads must
#'   exist).
#' @param policy What travels though no code names it: see [carry_policy()].
#' @param never Names that shall not travel.
#' @param refuse A function that is called where code takes a flow's `self` along.
#' @param known_elsewhere Names that will be there.
#' @param options Whether the session's options go along with it.
#' @return An environment: `globals` (name to list(value, soft)), `left` (what stays behind, by name), `need`
#'   (environment to names), `looked` (environment to names that code looks for from there), `kept` (environments that
#'   are data themselves), `frames`, `searched`, `captured`, `missing`, `super`, `assigned`, `dynamic`.
#' @noRd
carry <- function(roots, policy, never = NULL, refuse = NULL, known_elsewhere = NULL, options = TRUE) {
  bag <- new_bag(policy)
  bag$never <- never
  bag$refuse <- refuse
  bag$known_elsewhere <- known_elsewhere
  for (root in roots) {
    via <- list(owner = root$owner, fun = root$fun, strict = isTRUE(root$strict))
    if (!is.function(root$value)) {
      bag$captured[[length(bag$captured) + 1L]] <- c(via, list(name = root$fun, value = root$value))
      via$strict <- FALSE
    }
    bag_push(bag, root$value, via)
  }
  collect_queue(bag)
  repeat {
    if (options) collect_options(bag)
    if (!collect_methods(bag)) break
  }
  collect_spares(bag)
  bag
}

new_bag <- function(policy) {
  bag <- new.env(parent = emptyenv())
  bag$policy <- policy
  bag$globals <- bag$left <- bag$captured <- bag$missing <- bag$queue <- bag$registered <- bag$searched <- list()
  bag$super <- bag$assigned <- bag$called <- bag$strings <- bag$members <- bag$qualified <- character()
  bag$dynamic <- FALSE
  bag$spent <- 0
  for (table in c("need", "spare", "names_left", "lazy", "dots", "kept", "frames", "tables", "looked")) {
    bag[[table]] <- utils::hashtab("address")
  }
  bag$seen <- utils::hashtab("identical")
  bag$homes <- list(globalenv())
  entries <- user_entries()
  bag$search <- lapply(stats::setNames(nm = entries), as.environment)
  bag
}

bag_globals <- function(bag) lapply(bag$globals, function(g) g$value)

bag_push <- function(bag, value, via) {
  bag$queue[[length(bag$queue) + 1L]] <- list(value = value, via = via)
}

collect_queue <- function(bag) {
  while (length(bag$queue)) {
    work <- bag$queue
    bag$queue <- list()
    for (item in work) collect_value(item$value, item$via, bag)
  }
}

has_key <- function(table, key) !is.null(utils::gethash(table, key))
