# The packages that a step needs, looked for before it begins: in an image one may be missing.

guarded_check <- function(step) for_python(guarded(check_packages(step)))

check_packages <- function(step) {
  needed <- used_packages(bundle$functions[[step]], bundle$globals)
  stop_without(needed[!nzchar(vapply(needed, function(p) system.file(package = p), ""))], "used by the step")
}

stop_without <- function(missing, how) {
  if (length(missing)) {
    stop("R packages that are ", how, " are not installed where this task runs ",
      "(R ", getRversion(), ", libraries: ", paste(.libPaths(), collapse = ", "), "): ",
      paste(missing, collapse = ", "), ". Install them there.",
      call. = FALSE
    )
  }
}

# Packages that do not load: with what they need and is missing, such as the recommended ones (codetools, Matrix), which
# images of R alone may lack.
with_lacks <- function(packages) {
  vapply(packages, function(package) {
    lacks <- setdiff(lacking(package), package)
    if (length(lacks)) paste0(package, " (which needs ", paste(lacks, collapse = ", "), ")") else package
  }, "", USE.NAMES = FALSE)
}

lacking <- function(package) {
  seen <- character()
  look <- function(name) {
    if (name %in% seen) {
      return(NULL)
    }
    seen <<- c(seen, name)
    if (!nzchar(system.file(package = name))) {
      return(name)
    }
    needs <- unlist(utils::packageDescription(name, fields = c("Depends", "Imports")))
    names <- trimws(sub("[(].*", "", unlist(strsplit(as.character(needs[!is.na(needs)]), ","))))
    unlist(lapply(setdiff(names, c("R", "")), look))
  }
  look(package)
}

# The packages that a function, and the functions among the globals that it uses, name as package::name. What the code
# also has as a string it may ask about itself, as in requireNamespace("package").
used_packages <- function(f, globals) {
  found <- strings <- seen <- character()
  look_at <- function(f) look_into(c(formals(f), body(f)))
  # Not at what is left empty, as in x[, 1].
  empty <- formals(function(x) NULL)
  look_into <- function(codes) {
    for (i in seq_along(codes)) if (!identical(codes[[i]], empty[[1L]])) look(codes[[i]])
  }
  look <- function(code) {
    if (is.character(code)) {
      strings <<- c(strings, code)
    } else if (is.symbol(code)) {
      name <- as.character(code)
      if (!name %in% seen && is.function(globals[[name]])) {
        seen <<- c(seen, name)
        look_at(globals[[name]])
      }
    } else if (is.call(code) && is.symbol(code[[1L]]) && as.character(code[[1L]]) %in% c("::", ":::")) {
      found <<- c(found, as.character(code[[2L]]))
    } else if (is.recursive(code) && !is.environment(code)) {
      look_into(code)
    }
  }
  look_at(f)
  setdiff(found, strings)
}
