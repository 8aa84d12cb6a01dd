# Names: where they are found, and those that a function uses without naming them as code: in strings, and through R's
# dispatch.

#' Note one name that is used from `env`, wherever it is found between there and the packages
#'
#' @param called Whether it is called as a function.
#' @param read Whether it is used as a variable.
#' @param code Whether the code of it is asked for, as by substitute().
#' @noRd
collect_name <- function(name, env, called, via, bag, read = !called, code = FALSE) {
  if (!isTRUE(via$soft)) utils::sethash(bag$looked, env, c(utils::gethash(bag$looked, env), name))
  repeat {
    global <- identical(env, globalenv())
    if (!global && (is_shared_environment(env) || !is.null(search_name(env)))) break
    if (exists(name, envir = env, inherits = FALSE)) {
      found <- collect_binding(name, env, global, via, bag, called && !read, code)
      if (!called || found) break
    }
    if (global) break
    env <- parent.env(env)
  }
  if (length(bag$search)) collect_searched(name, env, via, bag)
}

# Whether what is bound there is a function; else the search for one goes on.
collect_binding <- function(name, env, global, via, bag, only_called, code) {
  if (!global && code && is_lazy(name, env)) {
    collect_lazy(name, env, via, bag)
    return(FALSE)
  }
  value <- binding_value(name, env, no_value)
  if (is_no_value(value)) {
    if (global || !is_empty(code_of(name, env))) {
      leave(name, env, global, NULL, list(reason = "failed"), bag)
    } else {
      collect_local(name, env, NULL, via, bag)
    }
    return(FALSE)
  }
  is_function <- is.function(value)
  soft <- isTRUE(via$soft)
  if (only_called && !is_function) soft <- via$soft <- TRUE
  if (soft && !is_function && !is_spare(name, value, env, bag)) {
    return(FALSE)
  }
  if (global) collect_global(name, value, via, bag) else collect_local(name, env, value, via, bag)
  is_function
}

collect_global <- function(name, value, via, bag) {
  if (startsWith(name, ".__T__") && is.environment(value)) utils::sethash(bag$tables, value, TRUE)
  old <- bag$globals[[name]]
  soft <- isTRUE(via$soft)
  if (is.null(old) || (old$soft && !soft)) {
    bag$globals[[name]] <- list(value = value, soft = soft)
    collect_captured(name, value, via, bag)
  }
}

collect_local <- function(name, env, value, via, bag) {
  names <- utils::gethash(bag$need, env)
  spare <- utils::gethash(bag$spare, env)
  new <- !name %in% names
  if (new) utils::sethash(bag$need, env, c(names, name))
  if (new || (name %in% spare && !isTRUE(via$soft))) {
    utils::sethash(bag$spare, env, if (isTRUE(via$soft)) c(spare, name) else setdiff(spare, name))
    collect_captured(name, value, via, bag)
  }
}

collect_captured <- function(name, value, via, bag) {
  if (!is.function(value)) {
    bag$captured[[length(bag$captured) + 1L]] <- list(
      name = name, value = value, owner = via$owner, fun = via$fun, soft = isTRUE(via$soft)
    )
    # What no code names is small with all that hangs on it, and travels as it is.
    if (isTRUE(via$soft) || holds_nothing(list(value))) {
      return(invisible())
    }
    via$strict <- FALSE
    via$to_run <- TRUE
    via$fun <- name
  } else if (!is.primitive(value)) {
    via$fun <- paste0("`", name, "()`")
  }
  bag_push(bag, value, via)
}

parsing_functions <- c("parse", "str2lang", "str2expression", "parse_expr", "parse_exprs", "parse_quo")

# do.call("helper"), get("table"), glue("{name}"), parse(text = "name + 1").
collect_strings <- function(scan, env, via, bag) {
  via$strict <- FALSE
  gets <- any(c("get", "get0", "mget", "dynGet", "exists") %in% names(scan$uses))
  parses <- any(parsing_functions %in% c(names(scan$uses), scan$qualified))
  for (text in scan$strings) {
    if (parses) {
      for (name in names_in(text)) collect_name(name, env, FALSE, via, bag, read = TRUE)
    }
    if (nchar(text, "bytes") < 256L && (gets || is_function_name(text, env))) {
      collect_name(text, env, called = !gets, via, bag)
    }
    if (grepl("{", text, fixed = TRUE)) {
      for (name in braced_names(text)) collect_name(name, env, FALSE, via, bag)
    }
  }
}

is_function_name <- function(text, env) {
  f <- function_called(text, env)
  !is.null(f) && !is.primitive(f) && !(is_shared_environment(environment(f)) && !is_script(environment(f)))
}

braced_names <- function(text) {
  names_in(regmatches(text, gregexpr("\\{[^{}]+\\}", text))[[1L]])
}

names_in <- function(text) {
  all.names(tryCatch(parse(text = text, keep.source = FALSE), error = function(e) NULL), unique = TRUE)
}

# An option may be a function, or name one: options(contrasts = c("contr.mine", "contr.poly")).
collect_options <- function(bag) {
  options <- session_settings(bag$policy$named_only, bag$strings)$options
  for (name in names(options)) {
    value <- options[[name]]
    via <- list(owner = "The session", fun = paste0("its option ", name), strict = FALSE)
    if (is.character(value)) {
      for (text in value[!is.na(value)]) {
        if (is_function_name(text, globalenv())) collect_name(text, globalenv(), TRUE, via, bag)
      }
    } else if (!is.atomic(value)) {
      bag_push(bag, value, via)
    }
  }
  collect_queue(bag)
}

# ---- methods

# R calls these by itself, or functions of packages do, as gangway does heals().
implicit_generics <- c(
  names(.knownS3Generics), .S3PrimitiveGenerics, "format", "toString", "$", "[", "[[", "$<-", "[<-", "[[<-", "as",
  "sort", "rev", "unique", "duplicated", "anyDuplicated", "mean", "median", "quantile", "range", "diff", "scale",
  "split", "merge", "within", "with", "transform", "subset", "by", "aggregate", "all.equal", "nobs", "family",
  "simulate", "heals"
)

#' Methods of the script for generics that are used: `print.fit`, S4 classes and methods, what is registered
#' @return Whether there was anything new.
#' @noRd
collect_methods <- function(bag) {
  before <- length(bag$globals) + length(bag$captured) + length(bag$registered)
  generics <- c(bag$called, bag$strings, implicit_generics)
  all <- isTRUE(bag$policy$globals)
  via <- list(owner = "A method", fun = "its code", strict = FALSE)
  for (home in bag$homes) {
    names <- ls(home, all.names = TRUE, sorted = FALSE)
    if (identical(home, globalenv())) names <- setdiff(names, names(bag$globals))
    s4 <- startsWith(names, ".__C__") | startsWith(names, ".__T__")
    # A table of methods is of no use without its generic.
    tables <- startsWith(names, ".__T__")
    generics_here <- sub("^[.]__T__(.*):[^:]*$", "\\1", names[tables & all])
    for (name in names[(s4 & all) | (!s4 & (names %in% generics_here | are_methods(names, generics)))]) {
      if (s4[match(name, names)] || is.function(binding_value(name, home))) collect_name(name, home, FALSE, via, bag)
    }
  }
  if (all) collect_registered(via, bag)
  collect_queue(bag)
  length(bag$globals) + length(bag$captured) + length(bag$registered) > before
}

collect_registered <- function(via, bag) {
  for (method in c(script_methods(), s7_methods())) {
    if (method$key %in% names(bag$registered)) next
    bag$registered[[method$key]] <- method
    via$fun <- paste0("the method ", method$key)
    bag_push(bag, method$method, via)
  }
}

are_methods <- function(names, generics) {
  found <- logical(length(names))
  for (i in grep(".[.].", names)) found[i] <- is_method_name(names[i], generics)
  found
}

is_method_name <- function(name, generics) {
  dots <- gregexpr(".", name, fixed = TRUE)[[1L]]
  dots[1L] > 1L && any(substring(name, 1L, dots - 1L) %in% generics)
}
