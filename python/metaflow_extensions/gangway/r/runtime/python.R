# Python objects that R has no counterpart of: R holds a number by which Python finds the object again. It prints
# what it is and can be assigned to `self` as a whole; nothing else can be done with it.

python_label <- function(x, ...) paste0("<Python ", attr(x, "type"), ": ", attr(x, "repr"), ">")

print_python <- function(x, ...) {
  cat(python_label(x), "\n", sep = "")
  invisible(x)
}

# As a number it would count along.
no_number <- function(...) {
  stop("This is a Python object, ", python_label(list(...)[[1L]]), ", with which R cannot calculate. ",
    "Convert it in a Python step.",
    call. = FALSE
  )
}

print_caught <- function(x, ...) {
  cat(attr(x, "traceback"), "\n", sep = "")
  invisible(x)
}

local({
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  method("print", "gangway_python", print_python)
  method("format", "gangway_python", python_label)
  method("as.character", "gangway_python", python_label)
  method("toString", "gangway_python", python_label)
  for (group in c("Ops", "Math", "Summary", "Complex")) method(group, "gangway_python", no_number)
  for (generic in c("c", "rep", "mean", "as.double", "as.integer", "as.logical")) {
    method(generic, "gangway_python", no_number)
  }
  method("print", "metaflow_exception", print_caught)
})
