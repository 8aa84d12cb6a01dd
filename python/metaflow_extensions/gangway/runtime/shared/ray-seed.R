# Random numbers: one L'Ecuyer-CMRG stream an element, as the package future.apply makes them, so that the result
# depends on the seed alone and not on chunks, workers and deaths.

element_seeds <- function(n, seed) {
  if (is.null(seed) || isFALSE(seed)) {
    return(NULL)
  }
  state <- stream_seed(seed)
  # The session's own numbers move on, or the next map would draw the same.
  if (isTRUE(seed)) sample.int(1L)
  seeds <- vector("list", n)
  for (i in seq_len(n)) {
    # A substream for the element, so that it can make streams of its own.
    seeds[[i]] <- parallel::nextRNGSubStream(state)
    state <- parallel::nextRNGStream(state)
  }
  seeds
}

is_stream_seed <- function(x) is.numeric(x) && length(x) == 7L && all(is.finite(x)) && x[1L] %% 10000L == 407L

# TRUE: the session's state where it is such a stream, else one drawn from it.
stream_seed <- function(seed) {
  if (is_stream_seed(seed)) {
    return(as.integer(seed))
  }
  if (!isTRUE(seed) && !(is.numeric(seed) && length(seed) == 1L && is.finite(seed))) {
    ray_stop("argument", "`.seed` is TRUE, FALSE, a number, or a state of L'Ecuyer-CMRG.")
  }
  global <- globalenv()
  old <- get0(".Random.seed", global, inherits = FALSE)
  if (isTRUE(seed) && is_stream_seed(old)) {
    return(old)
  }
  kinds <- RNGkind("L'Ecuyer-CMRG")
  on.exit({
    RNGkind(kinds[1L])
    if (is.null(old)) rm(".Random.seed", envir = global) else assign(".Random.seed", old, envir = global)
  })
  if (!isTRUE(seed)) set.seed(seed)
  get(".Random.seed", global)
}

use_seed <- function(seed) assign(".Random.seed", seed, envir = globalenv())
