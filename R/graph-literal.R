# R values as Python source. Whatever has no exact counterpart is an error that names the place: a
# decorator's argument that is silently changed is found out much later, on another machine.

python_dialect <- list(
  null = "None", true = "True", false = "False", special = "float(\"%s\")", whole = FALSE, expressions = TRUE
)
# Decorators count things (cpu = 2, times = 3), and in R whoever writes 2 means Python's 2.
count_dialect <- utils::modifyList(python_dialect, list(whole = TRUE))
# Python's json module reads NaN and Infinity.
json_dialect <- list(null = "null", true = "true", false = "false", special = "%s", whole = FALSE, expressions = FALSE)

#' Write an R value as a Python literal
#'
#' @param x A value: NULL, logical, integer, double, character, factor, or a list of such.
#'   A vector of length 1 is a scalar, `I(1)` a list of one; names make a dictionary.
#' @param where What to call the value in an error: `"argument cpu of decorator batch"`.
#' @param dialect One of `python_dialect`, `count_dialect`, `json_dialect`.
#' @param class Class of the condition, beside `gangway_error_literal`.
#' @return One string of Python (or JSON) source.
#' @noRd
py_literal <- function(x, where = "the value", dialect = python_dialect, class = NULL,
                       call = rlang::caller_env()) {
  refuse <- function(what, advice = NULL, path = "") {
    at <- if (nzchar(path)) paste0(" (at ", path, ")") else ""
    gangway_abort(c(
      paste0("Cannot write {what} as Python in {where}{at}."),
      i = advice %||% "Python takes NULL, logicals, numbers, strings, factors, and lists or named lists of those."
    ), class = c(class, "gangway_error_literal"), call = call)
  }
  literal_value(x, dialect, refuse, "")
}

literal_value <- function(x, dialect, refuse, path) {
  if (is.null(x)) {
    return(dialect$null)
  }
  if (is_config_expr(x)) {
    if (!dialect$expressions) refuse("a config_expr()", "JSON has none: let it be the whole value.", path)
    return(config_expr_call(x))
  }
  as_list <- inherits(x, "AsIs")
  if (as_list) {
    class(x) <- setdiff(class(x), "AsIs")
  }
  if (is.factor(x)) {
    x <- stats::setNames(as.character(x), names(x))
  }
  check_plain(x, refuse, path)
  if (!is.null(names(x))) {
    return(literal_dict(x, dialect, refuse, path))
  }
  if (is.atomic(x) && length(x) == 1L && !as_list) {
    return(literal_scalar(x[[1L]], dialect, refuse, path))
  }
  paste0("[", paste(literal_items(x, dialect, refuse, path), collapse = ", "), "]")
}

check_plain <- function(x, refuse, path) {
  if (is.function(x)) {
    refuse("a function", path = path)
  }
  if (is.environment(x)) {
    refuse("an environment", path = path)
  }
  # glue() and the like make classed strings that are still just strings.
  classed <- is.object(x) && !(is.character(x) && inherits(x, "character"))
  if (classed) {
    refuse(paste0("a <", class(x)[[1L]], ">"), "Convert it first, for example with `as.character()`.", path)
  }
  if (!is.null(dim(x))) {
    refuse("a matrix", "Give a list of its rows.", path)
  }
  if (!is.logical(x) && !is.integer(x) && !is.double(x) && !is.character(x) && !is.list(x)) {
    refuse(paste("a value of type", typeof(x)), path = path)
  }
}

literal_dict <- function(x, dialect, refuse, path) {
  keys <- names(x)
  if (anyNA(keys) || any(!nzchar(keys))) {
    refuse("a list of which only some elements have names", "Name all elements, or none.", path)
  }
  if (anyDuplicated(keys)) {
    refuse(paste0("the name \"", keys[duplicated(keys)][[1L]], "\", used twice,"), "Use each name once.", path)
  }
  values <- literal_items(x, dialect, refuse, path)
  pairs <- paste0(vapply(keys, py_string, "", USE.NAMES = FALSE), rep(": ", length(keys)), values)
  paste0("{", paste(pairs, collapse = ", "), "}")
}

literal_items <- function(x, dialect, refuse, path) {
  labels <- if (is.null(names(x))) paste0("[[", seq_along(x), "]]") else paste0("$", names(x))
  item <- if (is.list(x)) literal_value else literal_scalar
  vapply(seq_along(x), function(i) item(x[[i]], dialect, refuse, paste0(path, labels[[i]])), "")
}

literal_scalar <- function(x, dialect, refuse, path) {
  if (is.na(x) && !is.nan(x)) {
    refuse("a missing value (NA)", "Leave the argument out, or give NULL for Python's None.", path)
  }
  switch(typeof(x),
    logical = if (x) dialect$true else dialect$false,
    integer = format(x, scientific = FALSE),
    double = literal_double(x, dialect),
    character = {
      if (!is_text(x)) {
        refuse("a string that is not valid text", "Give its encoding with `Encoding()` or `iconv()`.", path)
      }
      py_string(x)
    }
  )
}

#' The shortest usual form of a double that Python reads back as the same number
#' @noRd
literal_double <- function(x, dialect) {
  if (!is.finite(x)) {
    name <- if (is.nan(x)) "NaN" else if (x > 0) "Infinity" else "-Infinity"
    return(sprintf(dialect$special, name))
  }
  size <- abs(x)
  if (x == trunc(x) && size < 1e15) {
    # 1 / -0 is -Inf: Python's -0 would be the integer 0.
    whole <- sprintf("%.0f", x)
    return(if (dialect$whole && !(x == 0 && 1 / x < 0)) whole else paste0(whole, ".0"))
  }
  # Within these bounds R reads 15 digits without rounding twice, so the comparison can be trusted.
  short <- sprintf("%.15g", x)
  if (size >= 1e-5 && size < 1e15 && identical(as.numeric(short), x)) {
    return(short)
  }
  long <- sprintf("%.17g", x)
  if (grepl("[.e]", long)) long else paste0(long, ".0")
}

#' A string in UTF-8
#'
#' A script that is read in the C locale, as in most containers, has strings whose bytes are UTF-8
#' and whose encoding is unknown.
#' @noRd
as_utf8 <- function(x) {
  x <- as.character(x)
  if (Encoding(x) == "unknown" && validUTF8(x)) {
    Encoding(x) <- "UTF-8"
  }
  enc2utf8(x)
}

is_text <- function(x) {
  unknown <- Encoding(x) == "unknown" && !validUTF8(x)
  native <- l10n_info()
  Encoding(x) != "bytes" && validUTF8(as_utf8(x)) && !(unknown && (native[["UTF-8"]] || !native[["Latin-1"]]))
}

#' A string as Python writes it, and with double quotes JSON as well
#' @noRd
py_string <- function(x, quote = "\"") {
  x <- as_utf8(x)
  x <- gsub("\\", "\\\\", x, fixed = TRUE)
  x <- gsub(quote, paste0("\\", quote), x, fixed = TRUE)
  x <- gsub("\n", "\\n", x, fixed = TRUE)
  x <- gsub("\r", "\\r", x, fixed = TRUE)
  x <- gsub("\t", "\\t", x, fixed = TRUE)
  # Control characters, and those that some programs take for line ends or that turn text around.
  hidden <- c(1:8, 11, 12, 14:31, 127:159, 0x200b:0x200f, 0x2028:0x202e, 0x2066:0x2069, 0xfeff)
  for (code in intersect(utf8ToInt(x), hidden)) {
    x <- gsub(intToUtf8(code), sprintf("\\u%04x", code), x, fixed = TRUE)
  }
  Encoding(x) <- "UTF-8"
  paste0(quote, x, quote)
}

python_keywords <- c(
  "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
  "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
  "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"
)

#' Is this a name that Python takes?
#'
#' ASCII only: Metaflow puts such names into paths, command lines and cloud resources.
#' @noRd
is_identifier <- function(x) {
  is_string(x) && grepl("^[A-Za-z_][A-Za-z0-9_]*$", x) && !x %in% python_keywords
}

is_string <- function(x) is.character(x) && length(x) == 1L && !is.na(x)

is_bool <- function(x) is.logical(x) && length(x) == 1L && !is.na(x)

`%||%` <- function(x, y) if (is.null(x)) y else x
