# Values between R and Python. `py` holds the functions that Python provides (session.py).

py <- NULL

# What is also a plain Python value: NULL and scalars without attributes that are not NA.
is_plain <- function(x) {
  is.null(x) || (
    is.atomic(x) && length(x) == 1L && is.null(attributes(x)) &&
      switch(typeof(x),
        logical = , integer = !is.na(x),
        double = is.nan(x) || !is.na(x),
        character = !is.na(x) && Encoding(x) != "bytes" && validUTF8(enc2utf8(x)),
        FALSE
      )
  )
}

# A description that Python keeps with the bytes, as one character vector: type, version of R, length, dimensions,
# what restore_value() has to do, and the classes. Nothing that the class's own methods say may fail it.
describe <- function(x, restore) {
  own <- function(expr, otherwise) tryCatch(expr, error = function(e) otherwise)
  size <- own(as.numeric(if (is.data.frame(x)) nrow(x) else length(x)), length(unclass(x)))
  dim <- own(as.integer(dim(x)), NULL)
  c(
    typeof(x), as.character(getRversion()), sprintf("%.0f", if (length(size) == 1L && !is.na(size)) size else 0),
    paste(if (!anyNA(dim)) dim, collapse = " "), paste(restore, collapse = " "), class(x)
  )
}

# "plain" and a value, or "r", a description and the bytes, unless Python has taken them from write_out() already.
# `name` is how the user calls x.
encode <- function(x, name = "x") {
  if (is_plain(x) || inherits(x, "gangway_python")) {
    return(list("plain", if (is.character(x)) enc2utf8(x) else x))
  }
  references <- watch_references()
  written <- write_out(x, references$hook)
  seen <- references$seen()
  restore <- tables_in(x, seen)
  if (seen$bad && !is.null(find_unserializable(x))) {
    packed <- pack_inside(x)
    lost <- if (references_in(packed$value)$bad) find_unserializable(packed$value, name)
    if (!is.null(lost)) refuse(lost)
    written <- write_out(packed$value, NULL)
    restore <- c(packed$restore, restore)
  }
  packages <- packages_of_classes(classes_in(x))
  if (length(packages)) restore <- c(restore, paste0("package:", packages))
  if (seen$environments) warn_dragged(x, name, written$size)
  c(list("r", describe(x, restore)), written$bytes)
}

# Python takes the bytes as they are written (stream.py): here they would be held twice. For little that is not worth
# a pipe. Returns a list of their `size` and, if they are here, `bytes`: a list of the raw vector.
write_out <- function(x, hook) {
  if (is_small(x)) {
    bytes <- serialize_watched(x, NULL, hook)
    return(list(size = length(bytes), bytes = list(bytes)))
  }
  to <- file(decode(py$open_stream()), "wb", raw = TRUE)
  tryCatch(serialize_watched(x, to, hook), finally = close(to))
  list(size = decode(py$stream_size()))
}

# object.size() does not see what is in environments.
is_small <- function(x) {
  !is.environment(x) && !is.function(x) && !isS4(x) && utils::object.size(x) < 1e5
}

refuse <- function(lost) {
  stop("`", lost$path, "` (", paste(lost$class, collapse = "/"), ") cannot be kept as an artifact: ",
    lost$reason, ". ", lost$advice,
    call. = FALSE
  )
}

decode <- function(answer) {
  switch(answer[[1]],
    plain = answer[[2]],
    r = restore_value(unserialize(answer[[2]]), answer[[3]]),
    parts = fill_in(unserialize(answer[[2]]), lapply(answer[[3]], decode)),
    error = stop(structure(
      class = c("gangway_error_task", "gangway_error", "error", "condition"),
      list(message = answer[[2]], call = NULL)
    ))
  )
}

# ---- elements of an object that Python holds

# The last object of which an element was asked for: Metaflow counts a foreach's elements one by one.
held <- NULL

hold <- function(data, restore) {
  x <- restore_value(unserialize(data), restore)
  load_methods(x)
  held <<- if (is.environment(x) && !is.object(x)) as.list(x, sorted = TRUE) else x
  NULL
}

release <- function() held <<- NULL

held_element <- function(i) {
  encode(if (is.data.frame(held)) held[i, , drop = FALSE] else held[[i]], paste0("[[", i, "]]"))
}

# The number of elements, or why there are none.
held_count <- function() {
  tryCatch(
    {
      if (length(held)) held[[1L]]
      as.numeric(length(held))
    },
    error = conditionMessage
  )
}

# Without the package that has their `[`, these lose or keep wrong attributes. A missing package is not missed.
class_packages <- c(
  tbl_df = "tibble", grouped_df = "dplyr", rowwise_df = "dplyr", data.table = "data.table", vctrs_vctr = "vctrs",
  rset = "rsample", tune_results = "tune", sf = "sf"
)

load_methods <- function(x) {
  for (package in unique(class_packages[intersect(class(x), names(class_packages))])) {
    requireNamespace(package, quietly = TRUE)
  }
}
