# Dates, times and data frames as the text and JSON by which parameters are given (r/parameters.py reads it). The
# package writes defaults and values of run() with it, a task what the function of a default returns. Base R only;
# R/parameter-text.R is a link to this file. `refuse` is called with what is wanted, and does not return.

date_pattern <- "[0-9]{4}-[0-9]{2}-[0-9]{2}"
time_pattern <- paste0(
  date_pattern, "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?)?",
  " ?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
)

text_of_date <- function(x, refuse) {
  if (length(x) == 1L && inherits(x, "Date")) x <- date_texts(x)
  if (!is_iso(x, date_pattern)) refuse("a date (Sys.Date(), or \"2026-11-29\")")
  x
}

text_of_time <- function(x, refuse) {
  if (length(x) == 1L && inherits(x, "POSIXt")) x <- time_texts(as.POSIXct(x))
  if (!is_iso(x, time_pattern)) refuse("a time (Sys.time(), or \"2026-11-29T08:30:00Z\")")
  x
}

is_iso <- function(x, pattern) {
  is.character(x) && length(x) == 1L && !is.na(x) && grepl(paste0("^", pattern, "$"), x) &&
    !startsWith(x, "0000") && !is.na(as.Date(substr(x, 1L, 10L), format = "%Y-%m-%d"))
}

# NA for what no such text has: part of a day, and years beyond four digits.
date_texts <- function(x) {
  days <- as.numeric(x)
  day <- as.POSIXlt(x)
  text <- sprintf("%04d-%02d-%02d", as.integer(day$year + 1900), as.integer(day$mon + 1L), as.integer(day$mday))
  ifelse(is.finite(days) & days == floor(days) & days >= -719162 & days <= 2932896, text, NA)
}

# In UTC, to the microsecond, which is what Python's times have.
time_texts <- function(x) {
  micro <- round(as.numeric(x) * 1e6)
  seconds <- floor(micro / 1e6)
  clock <- as.POSIXlt(seconds, origin = "1970-01-01", tz = "UTC")
  day <- date_texts(as.Date(clock))
  fraction <- micro - seconds * 1e6
  ifelse(is.na(day), NA, paste0(
    day, sprintf("T%02d:%02d:%02d", as.integer(clock$hour), as.integer(clock$min), as.integer(floor(clock$sec))),
    ifelse(fraction == 0, "", sprintf(".%06.0f", fraction)), "Z"
  ))
}

# The columns of a data frame by name, each a list with NULL for NA; `_row`, if rows have names; `_types`, what JSON
# does not tell.
frame_lists <- function(x, refuse) {
  keys <- names(x)
  if (!class(x)[1L] %in% c("data.frame", "tbl_df", "data.table")) {
    refuse(paste0("a data frame, tibble or data.table (as.data.frame() makes one of a ", class(x)[1L], ")"))
  }
  if (anyNA(keys) || !all(nzchar(keys)) || anyDuplicated(keys) || any(c("_row", "_types") %in% keys)) {
    refuse("a data frame whose columns have names of their own, other than _row and _types")
  }
  types <- lapply(stats::setNames(keys, keys), function(key) column_type(.subset2(x, key), key, refuse))
  columns <- lapply(stats::setNames(keys, keys), function(key) column_list(.subset2(x, key)))
  if (.row_names_info(x) > 0L) columns[["_row"]] <- as.list(attr(x, "row.names"))
  types <- types[!vapply(types, is.null, NA)]
  if (length(types)) columns[["_types"]] <- types
  columns
}

# A type's name, the levels of a factor, or NULL where the values tell it.
column_type <- function(x, key, refuse) {
  if (identical(class(x), "factor")) {
    return(as.list(levels(x)))
  }
  if (identical(class(x), "Date")) {
    return("Date")
  }
  if (inherits(x, "POSIXct")) {
    return("POSIXct")
  }
  if (!is.null(attributes(x)) || !typeof(x) %in% c("logical", "integer", "double", "character")) {
    refuse(paste0(
      "a data frame of logicals, numbers, strings, factors, dates and times (its column ", key, " is a ",
      class(x)[1L], ")"
    ))
  }
  if (all(is_na(x)) && !is.logical(x)) typeof(x)
}

column_list <- function(x) {
  if (inherits(x, "Date")) x <- date_texts(x)
  if (inherits(x, "POSIXct")) x <- time_texts(x)
  if (is.factor(x)) x <- as.character(x)
  missing <- is_na(x)
  x <- as.list(x)
  x[missing] <- list(NULL)
  x
}

is_na <- function(x) is.na(x) & !(if (is.double(x)) is.nan(x) else FALSE)
