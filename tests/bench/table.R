# A benchmark's figures, as rows of the table that `make bench` prints at its end; table.py has the same for Python, and
# says what the arguments are.

row <- function(key, what, ours, unit = "s", peer = "", theirs = NA, ratio = NA, most = NA, least = NA) {
  measured <- if (is.na(ratio)) ours else ratio
  met <- (nzchar(peer) && is.na(theirs)) || ((is.na(most) || measured <= most) && (is.na(least) || measured >= least))
  file <- Sys.getenv("GANGWAY_BENCH_TABLE")
  if (nzchar(file)) {
    fields <- list(key = key, what = what, ours = ours, unit = unit, peer = peer, theirs = theirs, ratio = ratio,
      most = most, least = least, met = met, file = basename(sub("^--file=", "", grep("^--file=", commandArgs(),
        value = TRUE))))
    cat(jsonlite::toJSON(lapply(fields, unname), auto_unbox = TRUE, na = "null", digits = NA), "\n", file = file,
      sep = "", append = TRUE)
  }
  met
}
