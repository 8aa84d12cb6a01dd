# Python objects that R has no counterpart of: R holds an environment with a number by which Python finds the object
# again. It prints what it is and can be assigned to `self` as a whole; nothing else can be done with it.

python_label <- function(x, ...) {
  paste0("<Python ", get("type", x, inherits = FALSE), ": ", get("shown", x, inherits = FALSE), ">")
}

print_python <- function(x, ...) {
  cat(python_label(x), "\n", sep = "")
  invisible(x)
}

refuse_python <- function(x, ...) {
  if (!inherits(x, "gangway_python")) x <- ..1
  stop(python_label(x), " is a Python object that R has no counterpart of: R can print it and assign it to `self` as ",
    "a whole. Take out what R needs in a Python step.",
    call. = FALSE
  )
}

print_caught <- function(x, ...) {
  cat(attr(x, "traceback"), "\n", sep = "")
  invisible(x)
}

local({
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  for (generic in c("format", "as.character", "toString")) method(generic, "gangway_python", python_label)
  for (generic in c("Ops", "Math", "Summary", "$", "[[", "[", "$<-", "[[<-", "[<-", "as.list")) {
    method(generic, "gangway_python", refuse_python)
  }
  method("print", "gangway_python", print_python)
  method("length", "gangway_python", function(x) 1L)
  method("print", "metaflow_exception", print_caught)
})
