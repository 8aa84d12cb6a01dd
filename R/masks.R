# Functions of other packages with the names of gangway's. Whichever is attached last wins in R; so generics of that
# name get a method for flows, what is no flow is handed on to the function that gangway hides, and where neither can
# be, the error says whose function it is.

# Functions of the pipe, which take a flow first.
pipe_functions <- c("step", "parameter", "run", "python_code", "everywhere", "config")

#' Whose function a name is, if not gangway's
#'
#' @return A package's name, or nothing.
#' @noRd
masked_by <- function(name, env = globalenv()) {
  f <- seen_function(name, env)
  if (is_attached("gangway") && !is.null(f)) foreign_package(f)
}

# The package conflicted makes it an error to look at a name that two packages have.
seen_function <- function(name, env = globalenv()) {
  tryCatch(get0(name, envir = env, mode = "function"), error = function(e) NULL)
}

is_attached <- function(package) paste0("package:", package) %in% search()

foreign_package <- function(f) {
  # testthat would have its own environment taken for the top.
  home <- if (!is.primitive(f)) topenv(environment(f), matchThisEnv = NULL)
  name <- if (isNamespace(home)) unname(getNamespaceName(home))
  if (!identical(name, "gangway")) name
}

#' Bullets for an error that may come of such a name
#' @noRd
mask_bullets <- function(names = pipe_functions, env = globalenv()) {
  for (name in names) {
    owner <- masked_by(name, env)
    if (!is.null(owner)) {
      return(c(
        x = paste0("Here {.fn ", name, "} is that of {.pkg ", owner, "}, not gangway's."),
        i = paste0("Attach gangway after {.pkg ", owner, "}, or write {.code gangway::", name, "()}.")
      ))
    }
  }
}

#' Fail if a flow has come to another package's function that has the name of one of the pipe's
#'
#' Called where such a function first does something with its argument. The functions of the stack tell which it is.
#' @param forced Whether an argument of that function is being evaluated, and nothing is known of what it does with it.
#' @noRd
abort_masked <- function(forced = FALSE) {
  for (i in rev(seq_len(sys.nframe() - 1L))) {
    call <- sys.call(i)
    head <- if (is.call(call)) deparse1(call[[1L]])
    name <- sub("^.*:", "", head)
    if (!isTRUE(name %in% pipe_functions)) next
    f <- sys.function(i)
    owner <- foreign_package(f)
    if (is.null(owner) || (forced && (is_generic(f) || !holds_flow(call)))) next
    gangway_abort(c(
      "A flow was given to {.fn {name}} of the package {.pkg {owner}}.",
      x = "Here {.fn {name}} is that of {.pkg {owner}}, not gangway's.",
      i = "Attach gangway after {.pkg {owner}}, or write {.code gangway::{name}()}."
    ), class = "gangway_error_flow", call = NULL)
  }
}

is_generic <- function(f) any(c("UseMethod", "standardGeneric") %in% all.names(body(f)))

# Whether the first argument of a call is the pipe so far.
holds_flow <- function(call) {
  first <- if (length(call) > 1L) call[[2L]]
  identical(first, quote(.)) || "metaflow" %in% all.names(first)
}

# What recipes::step() and stats::step() do first with their argument.
#' @export
as.character.gangway_flow <- function(x, ...) {
  abort_masked()
  NextMethod()
}

#' @rawNamespace S3method(stats::terms,gangway_flow)
terms.gangway_flow <- function(x, ...) {
  abort_masked()
  NextMethod()
}

#' See to it that a flow finds gangway's functions, whatever has been attached after them
#'
#' A generic of the same name gets a method. In front of a run() or everywhere() that is none, gangway's is put again,
#' which hands on what is no flow. A step() stays hidden: recipes' takes strings, as ours might, and names itself in the
#' error.
#' @noRd
stand_beside_others <- function() {
  if (!is_attached("gangway")) {
    return(invisible())
  }
  for (name in pipe_functions) {
    f <- seen_function(name)
    if (is.null(f) || is.null(foreign_package(f))) next
    if (is_generic(f)) {
      register_with(name, topenv(environment(f), matchThisEnv = NULL))
    } else if (name != "step") {
      put_in_front(name)
    }
  }
}

register_with <- function(name, namespace) {
  registerS3method(name, "gangway_flow", getExportedValue("gangway", name), envir = namespace)
}

put_in_front <- function(name, place = "gangway:names") {
  before <- if (place %in% search()) as.list(as.environment(place))
  if (length(before)) detach(place, character.only = TRUE)
  before[[name]] <- getExportedValue("gangway", name)
  base::attach(before, name = place, warn.conflicts = FALSE)
}

# Known packages with a run() or an everywhere(): future's is a generic. Others are found when a flow is made.
watch_others <- function() {
  for (package in c("future", "callr", "processx", "rmarkdown", "simmer", "mirai")) {
    setHook(packageEvent(package, "attach"), function(...) stand_beside_others())
  }
}

#' The function that gangway's function of that name hides, if it was called by its name alone
#' @noRd
hidden_function <- function(name, call = sys.call(-1L)) {
  if (!identical(call[[1L]], as.name(name))) {
    return(NULL)
  }
  for (place in grep("^package:", search(), value = TRUE)) {
    f <- get0(name, envir = as.environment(place), mode = "function", inherits = FALSE)
    if (is.function(f) && !is.null(foreign_package(f))) return(f)
  }
}
