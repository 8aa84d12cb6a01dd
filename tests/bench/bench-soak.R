# A long session: 1,000 jobs of many kinds, each a new function, on two workers. `Rscript bench-soak.R 400` does fewer,
# as tests/testthat/test-ray-soak.R does.
#
# Limits: what the workers' own memory and the object store hold after the last job is what they held after the first
# two hundred, 10 percent more at most: until then workers load packages and fill their caches.
suppressPackageStartupMessages(library(gangway))
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

jobs <- as.integer(c(commandArgs(TRUE), 1000L)[[1L]])
warm <- 200L
store <- 500 # MB: a leak of the larger jobs fills it before the end

kinds <- list(
  closure = function(j) {
    k <- j
    helper <- function(x) x + k
    stopifnot(identical(ray_map(1:4, function(i) helper(i)), as.list(1:4 + j)))
  },
  large_global = function(j) {
    data <- rep(as.numeric(j), 2.5e5)
    stopifnot(identical(ray_map(1:2, function(i) sum(data) + i), list(j * 2.5e5 + 1, j * 2.5e5 + 2)))
  },
  large_argument = function(j) {
    f <- ray_remote(function(x) x[[1L]] + j)
    stopifnot(ray_get(f(rep(1, 5e5))) == j + 1)
  },
  put = function(j) {
    data <- ray_put(rep(as.numeric(j), 1e6))
    stopifnot(identical(ray_map(1:2, function(i, d) d[[i]], d = data), list(as.numeric(j), as.numeric(j))))
  },
  large_result = function(j) {
    got <- ray_map(1:2, function(i) rep(i + j, 2.5e5))
    stopifnot(got[[2L]][[1L]] == j + 2)
  },
  error = function(j) {
    failed <- tryCatch(ray_map(1:2, function(i) stop("job ", j)), gangway_error_ray_map = identity)
    stopifnot(grepl(paste("job", j), conditionMessage(failed)))
  },
  output = function(j) {
    said <- utils::capture.output(got <- suppressMessages(ray_map(1:2, function(i) {
      message("job ", j)
      print(j)
    })))
    stopifnot(length(said) == 2L)
  },
  state = function(j) {
    ray_map(1:2, function(i) {
      options(soak = rep(j, 1e4))
      assign("soak_left", rnorm(1e5), globalenv())
      library(splines)
      NULL
    })
  },
  loop = function(j) {
    got <- foreach::`%dopar%`(foreach::foreach(i = 1:2, .combine = c), i * j)
    stopifnot(identical(got, 1:2 * j))
  },
  futures = function(j) {
    data <- rep(j, 1e5)
    stopifnot(identical(future.apply::future_lapply(1:2, function(i) data[[i]]), list(j, j)))
  },
  actor = function(j) {
    if (j %% 10L) return() # a process of its own, which takes a second
    actor <- ray_actor(function() list(get = function() j))
    stopifnot(ray_get(actor$get()) == j)
  }
)

# What the workers hold for themselves, in MB, after a garbage collection; shared memory is the store's.
held <- function() {
  pids <- unique(unlist(ray_map(1:20, function(i) {
    gc()
    Sys.sleep(0.05)
    Sys.getpid()
  }, .chunk = 1)))
  sum(vapply(pids, function(pid) {
    status <- readLines(file.path("/proc", pid, "status"))
    sum(as.numeric(gsub("[^0-9]", "", grep("^Rss(Anon|File):", status, value = TRUE))))
  }, 0)) / length(pids) / 1024
}

# MB in use; Ray notices what is free again a moment later.
in_store <- function() {
  gc()
  least <- Inf
  for (look in 1:12) {
    now <- ray_resources()
    now <- now[now$resource == "object_store_memory_mb", ]
    least <- min(least, now$total - now$free)
    Sys.sleep(0.25)
  }
  least
}

invisible(ray_init(cpus = 2, object_store_memory = store))
registerDoRay()
future::plan(ray)
for (j in seq_len(jobs)) {
  kinds[[(j - 1L) %% length(kinds) + 1L]](j)
  if (j == warm) first <- c(memory = held(), store = in_store())
  if (j %% 100L == 0L) cat(sprintf("%d jobs: %.0f MB a worker, %.0f MB in the store\n", j, held(), in_store()))
}
last <- c(memory = held(), store = in_store())
ray_shutdown()
failed <- last > first * 1.1 + c(0, store * 0.1)
cat(sprintf("%s after %d jobs: %.0f MB, after %d: %.0f MB%s\n", c("a worker's memory", "the store"), warm, first, jobs,
  last, ifelse(failed, ": MORE THAN 10 PERCENT ABOVE", "")), sep = "")
row("soak-memory", sprintf("a Ray worker's own memory after %d jobs, of that after %d", jobs, warm),
  last[["memory"]] / first[["memory"]], "times", most = 1.1)
quit(status = any(failed))
