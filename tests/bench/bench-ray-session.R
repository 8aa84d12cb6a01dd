# Ray from an R session, a local cluster of two cores: calls one by one against pure Python Ray, cost by number of
# tasks and by size of arguments, and one shared object of 200 MB; the latter and maps against furrr on two
# multisession workers.
#
# Limits: one by one at least 0.7 of pure Python Ray's rate, and at most mirai's time, where reticulate (1.39 or later)
# lets short calls share tasks; the map at least furrr's rate; the shared object, with a
# chunk a task, in at most half of furrr's time. With furrr's default it is shipped twice only, once a worker: then the
# two are about even, and the limit is 0.8 of furrr's rate.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

calls <- 2000L
seconds <- function(expr) system.time(expr)[["elapsed"]]
failed <- FALSE
limit <- function(what, value, least) {
  cat(sprintf("%s: %.2f (limit %.2f)\n", what, value, least))
  if (value < least) failed <<- TRUE
}
trivial_calls <- sprintf("%s trivial calls from a session", format(calls, big.mark = ","))

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
row("session-remote", paste0(trivial_calls, ": `ray_remote()`"), middle[["remote"]], "s", "Python Ray's rate",
  middle[["python"]], median(rounds["python", ] / rounds["remote", ]), least = 0.7)
cat(sprintf("ray_map(.chunk = 1): %.2f of it\n", median(rounds["python", ] / rounds["map_one", ])))
if (requireNamespace("mirai", quietly = TRUE)) {
  mirai::daemons(2)
  one_by_one <- function() seconds(lapply(lapply(seq_len(calls), function(i) mirai::mirai(x, x = i)), function(m) m[]))
  with_mirai <- median(replicate(6, one_by_one())[-1])
  mirai::daemons(0)
  limit("mirai's time one by one, of that of ray_remote()", with_mirai / middle[["remote"]], 1)
  row("session-mirai", paste0(trivial_calls, ": `ray_remote()`"), middle[["remote"]], "s", "mirai", with_mirai,
    middle[["remote"]] / with_mirai, most = 1)
}

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

cat("\n50 tasks that use one object of 200 MB, s: with default chunks medians of 3 rounds, with a chunk a task one\n")
options(future.globals.maxSize = Inf)
has_furrr <- requireNamespace("furrr", quietly = TRUE)
use <- function(i, d) sum(d[i:(i + 1000L)])
ray_pids <- c(Sys.getpid(), children())
if (has_furrr) {
  future::plan(future::multisession, workers = 2)
  who <- function(i) {
    Sys.sleep(0.05)
    Sys.getpid()
  }
  one_each <- furrr::furrr_options(chunk_size = 1)
  # Its workers are no children of this process.
  furrr_pids <- c(Sys.getpid(), unique(unlist(furrr::future_map(1:20, who, .options = one_each))))
  trivial <- median(replicate(3, seconds(furrr::future_map(seq_len(calls), function(x) x))))
}
shared <- runif(25e6)
on_ray <- function(...) {
  ref <- NULL
  before <- memory_of(ray_pids)
  put <- seconds(ref <- ray_put(shared))
  map <- seconds(a <- ray_map(1:50, use, d = ref, ...))
  c(put = put, map = map, more_mb = memory_of(ray_pids) - before)
}
with_furrr <- function(...) {
  if (!has_furrr) {
    return(c(map = NA, more_mb = NA))
  }
  before <- memory_of(furrr_pids)
  c(map = seconds(furrr::future_map(1:50, use, d = shared, ...)), more_mb = memory_of(furrr_pids) - before)
}
few <- replicate(3, {
  invisible(gc()) # or what a round leaves would be counted as the next one's
  c(ray = on_ray(), furrr = with_furrr())
})
each <- c(ray = on_ray(.chunk = 1), furrr = with_furrr(.options = if (has_furrr) one_each))
say <- function(what, row) {
  cat(sprintf("%s: ray_put() %.2f + ray_map() %.2f, %.0f MB more after it; furrr %.2f, %.0f MB more\n", what,
    row["ray.put"], row["ray.map"], row["ray.more_mb"], row["furrr.map"], row["furrr.more_mb"]))
}
say("default chunks", apply(few, 1, median))
say("a chunk a task", each)
cat(sprintf("as an argument and not a reference, in chunks: %.2f\n", seconds(ray_map(1:50, use, d = shared))))
ray_shutdown()
has_mirai <- requireNamespace("mirai", quietly = TRUE)
of_mirai <- NA
if (has_mirai) {
  mirai::daemons(2)
  of_mirai <- median(replicate(4, seconds(mirai::mirai_map(seq_len(calls), function(x) x)[]))[-1])
  mirai::daemons(0)
}
cat(if (has_mirai) sprintf("mirai_map(): %.3f s\n", of_mirai) else "mirai is not installed: not compared\n")
row("session-mirai", paste0(trivial_calls, ": `ray_map()`"), middle[["map"]], "s", "mirai's rate on 2 daemons",
  of_mirai, of_mirai / middle[["map"]])
faster <- function(of) of["furrr.map", ] / (of["ray.put", ] + of["ray.map", ])
if (!has_furrr) trivial <- NA
row("session-map", paste0(trivial_calls, ": `ray_map()`"), middle[["map"]], "s", "furrr's rate on 2 workers", trivial,
  trivial / middle[["map"]], least = 1)
for (chunks in c("default", "one")) {
  of <- if (chunks == "one") as.matrix(each) else few
  row(paste0("shared-", chunks), paste("50 tasks that use one object of 200 MB,", c(default = "default chunks",
    one = "a chunk a task")[[chunks]]), median(of["ray.put", ] + of["ray.map", ]), "s", "furrr's rate on 2 workers",
    median(of["furrr.map", ]), median(faster(of)), least = c(default = 0.8, one = 2)[[chunks]])
}
if (has_furrr) {
  future::plan(future::sequential)
  what <- sprintf("ray_map() of %d trivial elements, of furrr's rate (%.3f s)", calls, trivial)
  limit(what, trivial / middle[["map"]], 1)
  limit("shared object: furrr's time over Ray's, both with a chunk a task", faster(as.matrix(each)), 2)
  limit("shared object: furrr's time over Ray's, both with their default chunks", median(faster(few)), 0.8)
} else {
  cat("furrr is not installed: not compared\n")
}
quit(status = failed)
