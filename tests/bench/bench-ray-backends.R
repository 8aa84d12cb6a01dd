# plan(ray) against multisession, both with two workers: future() and value() one by one, and furrr's future_map().
#
# Limits: one by one at least 5 times multisession's rate, the map at least as fast, both in the same round. One by one
# nothing overlaps: a future costs what future itself does for it (all of plan(sequential)), a round trip through Ray
# (a task that nothing waits behind asks the node for a worker, which is most of it), and what gangway adds; the first
# two are measured beside it, and are what no backend on Ray's tasks can be faster than.
suppressPackageStartupMessages({
  library(gangway)
  library(future)
})
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))
rounds <- 3L
seconds <- function(expr) system.time(expr)[["elapsed"]]
one_by_one <- function(n) {
  for (i in 1:20) value(future(i))
  seconds(for (i in seq_len(n)) value(future(i))) / n
}
map <- function() {
  furrr::future_map(1:4, identity)
  seconds(furrr::future_map(1:2000, identity)) / 2000
}

invisible(ray_init(cpus = 2))
python <- reticulate::py_run_string("
import ray, time
@ray.remote
def same(x):
    return x
def round_trip(n):
    ray.get(same.remote(0))
    start = time.perf_counter()
    for i in range(n):
        ray.get(same.remote(i))
    return (time.perf_counter() - start) / n
")
times <- replicate(rounds, {
  plan(sequential)
  alone <- one_by_one(200)
  trip <- python$round_trip(300L)
  plan(ray)
  on_ray <- c(one_by_one(200), map())
  plan(multisession, workers = 2)
  c(alone, trip, on_ray, one_by_one(40), map())
})
plan(sequential)
ray_shutdown()

middle <- apply(times, 1, median)
cat(sprintf("ms a future, one by one, medians of %d: %s\n", rounds, paste(
  c("sequential", "a round trip of pure Python Ray", "plan(ray)", "multisession"),
  sprintf("%.1f", 1e3 * middle[c(1, 2, 3, 5)]), collapse = ", "
)))
cat(sprintf("elements of future_map() a second: plan(ray) %.0f, multisession %.0f\n", 1 / middle[4], 1 / middle[6]))
ratio <- apply(times[5:6, ] / times[3:4, ], 1, median)
bound <- median(times[5, ] / (times[1, ] + times[2, ]))
cat(sprintf("futures one by one: %.1f (limit 5; sequential's time and a round trip alone would be %.1f)\n",
  ratio[1], bound))
cat(sprintf("future_map(): %.1f (limit 1)\n", ratio[2]))
row("futures", "`value(future())` with plan(ray), one by one", 1e3 * middle[3], "ms", "multisession's rate",
  1e3 * middle[5], ratio[1], least = 5)
row("future-map", "an element of `future_map()` with plan(ray)", 1e3 * middle[4], "ms", "multisession's rate",
  1e3 * middle[6], ratio[2], least = 1)
quit(status = as.integer(any(ratio < c(5, 1))))
