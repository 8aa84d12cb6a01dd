# What a step's function sees: `self`, and the `inputs` of a join.

# What each `self` of this process has read and been assigned, by handle. Not in the object itself, which comes
# along with every function and formula that a step's function makes.
states <- new.env(parent = emptyenv())

new_self <- function(handle, read_only = FALSE) {
  self <- structure(new.env(parent = emptyenv()), class = "gangway_self")
  assign("handle", handle, envir = self)
  state <- new.env(parent = emptyenv())
  state$self <- self
  state$read_only <- read_only
  state$values <- new.env(parent = emptyenv())
  state$assigned <- state$touched <- character()
  state$watched <- list()
  state$checking <- 0
  state$began <- proc.time()[[3]]
  assign(as.character(handle), state, states)
  self
}

state_of <- function(self) {
  state <- get0(as.character(.subset2(self, "handle")), states, inherits = FALSE)
  if (is.null(state) || !identical(state$self, self)) {
    stop("This `self` belongs to a task that has ended: it came along with a function, formula or environment ",
      "that was made there. Give the function what it needs as arguments.",
      call. = FALSE
    )
  }
  state
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
    return(get(name, state$values, inherits = FALSE))
  }
  x <- tryCatch(
    decode(py$get(.subset2(self, "handle"), name, changed_names(state))),
    error = function(e) {
      if (inherits(e, "gangway_error")) stop(e)
      stop("Artifact `", name, "` of ", task_label(self), " cannot be read in R: ", conditionMessage(e),
        ". Where it is damaged, run the step that made it again.",
        call. = FALSE
      )
    }
  )
  assign(name, x, state$values)
  if (!state$read_only && name != "input") watch_value(state, name, x)
  x
}

# What may be changed in place, without an assignment to self: also a function's variables, and an environment that
# hangs anywhere.
watch_value <- function(state, name, x) {
  if (has_reference(x)) {
    state$touched <- union(state$touched, name)
  } else if (!inherits(x, "gangway_python") && !holds_data_alone(x)) {
    if (references_in(x)$tables > 0) {
      state$touched <- union(state$touched, name)
    } else {
      state$watched[[name]] <- watch_insides(x)
    }
  }
}

# As in Python: of each foreach around the task, the outermost first, the index (from 0), the number of splits and
# the element.
foreach_stack <- function(self) {
  handle <- .subset2(self, "handle")
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
  problem <- decode(py$name_problem(.subset2(self, "handle"), name))
  if (nzchar(problem)) stop(problem, call. = FALSE)
  if (is_check_due(state, name, value)) check_value(state, value, paste0("self$", name), !name %in% state$assigned)
  assign(name, value, state$values)
  state$assigned <- union(state$assigned, name)
  self
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
  in_place <- vapply(state$watched, have_changed, NA)
  Reduce(union, list(state$assigned, state$touched, names(in_place)[in_place]), character())
}

# Artifacts are serialized once, when the step's function is done (or Python needs them, and it `goes_on`).
self_flush <- function(self, goes_on = FALSE) {
  state <- state_of(self)
  changed <- changed_names(state)
  for (name in changed) {
    x <- get(name, state$values, inherits = FALSE)
    # What was only read, and now holds what its package put there for this session, stays what it was.
    only_read <- !name %in% state$assigned
    if (only_read && is_lost(x)) next
    payload <- encode(x, paste0("self$", name))
    problem <- decode(do.call(py$set, c(list(.subset2(self, "handle"), name), payload)))
    if (nzchar(problem) && !only_read) refuse(find_unreadable(x, paste0("self$", name), problem))
  }
  state$assigned <- character()
  if (goes_on) for (name in changed) watch_value(state, name, get(name, state$values, inherits = FALSE))
}

# What a step's function has read and assigned is of no more use when it has ended, and may be large.
forget <- function(handles) rm(list = as.character(handles), envir = states)

self_names <- function(self) {
  sort(as.character(union(decode(py$names(.subset2(self, "handle"))), changed_names(state_of(self)))))
}

new_inputs <- function(handles, names) {
  inputs <- lapply(handles, new_self, read_only = TRUE)
  if (length(names)) names(inputs) <- names
  structure(inputs, class = "gangway_inputs")
}

task_label <- function(self) decode(py$label(.subset2(self, "handle")))

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
}
