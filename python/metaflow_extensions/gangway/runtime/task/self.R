# What a step's function sees: `self`, and the `inputs` of a join.

# What each `self` of this process has read and been assigned, by handle. Not in the object itself, which comes
# along with every function and formula that a step's function makes.
states <- new.env(parent = emptyenv())

new_self <- function(handle, read_only = FALSE) {
  self <- structure(new.env(parent = emptyenv()), class = "gangway_self")
  # By this number Python finds the flow. No artifact can have such a name.
  assign(".handle", handle, envir = self)
  lockBinding(".handle", self)
  if (read_only) lockEnvironment(self)
  state <- new.env(parent = emptyenv())
  state$self <- self
  state$read_only <- read_only
  state$values <- new.env(parent = emptyenv())
  state$assigned <- state$touched <- state$stand_ins <- character()
  state$watched <- list()
  state$checking <- 0
  state$began <- proc.time()[[3]]
  assign(as.character(handle), state, states)
  self
}

handle_of <- function(self) .subset2(self, ".handle")

state_of <- function(self) {
  handle <- handle_of(self)
  state <- if (!is.null(handle)) get0(as.character(handle), states, inherits = FALSE)
  if (is.null(state) || !identical(state$self, self)) {
    stop("This `self` belongs to a task that has ended: it came along with a function, formula or environment ",
      "that was made there. Give the function what it needs as arguments.",
      call. = FALSE
    )
  }
  if (length(state$stand_ins) || length(as.list.environment(self, all.names = TRUE)) > 1L) take_in(state)
  state
}

# assign(), list2env() and the like put variables beside the handle: these are assignments, too.
take_in <- function(state) {
  self <- state$self
  for (name in setdiff(ls(self, all.names = TRUE), ".handle")) {
    if (is_stand_in(state, name)) next
    value <- tryCatch(get(name, envir = self, inherits = FALSE), finally = rm(list = name, envir = self))
    state$stand_ins <- setdiff(state$stand_ins, name)
    set_value(state, name, value)
  }
}

# A table that needs room for more columns, and what setDT() makes of a data frame, data.table assigns to where it has
# it from: of `self$x`, to x in self, if there is one.
stand_in_for <- function(state, name, x) {
  if (typeof(x) == "list" && !state$read_only && !name %in% state$stand_ins && isNamespaceLoaded("data.table")) {
    do.call(delayedAssign, list(name, stand_in, baseenv(), state$self))
    state$stand_ins <- c(state$stand_ins, name)
  }
}

stand_in <- quote(stop("Artifacts are read as self$name or self[[\"name\"]].", call. = FALSE))

is_stand_in <- function(state, name) {
  name %in% state$stand_ins && !bindingIsActive(as.name(name), state$self) &&
    identical(code_of(name, state$self)[[1L]], stand_in)
}

forget_stand_ins <- function(state) {
  rm(list = intersect(state$stand_ins, ls(state$self, all.names = TRUE)), envir = state$self)
  state$stand_ins <- character()
}

is_reference <- function(x) {
  (is.environment(x) || isS4(x) || inherits(x, "data.table")) && !inherits(x, "gangway_python")
}

# What is handed over whenever it was read: nobody can tell whether it was changed in place.
has_reference <- function(x) {
  is_reference(x) || (is.list(x) && any(vapply(unclass(x), is_reference, NA)))
}

self_get <- function(self, name) {
  state <- state_of(self)
  if (name == "foreach_stack") return(function() foreach_stack(self))
  if (exists(name, state$values, inherits = FALSE)) {
    x <- get(name, state$values, inherits = FALSE)
    if (is.list(x)) stand_in_for(state, name, x)
    return(x)
  }
  if (name %in% names(bundle$parsers)) {
    return(read_parameter(state, name))
  }
  read_artifact(state, name)
}

read_artifact <- function(state, name) {
  self <- state$self
  answer <- NULL
  x <- tryCatch(
    {
      answer <- py$get(handle_of(self), name, changed_names(state))
      decode(answer)
    },
    error = function(e) stop_reading(self, name, e)
  )
  assign(name, x, state$values)
  if (!state$read_only && name != "input") watch_read(state, name, x, identical(answer[[1L]], "parts"))
  x
}

watch_read <- function(state, name, x, of_python) {
  watch_value(state, name, x, of_python)
  stand_in_for(state, name, x)
}

stop_reading <- function(self, name, e) {
  if (inherits(e, "gangway_error")) stop(e)
  stop("Artifact `", name, "` of ", task_label(self), " cannot be read in R: ", conditionMessage(e),
    ". Where it is damaged, run the step that made it again.",
    call. = FALSE
  )
}

# A file that was given as a parameter, by the function that the user gave: once in a task. It may be read lazily, so
# it stays until R's temporary folder goes.
read_parameter <- function(state, name) {
  folder <- tempfile("file-")
  dir.create(folder)
  path <- decode(py$parameter_file(handle_of(state$self), name, folder))
  x <- if (!is.null(path)) {
    withCallingHandlers(
      call_as(name, bundle$parsers[[name]], list(.path = path)),
      error = function(e) message("[gangway] The parser of parameter ", name, " has failed on ", basename(path), ".")
    )
  }
  assign(name, x, state$values)
  x
}

# What may be changed in place, without an assignment to self: also a function's variables, and an environment that
# hangs anywhere. What Python made (`of_python`) is an R list once it is stored anew: that has to wait until something
# inside has changed.
watch_value <- function(state, name, x, of_python = FALSE) {
  if (inherits(x, "gangway_python") || holds_data_alone(x)) {
    return(invisible())
  }
  references <- watch_references()
  state$watched[[name]] <- watch_insides(x, references$hook)
  seen <- references$seen()
  if ((!of_python && has_reference(x)) || (seen$tables + seen$empty > 0 && has_tables(x))) {
    state$touched <- union(state$touched, name)
  }
}

# As in Python: of each foreach around the task, the outermost first, the index (from 0), the number of splits and
# the element.
foreach_stack <- function(self) {
  handle <- handle_of(self)
  places <- decode(py$foreach_places(handle))
  lapply(seq_along(places), function(level) {
    list(places[[level]][[1L]], places[[level]][[2L]], decode(py$foreach_element(handle, level - 1)))
  })
}

self_set <- function(self, name, value) {
  state <- state_of(self)
  if (state$read_only) {
    stop("The inputs of a join cannot be changed; assign to `self$", name, "`.", call. = FALSE)
  }
  set_value(state, name, value)
  self
}

set_value <- function(state, name, value) {
  problem <- decode(py$name_problem(handle_of(state$self), name))
  if (nzchar(problem)) stop(problem, call. = FALSE)
  if (is_check_due(state, name, value)) check_value(state, value, paste0("self$", name), !name %in% state$assigned)
  assign(name, value, state$values)
  state$assigned <- union(state$assigned, name)
  stand_in_for(state, name, value)
}

# A list that is built in a loop is assigned as often as it has elements: what was assigned before is looked at
# again only as long as that takes a small part of the step's time. The end of the step looks at everything.
is_check_due <- function(state, name, value) {
  !inherits(value, "gangway_python") && !holds_data_alone(value) && (
    !name %in% state$assigned || state$checking < max(0.5, 0.1 * (proc.time()[[3]] - state$began))
  )
}

# Vectors, and lists and data frames of vectors: R can write them, and readers take them. To look by serialize() would
# take half as long as to write a column of a million strings.
holds_data_alone <- function(x) {
  is_data <- is.null(x) || is.atomic(x) ||
    (typeof(x) == "list" && length(unclass(x)) <= 1000L && all(holds_nothing(unclass(x))))
  is_data && all(holds_nothing(attributes(x)))
}

# Python goes through so many bytes of code and environments in a fifth of a second.
quickly_read <- 1e6

check_value <- function(state, value, path, is_first) {
  began <- proc.time()[[3]]
  seen <- references_in(value)
  lost <- if (seen$bad) find_unserializable(value, path, skip = is_packable)
  if (is.null(lost) && is_first && (seen$environments || is_small(value))) {
    lost <- find_unreadable(value, path, unreadable(value, most = quickly_read))
  }
  state$checking <- state$checking + proc.time()[[3]] - began
  if (!is.null(lost)) refuse(lost)
}

changed_names <- function(state) {
  if (!length(state$watched)) return(union(state$assigned, state$touched))
  in_place <- vapply(state$watched[setdiff(names(state$watched), state$touched)], have_changed, NA)
  Reduce(union, list(state$assigned, state$touched, names(in_place)[in_place]), character())
}

# Artifacts are serialized once, when the step's function is done (or Python needs them, and it `goes_on`).
self_flush <- function(self, goes_on = FALSE) {
  state <- state_of(self)
  # A function that has `self` from where it was made would take them along.
  forget_stand_ins(state)
  changed <- changed_names(state)
  for (name in changed) {
    x <- get(name, state$values, inherits = FALSE)
    only_read <- !name %in% state$assigned
    # What was only read, and now holds what its package put there for this session, stays what it was.
    is_as_read <- function() only_read && !have_gained(state$watched[[name]])
    if (only_read && is_lost(x) && is_as_read()) next
    store(state, name, x, only_read, is_as_read)
  }
  state$assigned <- character()
  if (goes_on) for (name in changed) watch_value(state, name, get(name, state$values, inherits = FALSE))
}

store <- function(state, name, x, only_read, is_as_read) {
  path <- paste0("self$", name)
  tryCatch(
    {
      problem <- decode(do.call(py$set, c(list(handle_of(state$self), name), encode(x, path))))
      if (nzchar(problem) && !is_as_read()) refuse(find_unreadable(x, path, problem))
    },
    error = function(e) {
      what <- if (only_read) " was changed in place after it was read, and cannot be stored anew: "
      if (is.null(what) && grepl(path, conditionMessage(e), fixed = TRUE)) stop(e)
      stop("`", path, "`", if (is.null(what)) " cannot be stored: " else what, conditionMessage(e), call. = FALSE)
    }
  )
}

# What a step's function has read and assigned is of no more use when it has ended, and may be large.
forget <- function(handles) rm(list = as.character(handles), envir = states)

self_names <- function(self) {
  sort(as.character(union(decode(py$names(handle_of(self))), changed_names(state_of(self)))))
}

new_inputs <- function(handles, names) {
  inputs <- lapply(handles, new_self, read_only = TRUE)
  if (length(names)) names(inputs) <- names
  structure(inputs, class = "gangway_inputs")
}

# By name, what is not there is an error, as of `self`.
input_of <- function(x, name) {
  if (!name %in% names(x)) stop(decode(py$input_problem(as.list(as.character(names(x))), name)), call. = FALSE)
  .subset2(x, name)
}

task_label <- function(self) decode(py$label(handle_of(self)))

print_self <- function(x, ...) {
  cat("<", if (state_of(x)$read_only) "input " else "self ", task_label(x), ">\n", sep = "")
  cat("artifacts:", if (length(self_names(x))) self_names(x) else "none", fill = TRUE)
  invisible(x)
}

print_inputs <- function(x, ...) {
  cat("<", length(x), " inputs>\n", sep = "")
  for (i in seq_along(x)) {
    cat(" ", if (is.null(names(x))) paste0("[[", i, "]]") else names(x)[i], " ",
      task_label(.subset2(x, i)), "\n",
      sep = ""
    )
  }
  invisible(x)
}

register_methods <- function() {
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  method("$", "gangway_self", self_get)
  method("[[", "gangway_self", self_get)
  method("$<-", "gangway_self", self_set)
  method("[[<-", "gangway_self", self_set)
  method("names", "gangway_self", self_names)
  method("length", "gangway_self", function(x) length(self_names(x)))
  method("print", "gangway_self", print_self)
  method("format", "gangway_self", function(x, ...) task_label(x))
  method("print", "gangway_inputs", print_inputs)
  method("$", "gangway_inputs", input_of)
  method("[[", "gangway_inputs", function(x, i, ...) {
    if (is.character(i) && length(i) == 1L) input_of(x, i) else .subset2(x, i)
  })
}
