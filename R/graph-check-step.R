# What can be seen in one step alone, when it is added to the flow.

check_step <- function(s, who, call = rlang::caller_env()) {
  abort <- function(...) gangway_abort(c(...), class = "gangway_error_flow", call = call, .envir = parent.frame())
  if (!is_bool(s$join)) {
    got <- describe(s$join)
    abort("{who}: {.arg join} has to be TRUE or FALSE, not {got}.")
  }
  check_step_function(s, who, abort)
  check_next_step(s, who, abort)
  check_artifact_name(s$foreach, "foreach", who, abort)
  check_artifact_name(s$condition, "condition", who, abort)
  check_num_parallel(s$num_parallel, who, abort)
  check_transition(s, who, abort)
}

check_step_function <- function(s, who, abort) {
  f <- s$r_function
  if (!is.null(f) && !is.null(s$py_function)) {
    abort("{who} has both an {.arg r_function} and a {.arg py_function}.", i = "Give one of them.")
  }
  if (!is.null(s$py_function)) {
    check_py_function(s$py_function, who, abort)
  }
  if (is.null(f)) {
    return(invisible())
  }
  if (!is.function(f)) {
    got <- describe(f)
    abort("{who}: {.arg r_function} has to be a function, not {got}.",
      i = "For example {.code r_function = function(self) self$x <- 1}.")
  }
  shape <- formals(args(f))
  needed <- sum(vapply(names(shape), function(n) n != "..." && is_missing_argument(shape[[n]]), NA))
  most <- if ("..." %in% names(shape)) Inf else length(shape)
  given <- if (s$join) 2L else 1L
  if (length(shape) && (needed > given || most < given)) {
    check_step_function_hint(s, who, abort, shape)
  }
}

check_step_function_hint <- function(s, who, abort, shape) {
  has <- paste0("function(", paste(names(shape), collapse = ", "), ")")
  if (s$join) {
    abort(
      "{who} is a join, so its function has to be {.code function(self, inputs)}, not {.code {has}}.",
      i = "A function without any arguments is fine as well."
    )
  }
  inputs <- "inputs" %in% names(shape) || length(shape) == 2L
  abort(
    "{who} is not a join, so its function has to be {.code function(self)}, not {.code {has}}.",
    i = if (inputs) "If the step joins branches, a foreach or a gang, say {.code join = TRUE}.",
    i = "A function without any arguments is fine as well."
  )
}

check_py_function <- function(x, who, abort) {
  parts <- if (is_string(x)) strsplit(x, ":", fixed = TRUE)[[1L]]
  ok <- length(parts) == 2L && all(vapply(unlist(strsplit(parts, ".", fixed = TRUE)), is_identifier, NA)) &&
    !grepl("^\\.|\\.$|\\.\\.|\\.:|:\\.", x)
  if (!ok) {
    got <- describe(x)
    abort("{who}: {.arg py_function} has to be {.val module:function}, not {got}.",
      i = "For example {.code py_function = \"features.prepare:clean\"}.")
  }
}

check_next_step <- function(s, who, abort) {
  to <- s$next_step
  if (is.null(to)) {
    return(invisible())
  }
  if (!is.character(to) || anyNA(to)) {
    got <- describe(to)
    abort("{who}: {.arg next_step} has to be the names of steps, not {got}.")
  }
  if (is.null(s$condition) && anyDuplicated(to)) {
    twice <- to[duplicated(to)][[1L]]
    abort("{who} names {.val {twice}} twice in {.arg next_step}.", i = "Name each next step once.")
  }
}

check_artifact_name <- function(x, argument, who, abort) {
  if (!is.null(x) && !is_identifier(x)) {
    got <- describe(x)
    abort(
      "{who}: {.arg {argument}} has to be the name of an artifact, not {got}.",
      i = "Set {.code self$name} in the step's function and say {.code {argument} = \"name\"}."
    )
  }
}

check_num_parallel <- function(x, who, abort) {
  if (is.null(x) || is_identifier(x)) {
    return(invisible())
  }
  whole <- is.numeric(x) && !is.object(x) && length(x) == 1L && is.finite(x) && x == trunc(x)
  if (!whole || x < 1 || x > 1e6) {
    got <- describe(x)
    abort(
      "{who}: {.arg num_parallel} has to be a whole number of nodes, at least 1, not {got}.",
      i = "For a number that is known only when the flow is run, name an integer parameter of the flow."
    )
  }
}

check_transition <- function(s, who, abort) {
  given <- c("foreach", "num_parallel", "condition")
  given <- given[!vapply(given, function(n) is.null(s[[n]]), NA)]
  if (length(given) > 1L) {
    abort("{who} has both {.arg {given[[1]]}} and {.arg {given[[2]]}}.", i = "A step can have one of them.")
  }
  if (length(given) && is.null(s$next_step)) {
    abort("{who} has {.arg {given}} and no {.arg next_step}.", i = "Say which step comes next.")
  }
  several <- length(s$next_step) > 1L
  if (several && length(given) && given != "condition") {
    abort("{who} has {.arg {given}} and {length(s$next_step)} next steps.",
      i = "With {.arg {given}} there can be one: add a step before the split.")
  }
  if (s$join && (several || length(given))) {
    abort("{who} is a join and a split at once.", i = "Add a step: let one join and the next one split.")
  }
  if (!is.null(s$condition)) {
    check_switch(s, who, abort)
  } else if (!is.null(names(s$next_step))) {
    abort("{who}: {.arg next_step} has names, but there is no {.arg condition}.",
      i = "Say which artifact chooses: {.code condition = \"size\"}.")
  }
}

check_switch <- function(s, who, abort) {
  cases <- names(s$next_step)
  if (is.null(cases) || anyNA(cases) || any(!nzchar(cases))) {
    abort("{who} has a {.arg condition}, so each of {.arg next_step} needs a name: the value that chooses it.",
      i = "For example {.code next_step = c(big = \"a\", small = \"b\"), condition = \"{s$condition}\"}.")
  }
  if (length(cases) < 2L) {
    abort("{who} has a {.arg condition} and one next step only.", i = "Give it two, or leave {.arg condition} out.")
  }
  if (anyDuplicated(cases)) {
    twice <- cases[duplicated(cases)][[1L]]
    abort("{who} has two next steps for {s$condition} = {.val {twice}}.", i = "Give each value one step.")
  }
}

# rlang::is_missing() would load rlang for it.
is_missing_argument <- function(x) is.symbol(x) && !nzchar(as.character(x))
