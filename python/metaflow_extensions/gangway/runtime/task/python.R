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

local({
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  for (generic in c("format", "as.character", "toString")) method(generic, "gangway_python", python_label)
  for (generic in c("Ops", "Math", "Summary", "$", "[[", "[", "$<-", "[[<-", "[<-", "as.list")) {
    method(generic, "gangway_python", refuse_python)
  }
  method("print", "gangway_python", print_python)
  method("length", "gangway_python", function(x) 1L)
  method("print", "metaflow_exception", print.metaflow_exception)
  method("conditionMessage", "metaflow_exception", conditionMessage.metaflow_exception)
})

# What a decorator has put on `current`: its attributes are read and its methods called as in Python.
python_proxy <- function(x) {
  if (inherits(x, "gangway_python")) structure(list(object = x), class = "gangway_proxy") else x
}

proxy_member <- function(x, name) {
  object <- .subset2(x, "object")
  if (!decode(py$is_method(object, name))) {
    return(python_proxy(decode(py$member(object, name))))
  }
  function(...) {
    arguments <- list(...)
    named <- nzchar(names2(arguments))
    labels <- ifelse(named, names2(arguments), seq_along(arguments))
    arguments[] <- Map(python_argument, arguments, labels)
    python_proxy(decode(py$call(object, name, unname(arguments[!named]), arguments[named])))
  }
}

# R code's argument, if Python has an exact counterpart of it.
python_argument <- function(x, label) {
  refuse <- function(why) stop("Argument `", label, "` cannot be given to Python: ", why, ".", call. = FALSE)
  if (inherits(x, "gangway_proxy")) {
    return(.subset2(x, "object"))
  }
  if (is.null(x) || inherits(x, "gangway_python")) {
    return(x)
  }
  if (is.object(x) || !is.null(dim(x)) || is.complex(x) || !(is.list(x) || is.atomic(x))) {
    refuse(paste0("it is of class ", class(x)[1L], ", and Python takes NULL, plain vectors and lists of these"))
  }
  if (anyDuplicated(names(x)) || !all(nzchar(names(x)))) refuse("its names are not all there, or not unique")
  if (is.list(x)) {
    x[] <- Map(python_argument, x, label)
  } else if (any(is.na(x) & !is.nan(x))) {
    refuse("Python has no NA")
  }
  if (is.character(x)) enc2utf8(x) else x
}

names2 <- function(x) if (is.null(names(x))) character(length(x)) else names(x)

local({
  method <- function(generic, f) registerS3method(generic, "gangway_proxy", f, envir = baseenv())
  method("$", proxy_member)
  method("[[", proxy_member)
  method("print", function(x, ...) print(.subset2(x, "object")))
})
