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

describe <- function(x) {
  list(
    class = class(x), type = typeof(x), dim = dim(x),
    length = as.numeric(if (is.data.frame(x)) nrow(x) else length(x))
  )
}

encode <- function(x) {
  if (is_plain(x) || inherits(x, "gangway_python")) {
    return(list("plain", if (is.character(x)) enc2utf8(x) else x))
  }
  list("r", serialize(x, NULL, version = 3L), describe(x))
}

decode <- function(answer) {
  switch(answer[[1]],
    plain = answer[[2]],
    r = unserialize(answer[[2]]),
    error = stop(structure(
      class = c("gangway_error_task", "gangway_error", "error", "condition"),
      list(message = answer[[2]], call = NULL)
    ))
  )
}

describe_bytes <- function(data) describe(unserialize(data))

element <- function(data, i) {
  x <- unserialize(data)
  encode(if (is.data.frame(x)) x[i, , drop = FALSE] else x[[i]])
}
