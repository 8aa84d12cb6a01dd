# What a step's function sees: `self`, and the `inputs` of a join.

new_self <- function(handle, read_only = FALSE) {
  self <- new.env(parent = emptyenv())
  self$handle <- handle
  self$read_only <- read_only
  self$values <- new.env(parent = emptyenv())
  self$changed <- character()
  class(self) <- "gangway_self"
  self
}

has_reference <- function(x) is.environment(x) || isS4(x) || inherits(x, "data.table")

self_get <- function(self, name) {
  values <- .subset2(self, "values")
  if (exists(name, values, inherits = FALSE)) {
    return(get(name, values, inherits = FALSE))
  }
  x <- tryCatch(
    decode(py$get(.subset2(self, "handle"), name, .subset2(self, "changed"))),
    error = function(e) {
      if (inherits(e, "gangway_error")) stop(e)
      stop("Artifact `", name, "` of ", task_label(.subset2(self, "handle")), " is damaged, R cannot ",
        "read it (", conditionMessage(e), "). Run the step that made it again.",
        call. = FALSE
      )
    }
  )
  assign(name, x, values)
  # It may be changed in place without an assignment to self.
  if (has_reference(x)) self_changed(self, name)
  x
}

self_set <- function(self, name, value) {
  if (.subset2(self, "read_only")) {
    stop("The inputs of a join cannot be changed; assign to `self$", name, "`.", call. = FALSE)
  }
  problem <- decode(py$name_problem(.subset2(self, "handle"), name))
  if (nzchar(problem)) stop(problem, call. = FALSE)
  lost <- if (!is.atomic(value) || is.object(value)) find_unserializable(value, paste0("self$", name))
  if (!is.null(lost)) {
    stop("`", lost$path, "` (", paste(lost$class, collapse = "/"), ") cannot be kept as an artifact: ",
      lost$reason, ". Keep the data that it is made from, and make it again where it is used.",
      call. = FALSE
    )
  }
  assign(name, value, .subset2(self, "values"))
  self_changed(self, name)
  self
}

self_changed <- function(self, name) {
  if (!.subset2(self, "read_only")) {
    assign("changed", union(.subset2(self, "changed"), name), envir = self)
  }
}

# Artifacts are serialized once, when the step's function is done (or Python needs them).
self_flush <- function(self) {
  for (name in .subset2(self, "changed")) {
    x <- encode(get(name, .subset2(self, "values"), inherits = FALSE))
    decode(do.call(py$set, c(list(.subset2(self, "handle"), name), x)))
  }
  assign("changed", character(), envir = self)
}

self_names <- function(self) {
  sort(union(decode(py$names(.subset2(self, "handle"))), .subset2(self, "changed")))
}

new_inputs <- function(handles, names) {
  inputs <- lapply(handles, new_self, read_only = TRUE)
  if (length(names)) names(inputs) <- names
  structure(inputs, class = "gangway_inputs")
}

task_label <- function(handle) decode(py$label(handle))

print_self <- function(x, ...) {
  cat("<", if (.subset2(x, "read_only")) "input " else "self ", task_label(.subset2(x, "handle")), ">\n",
    sep = ""
  )
  cat("artifacts:", if (length(self_names(x))) self_names(x) else "none", fill = TRUE)
  invisible(x)
}

print_inputs <- function(x, ...) {
  cat("<", length(x), " inputs>\n", sep = "")
  for (i in seq_along(x)) {
    cat(" ", if (is.null(names(x))) paste0("[[", i, "]]") else names(x)[i], " ",
      task_label(.subset2(.subset2(x, i), "handle")), "\n",
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
  method("format", "gangway_self", function(x, ...) task_label(.subset2(x, "handle")))
  method("print", "gangway_inputs", print_inputs)
  method("print", "gangway_python", function(x, ...) cat("<Python ", attr(x, "repr"), ">\n", sep = ""))
  method("print", "metaflow_exception", function(x, ...) cat(attr(x, "traceback"), "\n"))
}
