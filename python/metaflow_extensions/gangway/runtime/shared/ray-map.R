# lapply() and its relatives on a Ray cluster: elements go in chunks, each a Ray task.

ray_map <- function(x, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE, .errors = c("stop", "collect")) {
  if (is.environment(x)) x <- as.list(x)
  map_elements(list(x), f, list(...), names(x), "ray_map", .chunk, .seed, .progress, match.arg(.errors))
}

ray_map2 <- function(x, y, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE, .errors = c("stop", "collect")) {
  columns <- recycled(list(x, y), "ray_map2")
  map_elements(columns, f, list(...), names(x), "ray_map2", .chunk, .seed, .progress, match.arg(.errors))
}

ray_pmap <- function(l, f, ..., .chunk = NULL, .seed = FALSE, .progress = FALSE, .errors = c("stop", "collect")) {
  if (!is.list(l)) {
    ray_stop("argument", "ray_pmap(): `l` is a list of vectors or a data frame, got ", class(l)[1L], ".")
  }
  l <- as.list(l)
  columns <- recycled(l, "ray_pmap")
  row_names <- if (length(l)) names(l[[1L]])
  map_elements(columns, f, list(...), row_names, "ray_pmap", .chunk, .seed, .progress, match.arg(.errors))
}

# All of the length of the longest; one element is repeated.
recycled <- function(columns, who) {
  sizes <- lengths(columns)
  n <- if (any(sizes == 0L)) 0L else max(0L, sizes)
  if (!all(sizes %in% c(1L, n))) {
    ray_stop(
      "argument", who, "(): the vectors have lengths ", paste(sizes, collapse = ", "), "; all of one length, or one."
    )
  }
  columns[sizes != n] <- lapply(columns[sizes != n], function(column) {
    if (n) rep(list(column[[1L]]), n) else list()
  })
  columns
}

# columns: one vector for each argument of f; the i-th elements go together. never: names that shall not travel.
map_elements <- function(columns, f, constants, names, who, chunk, seed, progress, errors, never = NULL) {
  options <- list()
  if (inherits(f, "gangway_remote")) {
    options <- environment(f)$remote$options
    f <- environment(f)$remote$f
  }
  f <- as_callable(f)
  n <- if (length(columns)) length(columns[[1L]]) else 0L
  seeds <- element_seeds(n, seed)
  if (!n) {
    return(stats::setNames(list(), names))
  }
  driver <- ray_driver()
  release_dropped(driver)
  if (length(options)) check_resources(driver, options)
  job <- with_slots(constants)
  number <- driver$add_job(
    job_bytes(f, driver, job$args, "map", never = never, stop = errors == "stop", columns = names(columns)), options
  )
  sizes <- chunk_sizes(n, chunk, driver)
  ends <- cumsum(sizes)
  first <- ray_state$last + 1L
  ray_state$last <- ray_state$last + length(sizes)
  tasks <- seq.int(first, length.out = length(sizes))
  state <- new.env(parent = emptyenv())
  state$waiting <- tasks
  on.exit({
    if (length(state$waiting)) driver$cancel(state$waiting)
    driver$release(tasks)
    driver$drop_jobs(number)
  })
  send_chunks(driver, number, tasks, columns, ends - sizes + 1L, ends, seeds, job$needs)
  collect_chunks(driver, state, tasks, ends - sizes + 1L, sizes, names, who, progress, errors)
}

send_chunks <- function(driver, job, tasks, columns, firsts, ends, seeds, needs) {
  with_refs <- any(vapply(columns, function(column) is.list(column) && any(vapply(column, needs_slot, NA)), NA))
  chunks <- Map(function(number, first, last) {
    pieces <- lapply(columns, as_elements, first, last)
    wanted <- needs
    once <- integer()
    on.exit(driver$release(once))
    if (with_refs) {
      for (i in seq_along(pieces)) {
        slotted <- with_slots(as.list(pieces[[i]]), wanted, driver)
        pieces[[i]] <- slotted$args
        wanted <- slotted$needs
        once <- c(once, slotted$once)
      }
    }
    data <- parcel(list(first, pieces, seeds[if (length(seeds)) seq(first, last)]), "elements")
    if (with_refs) driver$submit(number, job, data, wanted) else data
  }, tasks, firsts, ends, USE.NAMES = FALSE)
  # All chunks as one raw vector: rpy2 takes 20 us for each object it hands over.
  if (!with_refs) driver$submit_many(tasks[1L], job, unlist(chunks), lengths(chunks), if (length(needs)) needs)
}

# Takes the answers as they come, says what tasks have said in the order of the elements, and fills the results.
collect_chunks <- function(driver, state, tasks, firsts, sizes, names, who, progress, errors) {
  results <- vector("list", sum(sizes))
  spoken <- vector("list", length(tasks))
  heard <- 0L
  done <- logical(length(tasks))
  show <- progress_shower(progress, who, length(results))
  on.exit(show$end())
  while (length(state$waiting)) {
    ready <- as.integer(driver$wait(state$waiting, min(length(state$waiting), ray_batch), ray_look))
    if (!length(ready)) {
      show$tick(0L)
      next
    }
    places <- match(state$waiting[ready], tasks)
    state$waiting <- state$waiting[-ready]
    found <- outcomes(tasks[places])
    for (i in seq_along(places)) {
      place <- places[i]
      answer <- found[[i]]
      index <- firsts[place]
      failure <- answer$failure
      if (!is.null(failure)) {
        if (errors == "stop") {
          relay(unlist(c(spoken[seq_along(spoken) > heard], list(failure$conditions)), recursive = FALSE))
          at <- if (is.null(failure$index)) index else failure$index
          label <- element_label(at, sizes[place], names, is.null(failure$kind))
          stop(ray_failure(failure, "map", paste0(who, "()"), at, label))
        }
        all <- seq.int(index, length.out = sizes[place])
        results[all] <- lapply(all, function(k) {
          ray_failure(failure, "map", paste0(who, "()"), k, element_label(k, 1L, names, TRUE))
        })
      } else {
        values <- answer$value$values
        for (k in answer$value$failed) {
          at <- index + k - 1L
          values[[k]] <- ray_failure(values[[k]], "map", paste0(who, "()"), at, element_label(at, 1L, names, TRUE))
        }
        results[seq.int(index, length.out = length(values))] <- values
      }
      if (length(answer$conditions)) spoken[[place]] <- answer$conditions
      done[place] <- TRUE
      show$tick(sizes[place])
    }
    while (heard < length(done) && done[heard + 1L]) {
      heard <- heard + 1L
      relay(spoken[[heard]])
      spoken[heard] <- list(NULL)
    }
  }
  names(results) <- names
  results
}

# How many finished tasks are taken at a time.
ray_batch <- 256L

element_label <- function(index, size, names, exact) {
  if (!exact && size > 1L) {
    return(paste0("one of ", index, " to ", index + size - 1L))
  }
  name <- if (!is.null(names) && !is.na(names[index]) && nzchar(names[index])) paste0(" (", names[index], ")")
  paste0(index, name)
}

# A few chunks a core: balanced when elements take unlike times, and few messages when they are short.
chunk_sizes <- function(n, chunk, driver) {
  if (is.null(chunk)) {
    chunks <- min(n, 4 * max(1, driver$cpus()))
    return(as.integer(diff(round(seq(0, n, length.out = chunks + 1)))))
  }
  if (!is.numeric(chunk) || length(chunk) != 1L || is.na(chunk) || chunk < 1 || chunk != round(chunk)) {
    ray_stop("argument", "`.chunk` is the number of elements a task: a whole number from 1 on, or NULL.")
  }
  as.integer(c(rep(chunk, n %/% chunk), if (n %% chunk) n %% chunk))
}

as_elements <- function(x, first, last) {
  if (is.object(x) || !is.vector(x)) lapply(seq(first, last), function(i) x[[i]]) else x[seq(first, last)]
}
