# Random numbers: one L'Ecuyer-CMRG stream an element, as the package future.apply makes them, so that the result
# depends on the seed alone and not on chunks, workers and deaths.

element_seeds <- function(n, seed) {
  if (is.null(seed) || isFALSE(seed)) {
    return(NULL)
  }
  state <- stream_seed(seed)
  seeds <- vector("list", n)
  for (i in seq_len(n)) {
    # A substream for the element, so that it can make streams of its own.
    seeds[[i]] <- parallel::nextRNGSubStream(state)
    state <- parallel::nextRNGStream(state)
  }
  # The caller's own numbers move on, or the next map would draw the same.
  if (isTRUE(seed)) move_on(state)
  seeds
}

is_stream_seed <- function(x) is.numeric(x) && length(x) == 7L && all(is.finite(x)) && x[1L] %% 10000L == 407L

# TRUE: the caller's state where it is such a stream, else one drawn from it.
stream_seed <- function(seed) {
  if (is_stream_seed(seed)) {
    return(as.integer(seed))
  }
  global <- globalenv()
  old <- get0(".Random.seed", global, inherits = FALSE)
  if (isTRUE(seed)) {
    if (is_stream_seed(old)) {
      return(old)
    }
    seed <- sample.int(.Machine$integer.max, 1L)
    old <- get(".Random.seed", global)
  } else if (!is.numeric(seed) || length(seed) != 1L || is.na(seed)) {
    ray_stop("argument", "`.seed` is TRUE, FALSE, a number, or a state of L'Ecuyer-CMRG.")
  }
  kinds <- RNGkind("L'Ecuyer-CMRG", "default", "default")
  on.exit({
    RNGkind(kinds[1L], kinds[2L], kinds[3L])
    if (is.null(old)) rm(".Random.seed", envir = global) else assign(".Random.seed", old, envir = global)
  })
  set.seed(seed)
  get(".Random.seed", global)
}

move_on <- function(state) {
  global <- globalenv()
  if (is_stream_seed(get0(".Random.seed", global, inherits = FALSE))) assign(".Random.seed", state, envir = global)
}

use_seed <- function(seed) assign(".Random.seed", seed, envir = globalenv())
