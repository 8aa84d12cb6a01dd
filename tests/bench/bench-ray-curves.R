# What Ray from R costs as the work grows, on a local cluster of two cores: ray_map() over 10 to 100,000 elements, and
# ray_put() with ray_get() of 1 kB to 1 GB. Prints both curves.
#
# Limits: the last decade of each costs at most 1.5 times the one before it, an element or a byte.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

seconds <- function(expr) system.time(expr, gcFirst = FALSE)[["elapsed"]]
# The best of some: what else runs on the machine only adds.
best <- function(f, rounds) min(vapply(seq_len(rounds), function(i) seconds(f()), 0))
curve <- function(sizes, run, rounds) {
  vapply(seq_along(sizes), function(i) best(function() run(sizes[i]), rounds[i]), 0)
}
show_curve <- function(title, sizes, took, per, scale) {
  cat("\n", title, "\n", sep = "")
  for (i in seq_along(sizes)) {
    cat(sprintf("%14s  %9.4f s  %10.3f %s\n", format(sizes[i], big.mark = ",", scientific = FALSE), took[i],
      took[i] / sizes[i] * scale, per))
  }
}
of_last_decade <- function(sizes, took) {
  each <- took / sizes
  each[length(each)] / each[length(each) - 1L]
}

invisible(ray_init(cpus = 2))
add_one <- function(x) x + 1
invisible(ray_map(1:100, add_one))

elements <- 10^(1:5)
rounds <- c(5L, 5L, 5L, 5L, 3L)
trivial <- curve(elements, function(n) ray_map(seq_len(n), add_one), rounds)
show_curve("ray_map(), trivial calls", elements, trivial, "us an element", 1e6)

# Each element a vector of 1 kB, so that there is something to send.
vectors <- curve(elements, function(n) ray_map(rep(list(numeric(128)), n), sum), rounds)
show_curve("ray_map(), elements of 1 kB", elements, vectors, "us an element", 1e6)

bytes <- 10^(3:9)
kinds <- list(
  numbers = function(n) numeric(n / 8),
  raw = function(n) raw(n),
  list = function(n) rep(list(numeric(118)), max(1, n / 1000))
)
copies <- lapply(names(kinds), function(kind) {
  took <- vapply(seq_along(bytes), function(i) {
    x <- kinds[[kind]](bytes[i])
    best(function() ray_get(ray_put(x)), if (bytes[i] < 1e8) 5L else 3L)
  }, 0)
  show_curve(paste0("ray_put() and ray_get(), ", kind), bytes, took, "ms a MB", 1e9)
  took
})
names(copies) <- names(kinds)
ray_shutdown()

last <- length(elements)
met <- c(
  row("curve-map", "ray_map() of 100,000 trivial calls", trivial[last], peer = "ten times 10,000",
    theirs = 10 * trivial[last - 1L], ratio = of_last_decade(elements, trivial), most = 1.5),
  row("curve-map-kb", "ray_map() over 100,000 vectors of 1 kB", vectors[last], peer = "ten times 10,000",
    theirs = 10 * vectors[last - 1L], ratio = of_last_decade(elements, vectors), most = 1.5),
  vapply(names(copies), function(kind) {
    took <- copies[[kind]]
    row(paste0("curve-put-", kind), paste0("ray_put() and ray_get() of 1 GB (", kind, ")"), took[7L],
      peer = "ten times 100 MB", theirs = 10 * took[6L], ratio = of_last_decade(bytes, took), most = 1.5)
  }, NA)
)
quit(status = if (all(met)) 0L else 1L)
