# Vega and Vega-Lite charts of a card: lists, as JSON.

is_chart <- function(x) {
  is.list(x) && (inherits(x, c("vegaspec", "vega", "vegalite")) || !is.object(x)) && any(names(x) %in% c(
    "$schema", "mark", "marks", "layer", "hconcat", "vconcat", "concat", "facet", "repeat"
  ))
}

# A vector of length one is a scalar unless I() keeps it an array; a data frame is an array of its rows; NA is null.
as_json <- function(x) {
  array <- function(texts) paste0("[", paste(texts, collapse = ","), "]")
  if (is.null(x)) {
    "null"
  } else if (is.data.frame(x)) {
    cells <- Map(function(name, column) paste0(json_string(name), ":", json_values(column)), names(x), x)
    array(if (nrow(x)) paste0("{", do.call(paste, c(unname(cells), sep = ",")), "}"))
  } else if (is.list(x) && length(names(x))) {
    paste0("{", paste0(json_string(names(x)), ":", vapply(x, as_json, ""), collapse = ","), "}")
  } else if (is.list(x)) {
    array(vapply(x, as_json, ""))
  } else if (is.matrix(x)) {
    array(apply(x, 1L, function(row) array(json_values(row))))
  } else {
    texts <- json_values(x)
    if (length(texts) == 1L && !inherits(x, "AsIs")) texts else array(texts)
  }
}

# Each element of a vector.
json_values <- function(x) {
  if (is.list(x)) {
    return(vapply(x, as_json, ""))
  }
  if (inherits(x, "POSIXt")) x <- format(x, "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC")
  if (is.object(x) && !inherits(x, "AsIs")) x <- if (inherits(x, "difftime")) as.numeric(x) else as.character(x)
  texts <- switch(typeof(x),
    logical = ifelse(x, "true", "false"),
    integer = as.character(x),
    double = ifelse(is.finite(x), formatC(c(x), digits = 15L, format = "g", width = 1L, decimal.mark = "."), NA),
    character = json_string(x),
    card_stop("append(): a chart cannot hold an object of class ", class(x)[1L])
  )
  ifelse(is.na(x), "null", ifelse(is.na(texts), "null", texts))
}

json_string <- function(x) {
  x <- gsub("([\\\\\"])", "\\\\\\1", enc2utf8(as.character(x)))
  x <- gsub("\n", "\\\\n", gsub("\r", "\\\\r", gsub("\t", "\\\\t", x)))
  paste0("\"", gsub("[[:cntrl:]]", " ", x), "\"")
}
