# Names that a function uses without naming them as code: in strings, and through R's dispatch.

# do.call("helper"), get("table"), glue("{name}").
collect_strings <- function(scan, env, via, bag) {
  via$strict <- FALSE
  via$soft <- TRUE
  gets <- any(c("get", "get0", "mget", "dynGet") %in% names(scan$uses))
  for (text in scan$strings) {
    if (nchar(text, "bytes") < 256L && (gets || is_function_name(text, env))) {
      collect_name(text, env, called = !gets, via, bag)
    }
    if (grepl("{", text, fixed = TRUE)) {
      for (name in braced_names(text)) collect_name(name, env, FALSE, via, bag)
    }
  }
}

is_function_name <- function(text, env) {
  f <- get0(text, envir = env, mode = "function")
  !is.null(f) && !is.primitive(f) && travels(environment(f))
}

braced_names <- function(text) {
  pieces <- regmatches(text, gregexpr("\\{[^{}]+\\}", text))[[1L]]
  code <- tryCatch(parse(text = pieces, keep.source = FALSE), error = function(e) NULL)
  all.names(code, unique = TRUE)
}

#' Methods of the script for generics that are used: `print.fit`, S4 classes and methods
#' @return Whether there was anything new.
#' @noRd
collect_methods <- function(bag) {
  before <- length(bag$globals) + length(bag$captured)
  generics <- c(bag$called, "print", "format", "summary", "length", "$", "[", "[[", "Ops", "Math", "Summary")
  via <- list(owner = "A method", fun = "its code", strict = FALSE, soft = TRUE)
  for (home in bag$homes) {
    for (name in ls(home, all.names = TRUE, sorted = FALSE)) {
      if (name %in% names(bag$globals) && identical(home, globalenv())) next
      s4 <- startsWith(name, ".__C__") || startsWith(name, ".__T__")
      if (s4 || (is_method_name(name, generics) && is.function(binding_value(name, home)))) {
        collect_name(name, home, FALSE, via, bag)
      }
    }
  }
  bag$homes <- bag$homes[!duplicated(bag$homes)]
  collect_queue(bag)
  length(bag$globals) + length(bag$captured) > before
}

is_method_name <- function(name, generics) {
  dots <- gregexpr(".", name, fixed = TRUE)[[1L]]
  dots[1L] > 1L && any(substring(name, 1L, dots - 1L) %in% generics)
}

# Other functions of the script, for code that makes a name while it runs.
spare_limit <- 300L
spare_size <- 1e6

collect_spare_functions <- function(bag) {
  names <- setdiff(ls(globalenv()), names(bag$globals))
  spare <- Filter(function(name) {
    f <- binding_value(name, globalenv())
    typeof(f) == "closure" && identical(environment(f), globalenv())
  }, names)
  via <- list(owner = "A function of the script", fun = "its code", strict = FALSE, soft = TRUE)
  for (name in utils::head(spare, spare_limit)) collect_name(name, globalenv(), TRUE, via, bag)
  collect_queue(bag)
}

#' Whether something that may be of use, or may not, is small and can travel at all
#' @noRd
is_spare <- function(value, name) {
  is.function(value) || (utils::object.size(value) <= spare_size && is.raw(serialize_exactly(value, name)))
}
