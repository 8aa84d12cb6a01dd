# The small functions of Netflix's R package.

#' Copy the examples into the working folder
#'
#' Files that are there already are left as they are.
#'
#' @return The path of the copy, `examples`, invisibly.
#' @examples
#' old <- setwd(tempdir())
#' pull_tutorials()
#' setwd(old)
#' @export
pull_tutorials <- function() {
  from <- system.file("examples", package = "gangway")
  if (!nzchar(from)) {
    gangway_abort(
      c("This installation of gangway has no examples.",
        i = "Install it again from its repository."),
      class = "gangway_error_argument"
    )
  }
  if (file.access(".", 2L) != 0L) {
    gangway_abort(
      c("No file can be written into {.file {getwd()}}.",
        i = "Change to another folder with {.fn setwd}."),
      class = "gangway_error_argument"
    )
  }
  file.copy(from, ".", recursive = TRUE, overwrite = FALSE)
  to <- normalizePath(basename(from))
  cli::cli_inform(c(v = "The examples are in {.file {to}}."))
  invisible(to)
}

#' Versions
#'
#' @return `r_version()`: gangway's version. `py_version()`: the version of Metaflow in Python.
#'   `version_info()` prints both.
#' @examples
#' r_version()
#' @export
r_version <- function() {
  as.character(utils::packageVersion("gangway"))
}

#' @rdname r_version
#' @export
py_version <- function() {
  # Behind "+" stand the extensions that are installed, this one among them.
  c(python_version = sub("[+].*", "", mf_python()$metaflow_version$get_version()))
}

#' @rdname r_version
#' @examplesIf gangway:::can_run()
#' version_info()
#' @export
version_info <- function() {
  message("gangway (R) ", r_version())
  message("Metaflow (Python) ", py_version())
  invisible()
}

#' Where gangway, a flow and the working folder are
#'
#' @param flowRDS Path of a file.
#' @return A list of paths: `package`, `flow`, `wd`.
#' @examples
#' metaflow_location("flow.RDS")
#' @export
metaflow_location <- function(flowRDS) { # nolint: object_name_linter. Netflix's name
  list(
    package = system.file(package = "gangway"),
    flow = normalizePath(flowRDS, mustWork = FALSE),
    wd = normalizePath(getwd())
  )
}

#' Convert to and from the stored format of Netflix's R package
#'
#' Artifacts need neither: gangway stores every R object by itself, and more exactly. The two
#' functions are for data that scripts have written with Netflix's package.
#'
#' @param object For `mf_serialize()` any R object; for `mf_deserialize()` what it returned.
#' @return `mf_serialize()`: vectors and lists of vectors as they are, of anything else R's
#'   serialization (a raw vector). `mf_deserialize()`: the R object; raw bytes that are not R's
#'   serialization stay as they are, and a damaged serialization is an error.
#' @examples
#' stored <- mf_serialize(mean)
#' class(stored)
#' identical(mf_deserialize(stored)(1:3), 2)
#' @export
mf_serialize <- function(object) {
  if (is_simple(object)) object else serialize(object, NULL)
}

is_simple <- function(object) {
  if (is.list(object)) {
    return(!inherits(object, "data.table") && all(vapply(object, is_simple, NA)))
  }
  is.atomic(object) || is.null(object)
}

#' @rdname mf_serialize
#' @export
mf_deserialize <- function(object) {
  if (!is.raw(object) || !is_serialization(object)) {
    return(object)
  }
  call <- environment()
  tryCatch(unserialize(object), error = function(e) {
    gangway_abort(
      c("{.arg object} begins as R's serialization does, but cannot be read
         ({length(object)} bytes).",
        i = "It is truncated or damaged, or was written by a newer R than {getRversion()}."),
      class = c("gangway_error_argument", "gangway_error_client"), parent = e, call = call
    )
  })
}

# R's formats begin with X (xdr), B (native binary) or A (ascii), a line end, and the version
is_serialization <- function(bytes) {
  versions <- as.raw(2:3)
  starts <- c(
    lapply(versions, function(v) c(charToRaw("X\n"), as.raw(c(0, 0, 0)), v)),
    lapply(versions, function(v) c(charToRaw("B\n"), v, as.raw(c(0, 0, 0)))),
    list(charToRaw("A\n2\n"), charToRaw("A\n3\n"))
  )
  any(vapply(starts, function(start) identical(bytes[seq_along(start)], start), NA))
}

#' See whether gangway is installed properly
#'
#' Runs a flow of two steps in a temporary folder.
#'
#' @return What [run()] returns, invisibly.
#' @examplesIf gangway:::can_run()
#' test()
#' @export
test <- function() {
  folder <- tempfile("gangway-test-")
  dir.create(folder)
  old <- setwd(folder)
  on.exit({
    setwd(old)
    unlink(folder, recursive = TRUE)
  })
  hello <- function(self) {
    cat("Hello from R ", format(getRversion()), ": your installation looks good!\n", sep = "")
  }
  flow <- metaflow("HelloWorldFlow")
  flow <- step(flow, step = "start", r_function = hello, next_step = "end")
  invisible(run(step(flow, step = "end")))
}
