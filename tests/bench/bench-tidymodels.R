# tune_grid() of tidymodels in an R session: 20 random forests of some 0.4 s, 4 folds with 5 candidates, one after
# another and on two workers: plan(ray) on a local cluster of two cores, plan(multisession), and mirai's daemons, which
# tune knows from 2.0 on. The first call on new workers, which load tidymodels for it, and the second. The workers are
# up before: plan(multisession) waits until they are, ray_init() until Ray is, whose workers start R meanwhile.
#
# Limits: all give the same results; the first call takes plan(ray) at most 1.15 times as long as multisession and as
# mirai, the second at most 1.1 times; the second is at least 1.8 times as fast as the sequential loop, or as fast as
# multisession where the machine does not give two processes that much. Medians of the rounds' ratios.
source(file.path(dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))), "table.R"))

packages <- c(
  "dials", "future", "parsnip", "ranger", "recipes", "rsample", "tune", "workflows", "yardstick", "gangway"
)
missing <- packages[!vapply(packages, requireNamespace, NA, quietly = TRUE)]
if (length(missing)) {
  cat("not installed, nothing is measured: ", paste(missing, collapse = ", "), "\n", sep = "")
  quit(status = 0)
}
suppressPackageStartupMessages(for (package in packages) library(package, character.only = TRUE))
has_mirai <- packageVersion("tune") >= "1.99" && requireNamespace("mirai", quietly = TRUE)
if (!has_mirai) cat("mirai is not installed, or not known to this tune: not compared\n")
cat(sprintf("%s %s\n", packages, vapply(packages, function(p) format(packageVersion(p)), "")), sep = "")

rounds <- as.integer(Sys.getenv("GANGWAY_BENCH_ROUNDS", "3"))
set.seed(1)
n <- 2000L
data <- as.data.frame(matrix(rnorm(n * 10), n))
data$y <- data$V1 + data$V2^2 + rnorm(n)
forest <- workflow(y ~ ., set_engine(rand_forest("regression", mtry = tune(), trees = 100), "ranger"))
folds <- vfold_cv(data, v = 4)
grid <- data.frame(mtry = 2:6)
found <- NULL
same <- TRUE
seconds <- function() {
  set.seed(2)
  taken <- system.time(result <- tune_grid(forest, folds, grid = grid, metrics = metric_set(rmse)), gcFirst = FALSE)
  values <- collect_metrics(result, summarize = FALSE)
  if (is.null(found)) found <<- values
  if (!identical(values, found)) same <<- FALSE
  taken[["elapsed"]]
}
twice <- function() c(first = seconds(), second = seconds())

ways <- list(
  ray = function() {
    invisible(ray_init(cpus = 2))
    plan(ray)
    on.exit({
      plan(sequential)
      ray_shutdown()
    })
    twice()
  },
  multisession = function() {
    plan(multisession, workers = 2)
    on.exit(plan(sequential))
    twice()
  },
  mirai = function() {
    if (!has_mirai) {
      return(c(first = NA, second = NA))
    }
    mirai::daemons(2)
    on.exit(mirai::daemons(0))
    twice()
  }
)

invisible(seconds())
# In another order each time: whoever else works on the machine meets all of them.
times <- lapply(seq_len(rounds), function(round) {
  one <- seconds()
  order <- names(ways)[(seq_along(ways) + round) %% length(ways) + 1L]
  taken <- lapply(ways[order], function(way) way())
  c(list(sequential = c(second = mean(c(one, seconds())))), taken)
})
taken <- function(way, call) vapply(times, function(round) round[[way]][[call]], 0)
middle <- function(x) if (anyNA(x)) NA else stats::median(x)
for (call in c("first", "second")) {
  cat(sprintf("%s call: ray %.1f s, multisession %.1f s, mirai %.1f s\n", call, middle(taken("ray", call)),
    middle(taken("multisession", call)), middle(taken("mirai", call))))
}
sequential <- taken("sequential", "second")
gain <- function(way) middle(sequential / taken(way, "second"))
cat(sprintf("sequential: %.1f s; ray is %.2f times as fast, multisession %.2f\n", middle(sequential), gain("ray"),
  gain("multisession")))
cat("the same results:", same, "\n")

against <- function(call, peer, most) {
  row(paste("tune", call, peer, sep = "-"), sprintf("`tune_grid()`, 20 forests on two workers, the %s time", call),
    middle(taken("ray", call)), "s", peer, middle(taken(peer, call)), middle(taken("ray", call) / taken(peer, call)),
    most = most)
}
met <- c(
  same,
  against("first", "multisession", 1.15), against("first", "mirai", 1.15),
  against("second", "multisession", 1.1), against("second", "mirai", 1.1),
  row("tune-gain", "the same, times as fast as one after another", middle(taken("ray", "second")), "s", "sequential",
    middle(sequential), gain("ray"), least = min(1.8, 0.95 * gain("multisession")))
)
quit(status = !all(met))
