# plan(ray) against multisession, both with two workers: future() and value() one by one, and furrr's future_map().
#
# Limits: one by one at least 10 times multisession's rate, the map at least as fast.
suppressPackageStartupMessages({
  library(gangway)
  library(future)
})
seconds <- function(expr) system.time(expr)[["elapsed"]]
one_by_one <- function(n) {
  for (i in 1:20) value(future(i))
  n / seconds(for (i in seq_len(n)) value(future(i)))
}
map <- function() {
  furrr::future_map(1:4, identity)
  max(replicate(3, 2000 / seconds(furrr::future_map(1:2000, identity))))
}

invisible(ray_init(cpus = 2))
rates <- list()
for (name in c("ray", "multisession")) {
  if (name == "ray") plan(ray) else plan(multisession, workers = 2)
  rates[[name]] <- c(one_by_one = one_by_one(if (name == "ray") 400 else 60), map = map())
  rate <- rates[[name]]
  cat(sprintf("%s: %.0f futures a second, %.0f elements of future_map() a second\n", name, rate[1], rate[2]))
}
plan(sequential)
ray_shutdown()

ratio <- rates$ray / rates$multisession
cat(sprintf("futures one by one: %.1f (limit 10)\nfuture_map(): %.1f (limit 1)\n", ratio[1], ratio[2]))
quit(status = as.integer(any(ratio < c(10, 1))))
