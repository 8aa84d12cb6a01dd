main <- function(kind, input, output) {
  rows <- readRDS(input)
  if (kind != "plain") suppressPackageStartupMessages(library(gangway))
  for (package in unique(unlist(lapply(rows, function(row) row$attach)))) {
    suppressPackageStartupMessages(library(package, character.only = TRUE))
  }
  for (row in rows) for (code in row$setup) eval(code, globalenv())
  # The doors set options and load packages of their own, which shall not be what makes a row right.
  saveRDS(switch(kind, plain = by_plain(rows), session = by_session(rows), flow = by_flow(rows)), output)
}

by_plain <- function(rows) {
  list(plain = lapply(rows, function(row) attempt(eval(bquote((function() .(row$code))()), globalenv()))))
}

failure <- function(text) structure(list(text), class = "case_failure")

attempt <- function(code) {
  suppressWarnings(suppressMessages(tryCatch(code, error = function(e) failure(conditionMessage(e)))))
}

# All rows at once, or, where that fails, each half by itself, until it is known which row is to blame. A row that is
# expected to fail goes alone from the start.
in_halves <- function(rows, doors, all_at_once) {
  fails <- vapply(rows, function(row) !is.null(row$except$error) && any(doors %in% row$except$doors), NA)
  merge_results(c(list(halve(rows[!fails], doors, all_at_once)), lapply(which(fails), function(i) {
    halve(rows[i], doors, all_at_once)
  })))
}

halve <- function(rows, doors, all_at_once) {
  if (!length(rows)) {
    return(list())
  }
  results <- tryCatch(all_at_once(rows), error = function(e) failure(conditionMessage(e)))
  if (!inherits(results, "case_failure")) {
    return(results)
  }
  if (length(rows) == 1L) {
    return(lapply(stats::setNames(nm = doors), function(door) lapply(rows, function(row) results)))
  }
  first <- seq_along(rows) <= length(rows) %/% 2L
  merge_results(list(halve(rows[first], doors, all_at_once), halve(rows[!first], doors, all_at_once)))
}

merge_results <- function(parts) {
  doors <- unique(unlist(lapply(parts, names)))
  lapply(stats::setNames(nm = doors), function(door) do.call(c, lapply(unname(parts), function(part) part[[door]])))
}

# The code of a row as each of Ray's functions gets it.
ray_calls <- list(
  "ray_map()" = function(code) bquote(ray_map(1, function(i) .(code))[[1L]]),
  "ray_remote()" = function(code) bquote(ray_get(ray_remote(function() .(code))())),
  "%dopar%" = function(code) bquote(foreach::`%dopar%`(foreach::foreach(i = 1), .(code))[[1L]]),
  "future_lapply()" = function(code) bquote(future.apply::future_lapply(1, function(i) .(code))[[1L]]),
  "future_map()" = function(code) bquote(furrr::future_map(1, function(i) .(code))[[1L]])
)

# An actor is a process, which takes a second to start: one for all rows, and a method for each.
actor_call <- function(rows) {
  methods <- c(list(ready = quote(function() TRUE)), lapply(rows, function(row) bquote(function() .(row$code))))
  bquote(ray_actor(function() .(as.call(c(quote(list), methods)))))
}
