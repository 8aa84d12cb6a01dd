# Values between R and Python. `py` holds the functions that Python provides (r/session.py).

py <- NULL

# What is also a plain Python value: NULL and scalars without attributes that are not NA.
is_plain <- function(x) {
  is.null(x) || (
    is.atomic(x) && length(x) == 1L && is.null(attributes(x)) &&
      switch(typeof(x),
        logical = , integer = !is.na(x),
        double = is.nan(x) || !is.na(x),
        character = !is.na(x) && is_unicode(x),
        FALSE
      )
  )
}

# Python's text is Unicode. Where bytes without a declared encoding are none, enc2utf8() would make other ones of them.
is_unicode <- function(x) {
  text <- enc2utf8(x)
  Encoding(x) != "bytes" && validUTF8(text) && (Encoding(x) != "unknown" || identical(charToRaw(text), charToRaw(x)))
}

# A description that Python keeps with the bytes, as one character vector: type, version of R, length, dimensions,
# what restore_value() has to do, whether it is opaque, and the classes. Nothing that the class's own methods say may
# fail it.
describe <- function(x, restore) {
  own <- function(expr, otherwise) tryCatch(expr, error = function(e) otherwise)
  size <- own(length_of(x), NA)
  if (length(size) != 1L || !is.finite(size) || size < 0) size <- held_by(x)
  dim <- own(dim_of(x), NULL)
  c(
    typeof(x), as.character(getRversion()), sprintf("%.0f", size),
    paste(if (!anyNA(dim)) dim, collapse = " "), paste(restore, collapse = " "),
    if (own(is_opaque(x), FALSE)) "opaque" else "", ifelse(is.na(class(x)), "NA", class(x))
  )
}

# What R's length() is without methods.
held_by <- function(x) if (is.environment(x)) length(ls(x, all.names = TRUE)) else length(unclass(x))

# Whether it is an S4 object that is one thing: its class has methods for neither its length nor its elements.
is_opaque <- function(x) typeof(x) == "S4" && !has_method(x, "length") && !has_method(x, "[[")

# Primitives find methods from where they are called, and package methods is not to be seen from here.
has_method <- function(x, generic) {
  length(findMethods(generic, classes = is(x))) > 0L ||
    any(vapply(class(x), function(class) !is.null(utils::getS3method(generic, class, optional = TRUE)), NA))
}
environment(has_method) <- asNamespace("methods")

# So these are called as from the user's own code; nor would a data.table be one for a function of a namespace.
as_users <- function(f) {
  environment(f) <- globalenv()
  f
}
length_of <- as_users(function(x) base::as.numeric(if (base::is.data.frame(x)) base::nrow(x) else base::length(x)))
dim_of <- as_users(function(x) base::as.integer(base::dim(x)))
row_of <- as_users(function(x, i) x[i, , drop = FALSE])
element_of <- as_users(function(x, i) x[[i]])

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

# Python takes the bytes as they are written (engine/stream.py): here they would be held twice. For little that is
# not worth a pipe. Returns a list of their `size` and, if they are here, `bytes`: a list of the raw vector.
write_out <- function(x, hook) {
  if (is_small(x)) {
    bytes <- serialize_watched(x, NULL, hook)
    return(list(size = length(bytes), bytes = list(bytes)))
  }
  to <- file(decode(py$open_stream()), "wb", raw = TRUE)
  tryCatch(serialize_watched(x, to, hook), finally = close(to))
  list(size = decode(py$stream_size()))
}

# object.size() does not see what is in environments, and takes its time for a million strings.
is_small <- function(x) {
  !is.environment(x) && !is.function(x) && !isS4(x) && length(unclass(x)) < 1e5 && utils::object.size(x) < 1e5
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
    parts = fill_placeholders(unserialize(answer[[2]]), lapply(answer[[3]], decode)),
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
  asked({
    held <<- restore_value(unserialize(data), restore)
    suppressPackageStartupMessages(load_methods(held))
    list("plain", NULL)
  })
}

release <- function() held <<- NULL

# The element with a number or a name.
held_element <- function(i) {
  asked({
    element <- if (is.data.frame(held) && is.numeric(i)) row_of(held, i) else element_of(in_order(held, i), i)
    encode(element, paste0("[[", i, "]]"))
  })
}

held_length <- function() {
  asked(list("plain", if (!is_opaque(held)) length_of(held)))
}

# What R cannot give is Python's to say: "refused", the message, and the classes of R's error.
asked <- function(expr) {
  tryCatch(expr, error = function(e) list("refused", c(conditionMessage(e), class(e))))
}

# A foreach goes over a plain environment in the order of its names.
in_order <- function(x, i = 1L) {
  if (is.environment(x) && !is.object(x) && is.numeric(i)) as.list(x, all.names = FALSE, sorted = TRUE) else x
}

# The number of elements, or why there are none.
held_count <- function() {
  tryCatch(
    {
      x <- in_order(held)
      if (length(x)) x[[1L]]
      as.numeric(length(x))
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
