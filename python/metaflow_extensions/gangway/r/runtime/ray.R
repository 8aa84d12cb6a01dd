# Ray from a step's function: the calling side, in the control task, and the side of Ray's workers.

# ---- in the control task

ray_map <- function(x, f, ..., .chunk = NULL) {
  if (inherits(f, "formula")) f <- rlang::as_function(f)
  f <- match.fun(f)
  if (!length(x)) {
    return(list())
  }
  sizes <- chunk_sizes(length(x), .chunk)
  ends <- cumsum(sizes)
  chunks <- Map(function(first, last) transport(list(first, as_elements(x, first, last))),
    ends - sizes + 1, ends,
    USE.NAMES = FALSE
  )
  # All chunks as one raw vector, and back the answers: rpy2 takes 20 us for each object it hands over.
  answer <- decode(py$ray_map(transport(job_of(f, list(...))), unlist(chunks), lengths(chunks)))
  answers <- split_raw(answer$bytes, answer$sizes)
  results <- vector("list", length(x))
  for (answer in answers) {
    if (!is.null(answer$error)) stop(map_error(answer, names(x)))
    results[seq_along(answer$values) + answer$first - 1] <- answer$values
  }
  names(results) <- names(x)
  results
}

# The values that were serialized one after another into one raw vector.
split_raw <- function(bytes, sizes) {
  ends <- cumsum(sizes)
  Map(function(first, last) unserialize(bytes[first:last]), ends - sizes + 1, ends)
}

# A few chunks a core: balanced when elements take unlike times, and few messages when they are short.
chunk_sizes <- function(n, chunk) {
  if (is.null(chunk)) {
    chunks <- min(n, 4 * max(1, decode(py$ray_cpus())))
    return(diff(round(seq(0, n, length.out = chunks + 1))))
  }
  if (!is.numeric(chunk) || length(chunk) != 1L || is.na(chunk) || chunk < 1 || chunk != round(chunk)) {
    stop("`.chunk` is the number of elements a task: a whole number from 1 on, or NULL.", call. = FALSE)
  }
  c(rep(chunk, n %/% chunk), if (n %% chunk) n %% chunk)
}

as_elements <- function(x, first, last) {
  if (is.object(x) || !is.vector(x)) lapply(seq(first, last), function(i) x[[i]]) else x[seq(first, last)]
}

job_of <- function(f, constants) {
  carried <- carry(f)
  attached <- sub("^package:", "", grep("^package:", search(), value = TRUE))
  list(
    f = carried$f, globals = carried$globals, constants = constants, lib_paths = .libPaths(),
    packages = rev(setdiff(attached, c(getOption("defaultPackages"), "base", "methods")))
  )
}

# Not the portable XDR format: a gang's machines are alike, and copying is faster than swapping bytes.
transport <- function(x) serialize(x, NULL, xdr = FALSE)

map_error <- function(answer, names) {
  error <- answer$error
  index <- answer$first + length(answer$values)
  name <- if (!is.null(names) && nzchar(names[index])) paste0(" (", names[index], ")")
  text <- paste0(
    "ray_map(): element ", index, name, " failed on ", answer$node, ": ", error[[2]],
    if (nzchar(error[[3]])) paste0("\n  in ", error[[3]]),
    if (length(error[[4]])) paste0("\nR traceback on the worker:\n", paste0("  ", error[[4]], collapse = "\n"))
  )
  structure(
    class = c("gangway_error_ray_map", "gangway_error", "error", "condition"),
    list(message = text, call = NULL, index = index, node = answer$node, traceback = error[[4]])
  )
}

ray_nodes <- function() {
  nodes <- decode(py$ray_nodes())
  columns <- lapply(stats::setNames(nm = names(nodes[[1]])), function(column) {
    vapply(nodes, function(node) node[[column]], nodes[[1]][[column]])
  })
  table <- data.frame(columns)
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(table) else table
}

# ---- in Ray's workers

# The last job (a function and its constants) is kept for the chunks that follow.
current_job <- NULL

open_job <- function(data, node) {
  job <- unserialize(data)
  job$node <- node
  .libPaths(unique(c(job$lib_paths[dir.exists(job$lib_paths)], .libPaths())))
  list2env(job$globals, globalenv())
  opened <- guarded(attach_packages(job$packages))
  if (length(opened) > 1L) job$broken <- opened
  current_job <<- callable(job)
  NULL
}

# The call f(x, constants) with symbols for all values: quick to evaluate, and short in a traceback.
callable <- function(job) {
  slots <- sprintf("constant%d", seq_along(job$constants))
  if (!is.null(names(job$constants))) {
    slots <- ifelse(nzchar(names(job$constants)), names(job$constants), slots)
  }
  job$env <- list2env(
    c(list(f = job$f), structure(job$constants, names = slots)),
    parent = globalenv()
  )
  job$call <- as.call(c(quote(f), quote(x), structure(lapply(slots, as.name), names = names(job$constants))))
  job
}

# The serialized answer; in a list if an element failed.
run_chunk <- function(data) {
  job <- current_job
  chunk <- unserialize(data)
  values <- vector("list", 0L)
  error <- job$broken
  for (i in if (is.null(error)) seq_along(chunk[[2]])) {
    assign("x", chunk[[2]][[i]], job$env)
    answer <- guarded(eval(job$call, job$env))
    if (length(answer) > 1L) {
      error <- answer
      break
    }
    values[i] <- answer
  }
  answer <- transport(list(first = chunk[[1]], values = values, error = error, node = job$node))
  if (is.null(error)) answer else list(answer)
}
