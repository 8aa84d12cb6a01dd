# Ray from an R session, a local cluster of two cores: calls one by one against pure Python Ray, cost by number of
# tasks and by size of arguments, and one shared object of 200 MB; the latter and maps against furrr on two
# multisession workers.
#
# Limits: one by one at least 0.7 of pure Python Ray's rate; the map at least furrr's rate; the shared object in
# at most
# half of furrr's time.
suppressPackageStartupMessages(library(gangway))

calls <- 2000L
seconds <- function(expr) system.time(expr)[["elapsed"]]
failed <- FALSE
limit <- function(what, value, least) {
  cat(sprintf("%s: %.2f (limit %.2f)\n", what, value, least))
  if (value < least) failed <<- TRUE
}

# MB that processes use: what they share is counted once.
memory_of <- function(pids) {
  used <- vapply(pids, function(pid) {
    file <- file.path("/proc", pid, "smaps_rollup")
    lines <- tryCatch(suppressWarnings(readLines(file)), error = function(e) "Pss: 0")
    as.numeric(gsub("[^0-9]", "", grep("^Pss:", lines, value = TRUE)[1]))
  }, 0)
  round(sum(used) / 1024)
}
children <- function(pid = Sys.getpid()) {
  below <- suppressWarnings(system2("pgrep", c("-P", pid), stdout = TRUE))
  c(below, unlist(lapply(below, children)))
}

invisible(ray_init(cpus = 2))
python <- reticulate::py_run_string("
import ray, time
@ray.remote
def same(x):
    return x
def one_by_one(n):
    start = time.perf_counter()
    ray.get([same.remote(i) for i in range(n)])
    return time.perf_counter() - start
")
same <- ray_remote(function(x) x)

rounds <- replicate(6, c(
  python = python$one_by_one(calls),
  remote = seconds(ray_get(lapply(seq_len(calls), same))),
  map = seconds(ray_map(seq_len(calls), function(x) x)),
  map_one = seconds(ray_map(seq_len(calls), function(x) x, .chunk = 1))
))[, -1]
middle <- apply(rounds, 1, median)
cat(sprintf("%d trivial calls, medians of %d, seconds: %s\n", calls, ncol(rounds),
  paste(names(middle), format(round(middle, 3)), collapse = ", ")))
limit(
  "one by one through ray_remote(), of pure Python Ray's rate", median(rounds["python", ] / rounds["remote", ]), 0.7
)
cat(sprintf("ray_map(.chunk = 1): %.2f of it\n", median(rounds["python", ] / rounds["map_one", ])))

cat("\ncost by number of tasks, us a task\n")
for (n in c(10, 100, 1000, 10000)) {
  cat(sprintf("%6d tasks: ray_remote() %6.0f, ray_map() %6.1f, Python %6.0f\n", n,
    1e6 * seconds(ray_get(lapply(seq_len(n), same))) / n, 1e6 * seconds(ray_map(seq_len(n), function(x) x)) / n,
    1e6 * python$one_by_one(as.integer(n)) / n))
}
cat("\ncost by size of the argument, ms a call: as it is, and as a reference after the first\n")
size_of <- ray_remote(length)
for (kb in c(1, 10, 100, 1e3, 1e4, 1e5)) {
  x <- raw(kb * 1000)
  ref <- ray_put(x)
  ray_get(lapply(1:4, function(i) size_of(ref)))
  cat(sprintf("%8g kB: %8.1f %8.1f\n", kb, 1e3 * seconds(for (i in 1:3) ray_get(size_of(x))) / 3,
    1e3 * seconds(for (i in 1:3) ray_get(size_of(ref))) / 3))
}
rm(x, ref)

cat("\n50 tasks that use one object of 200 MB\n")
shared <- runif(25e6)
use <- function(i, d) sum(d[i:(i + 1000L)])
invisible(gc())
before <- memory_of(c(Sys.getpid(), children()))
with_ref <- seconds({
  ref <- ray_put(shared)
  a <- ray_map(1:50, use, d = ref, .chunk = 1)
})
ray_memory <- memory_of(c(Sys.getpid(), children())) - before
in_chunks <- seconds({
  ref <- ray_put(shared)
  ray_map(1:50, use, d = ref)
})
plain <- seconds(ray_map(1:50, use, d = shared))
cat(sprintf(
  "ray_put(), ray_map(): %.2f s with a chunk a task, %d MB more than before; in chunks %.2f s; as an argument %.2f s\n",
  with_ref, ray_memory, in_chunks, plain
))
ray_shutdown()

if (requireNamespace("furrr", quietly = TRUE)) {
  options(future.globals.maxSize = Inf)
  future::plan(future::multisession, workers = 2)
  invisible(furrr::future_map(1:10, function(x) x))
  trivial <- median(replicate(3, seconds(furrr::future_map(seq_len(calls), function(x) x))))
  what <- sprintf("ray_map() of %d trivial elements, of furrr's rate (%.3f s)", calls, trivial)
  limit(what, trivial / middle[["map"]], 1)
  # Its workers are no children of this process.
  pids <- c(Sys.getpid(), unique(unlist(furrr::future_map(1:20, function(i) {
    Sys.sleep(0.05)
    Sys.getpid()
  }, .options = furrr::furrr_options(chunk_size = 1)))))
  invisible(gc())
  before <- memory_of(pids)
  few <- seconds(b <- furrr::future_map(1:50, use, d = shared))
  memory <- memory_of(pids) - before
  each <- seconds(furrr::future_map(1:50, use, d = shared, .options = furrr::furrr_options(chunk_size = 1)))
  stopifnot(identical(a, b))
  cat(sprintf(
    "furrr: %.2f s in two chunks, %d MB more than before; %.2f s with a chunk a task\n", few, memory, each
  ))
  limit("shared object: furrr's time over Ray's, both with a chunk a task", each / with_ref, 2)
  cat(sprintf("with furrr's two chunks: %.2f\n", few / in_chunks))
  future::plan(future::sequential)
} else {
  cat("furrr is not installed: not compared\n")
}
quit(status = failed)
