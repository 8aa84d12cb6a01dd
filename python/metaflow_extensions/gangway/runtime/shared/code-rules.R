# Which arguments R evaluates as they stand. A name counts as missing only in such a place, so whatever is not
# known to be one is taken as non-standard evaluation: better a late error than a false one.

# Names that exist where they are written for reasons that no search shows.
always_defined <- c("self", "private", "super", "T", "F")

# Closures of base R whose arguments are all values although their code looks at the call, or passes it on.
plain_functions <- c(
  "c", "list", "data.frame", "cbind", "rbind", "paste", "paste0", "cat", "print", "stop", "warning", "message",
  "stopifnot", "suppressWarnings", "suppressMessages", "matrix", "array", "factor", "log", "round", "signif", "rep",
  "mean", "summary", "seq", "sort", "rev", "unique", "head", "tail", "format", "toString", "as.data.frame", "sapply",
  "lapply", "vapply", "Map", "mapply", "Filter", "Reduce", "do.call", "identity", "invisible", "return", "tryCatch",
  "withCallingHandlers", "on.exit", "saveRDS", "readRDS", "write.csv", "merge", "nrow", "ncol", "vapply", "system.time"
)

# These define names that no reading of the code shows: with one of them about, nothing counts as missing.
dynamic_functions <- c(
  "library", "require", "attach", "source", "sys.source", "load", "list2env", "parse", "str2lang", "data", "load_all",
  "source_python", "attachNamespace", "str2expression", "parse_expr", "env_bind", "local_bindings", "setRefClass",
  "setClass", "setGeneric", "setMethod"
)
dynamic_packages <- c("box", "import", "pacman", "modules")

# Functions whose first argument names a variable, which exists from then on.
defining_functions <- c("assign", "delayedAssign", "exists", "get0", "makeActiveBinding")

# Pipes and assignments that packages add.
pipe_operators <- c("%>%", "%T>%", "%<>%", "%!>%", "%|>%")
assigning_operators <- c("%<-%", "%->%", "%<>%", ":=", "%<-l%", "%<>-%")

# What makes a function look at its arguments as code.
code_looking <- c("substitute", "match.call", "sys.call", "bquote", "enquo", "enquos", "ensym", "quo", "evalq")

# These ask for the code of an argument of the function around them.
capturing_functions <- c("enquo", "enquos", "ensym", "ensyms", "enexpr", "enexprs", "enquo0", "enexpr0")

#' How a call's arguments are evaluated
#'
#' @param name Name of the function called.
#' @param env Where it is called from.
#' @return `"all"`, `"first"` (a generic: the argument that it dispatches on) or `"none"`.
#' @noRd
evaluates <- function(name, env) {
  if (name %in% plain_functions && is_of_base(name, env)) {
    return("all")
  }
  f <- function_called(name, env)
  if (is.null(f)) {
    return("none")
  }
  if (is.primitive(f)) {
    return(if (typeof(f) == "builtin") "all" else "none")
  }
  if (!is_of_base(name, env)) {
    return("none")
  }
  used <- all.names(body(f))
  if (any(code_looking %in% used)) {
    "none"
  } else if ("UseMethod" %in% used || "standardGeneric" %in% used) {
    "first"
  } else {
    "all"
  }
}

# What the package conflicted calls ambiguous is an error to look at.
function_called <- function(name, env) {
  tryCatch(get0(name, envir = env, mode = "function"), error = function(e) NULL)
}

is_of_base <- function(name, env) {
  f <- function_called(name, env)
  if (is.null(f) || is.primitive(f)) {
    return(!is.null(f))
  }
  home <- environment(f)
  isNamespace(home) && environmentName(home) %in% c("base", "stats", "utils", "methods", "grDevices", "graphics")
}
