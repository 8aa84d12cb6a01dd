# Ray from an R session, a local cluster of two cores, against mirai on two daemons and pure Python Ray: a round trip,
# arguments and results of 8 MB, one object of 200 MB that 50 tasks use, and what a vector of 400 MB takes of memory on
# its way.
#
# Limits: a round trip at most 1.1 times pure Python Ray's; 20 arguments of 8 MB at most 1.2 times mirai's time, results
# 1.1, the shared object 0.7; the sender's own memory grows by at most 0.3 times the object, a worker's by 1.1 times.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

rounds <- 5L
seconds <- function(expr) system.time(expr, gcFirst = FALSE)[["elapsed"]]
middle <- function(expr) {
  expr <- substitute(expr)
  caller <- parent.frame()
  stats::median(vapply(seq_len(rounds + 1L), function(i) seconds(eval(expr, caller)), 0)[-1L])
}
numbers <- runif(1e6)
many <- 20L

# ---- Ray
invisible(ray_init(cpus = 2))
python <- reticulate::py_run_string("
import ray, time
@ray.remote
def same(x):
    return x
def round_trip(n):
    start = time.perf_counter()
    for i in range(n):
        ray.get(same.remote(i))
    return (time.perf_counter() - start) / n
")
same <- ray_remote(function(x) x)
size <- ray_remote(function(x) length(x))
make <- ray_remote(function(i) numeric(1e6) + i)
use <- function(i, d) sum(d[i:(i + 1000L)])
invisible(ray_get(lapply(1:60, same)))
trips <- replicate(rounds, c(
  python = python$round_trip(200L),
  r = seconds(for (i in 1:200) ray_get(same(i))) / 200
))
arguments <- middle(ray_get(lapply(seq_len(many), function(i) size(numbers))))
results <- middle(ray_get(lapply(seq_len(many), make)))
shared <- runif(25e6)
one <- middle({
  ref <- ray_put(shared)
  ray_map(1:50, use, d = ref)
})

# What a process has of its own: pages of shared memory are Ray's, once a node.
watcher <- reticulate::py_run_string("
import threading, time
class Peak:
    def __init__(self, pid):
        self.pid, self.most, self.on = int(pid), 0, True
        self.first = self.now()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
    def now(self):
        with open(f'/proc/{self.pid}/status') as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith('RssAnon'))
    def run(self):
        while self.on:
            self.most = max(self.most, self.now())
            time.sleep(0.002)
    def end(self):
        self.on = False
        self.thread.join()
        return self.most - self.first
")
of_object <- function(pid, expr) {
  peak <- watcher$Peak(pid)
  on.exit(peak$end())
  force(expr)
  on.exit()
  peak$end() / 400
}
worker_of <- ray_actor(function() {
  size <- function(x) length(x)
  pid <- function() Sys.getpid()
  environment()
})
worker <- ray_get(worker_of$pid())
large <- runif(50e6)
invisible(gc())
sender <- of_object(Sys.getpid(), ref <- ray_put(large))
receiver <- of_object(worker, ray_get(worker_of$size(ref)))
rm(ref)
ray_shutdown()

# ---- mirai
has_mirai <- requireNamespace("mirai", quietly = TRUE)
of_mirai <- list(trip = NA, arguments = NA, results = NA, one = NA)
if (has_mirai) {
  mirai::daemons(2)
  invisible(lapply(1:60, function(i) mirai::mirai(i, i = i)[]))
  of_mirai$trip <- stats::median(replicate(rounds, seconds(for (i in 1:200) mirai::mirai(i, i = i)[]) / 200))
  all_of <- function(calls) lapply(calls, function(call) call[])
  of_mirai$arguments <- middle(all_of(lapply(seq_len(many), function(i) mirai::mirai(length(x), x = numbers))))
  of_mirai$results <- middle(all_of(lapply(seq_len(many), function(i) mirai::mirai(numeric(1e6) + i, i = i))))
  of_mirai$one <- middle(mirai::mirai_map(1:50, use, .args = list(d = shared))[])
  mirai::daemons(0)
} else {
  cat("mirai is not installed: not compared\n")
}

trip <- stats::median(trips["r", ])
ratio <- function(ours, theirs) ours / theirs
met <- c(
  row("trip", "a round trip, `ray_get(f(x))`", 1e3 * trip, "ms", "Python Ray", 1e3 * stats::median(trips["python", ]),
    stats::median(trips["r", ] / trips["python", ]), most = 1.1),
  row("trip-mirai", "the same", 1e3 * trip, "ms", "mirai", 1e3 * of_mirai$trip, ratio(trip, of_mirai$trip)),
  row("arguments", "20 arguments of 8 MB", arguments, "s", "mirai", of_mirai$arguments,
    ratio(arguments, of_mirai$arguments), most = 1.2),
  row("results", "20 results of 8 MB", results, "s", "mirai", of_mirai$results, ratio(results, of_mirai$results),
    most = 1.1),
  row("shared-mirai", "50 tasks that use one object of 200 MB", one, "s", "mirai", of_mirai$one,
    ratio(one, of_mirai$one), most = 0.7),
  row("sender", "`ray_put()` of 400 MB: memory of its own that the sender takes more", 400 * sender, "MB", "the object",
    400, sender, most = 0.3),
  row("receiver", "a worker's, to use it", 400 * receiver, "MB", "the object", 400, receiver, most = 1.1)
)
cat(sprintf("round trip: %.2f ms, Python Ray %.2f, mirai %.2f\n", 1e3 * trip, 1e3 * stats::median(trips["python", ]),
  1e3 * of_mirai$trip))
cat(sprintf("20 x 8 MB: arguments %.3f s, mirai %.3f; results %.3f, mirai %.3f; shared 200 MB: %.3f, mirai %.3f\n",
  arguments, of_mirai$arguments, results, of_mirai$results, one, of_mirai$one))
cat(sprintf("400 MB: the sender's own memory grows by %.2f times, a worker's by %.2f times\n", sender, receiver))
quit(status = !all(met))
