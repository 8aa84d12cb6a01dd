# Random R objects of all types, nested: random_object() draws from R's own random numbers.

pick <- function(x) x[[sample.int(length(x), 1L)]]

random_length <- function() pick(c(0L, 1L, 1L, 2L, 5L, 40L))

random_strings <- function(n) {
  alphabet <- c("a", "Z", " ", "\u00fc", "\U1F980", "\n", "\\", "\"", "NA")
  x <- vapply(seq_len(n), function(i) paste(sample(alphabet, sample(0:6, 1), TRUE), collapse = ""), "")
  x[stats::runif(n) < 0.1] <- NA
  if (n && stats::runif(1) < 0.1) {
    x[1] <- "\xfc"
    Encoding(x) <- pick(c("latin1", "bytes"))
  }
  x
}

with_missing <- function(x, values) {
  hit <- stats::runif(length(x)) < 0.2
  x[hit] <- sample(values, sum(hit), TRUE)
  x
}

random_double <- function(n) {
  with_missing(stats::rnorm(n) * 10^sample(c(-300, 0, 300), 1), c(NA, NaN, Inf, -Inf, -0, 0, 2^-1074))
}

atomic_kinds <- list(
  logical = function(n) sample(c(TRUE, FALSE, NA), n, TRUE),
  integer = function(n) with_missing(sample.int(1e6, n, TRUE), c(NA, -.Machine$integer.max)),
  compact = function(n) seq_len(n),
  double = random_double,
  complex = function(n) complex(real = random_double(n), imaginary = random_double(n)),
  character = random_strings,
  raw = function(n) as.raw(sample(0:255, n, TRUE)),
  factor = function(n) factor(sample(c("u", "v", NA), n, TRUE), levels = c("v", "u"), ordered = stats::runif(1) < 0.3),
  date = function(n) as.Date("2024-02-29") + with_missing(sample(-1e4:1e4, n, TRUE), NA),
  time = function(n) {
    as.POSIXct(random_double(n) / 1e300, origin = "1970-01-01", tz = pick(c("", "UTC", "America/Lima")))
  },
  difference = function(n) as.difftime(random_double(n), units = pick(c("secs", "days")))
)

random_atomic <- function(n = random_length()) {
  x <- pick(atomic_kinds)(n)
  if (stats::runif(1) < 0.2) names(x) <- random_strings(length(x))
  if (is.null(attributes(x)) && length(x) == 40L && stats::runif(1) < 0.5) {
    dim(x) <- pick(list(c(8L, 5L), c(2L, 4L, 5L), 40L))
  }
  x
}

random_list <- function(depth) {
  n <- sample(0:4, 1)
  x <- lapply(seq_len(n), function(i) random_object(depth - 1))
  if (stats::runif(1) < 0.6) names(x) <- sample(c("a", "b", "a b", "", "\u00e9"), n, TRUE)
  x
}

random_frame <- function(depth) {
  n <- random_length()
  x <- lapply(seq_len(sample(0:4, 1)), function(i) {
    if (stats::runif(1) < 0.8) pick(atomic_kinds)(n) else lapply(seq_len(n), function(j) random_object(depth - 2))
  })
  names(x) <- make.unique(rep("x", length(x)))
  rows <- if (stats::runif(1) < 0.3) paste0("r", seq_len(n)) else .set_row_names(n)
  structure(x, class = pick(list("data.frame", c("tbl_df", "tbl", "data.frame"))), row.names = rows)
}

random_language <- function(depth) {
  pick(list(
    quote(x), quote(f(x, ..., y = 2)), y ~ a + b:c, expression(a, b + 1), pairlist(a = 1, 2),
    substitute(g(v), list(v = random_object(depth - 1)))
  ))
}

random_function <- function(depth) {
  value <- random_object(depth - 1)
  pick(list(sum, mean, function(x, y = 3) x + y, local(function(x) list(x, value))))
}

random_environment <- function(depth) {
  env <- list2env(stats::setNames(list(random_object(depth - 1), 1), c("a", ".b")), parent = globalenv())
  if (stats::runif(1) < 0.3) env$me <- env
  env
}

random_object <- function(depth = 4) {
  if (depth <= 0) {
    return(if (stats::runif(1) < 0.1) NULL else random_atomic())
  }
  makers <- list(random_list, random_list, random_frame, function(d) random_atomic(), random_language, random_function,
    random_environment, function(d) NULL)
  x <- pick(makers)(depth)
  if (is.vector(x) && stats::runif(1) < 0.1) {
    attr(x, "more") <- random_object(depth - 2)
    if (stats::runif(1) < 0.5) class(x) <- c("mine", "yours")
  }
  x
}

# The objects of one seed; the generator is the same whatever the session has drawn before.
random_objects <- function(seed, n) {
  suppressWarnings(RNGversion("4.0.0"))
  set.seed(seed)
  lapply(seq_len(n), function(i) random_object())
}
