# A flow for every night: it looks at the day before, and fails loudly where a day looks wrong.
#
#   Rscript nightly.R run --day 2026-11-29
#   Rscript nightly.R argo-workflows create        # then it runs at 2:30 every night; or step-functions create
#
# What the cluster needs is told in vignette("deploying").

library(gangway)

# In place of a query: the orders of a day.
orders_of <- function(day) {
  set.seed(as.integer(as.Date(day)))
  data.frame(hour = 0:23, orders = rpois(24, 40 + 30 * sin(pi * 0:23 / 24)))
}

load_day <- function(self) {
  # A deployed run has no arguments: its day is the one before it starts, in a zone that is named.
  self$date <- if (nzchar(self$day)) self$day else format(Sys.time() - 86400, "%Y-%m-%d", tz = "Europe/Zurich")
  self$orders <- orders_of(self$date)
}

check <- function(self) {
  stopifnot("a day has 24 hours" = nrow(self$orders) == 24, "no hour is empty" = all(self$orders$orders > 0))
  usual <- vapply(7 * 1:4, function(back) sum(orders_of(as.Date(self$date) - back)$orders), 0)
  self$ratio <- sum(self$orders$orders) / mean(usual)
  if (abs(self$ratio - 1) > 0.5) stop("Orders are ", round(self$ratio, 2), " times the usual.")
}

nightly <- metaflow("NightlyOrders", decorator("schedule", cron = "30 2 * * *", timezone = "Europe/Zurich")) |>
  parameter("day", help = "Day to look at, as 2026-11-29; the day before where it is empty", default = "") |>
  step(decorator("retry", times = 3), step = "start", r_function = load_day, next_step = "check") |>
  step(step = "check", r_function = check, next_step = "end") |>
  step(step = "end", r_function = function(self) {
    cat(self$date, "had", sum(self$orders$orders), "orders,", round(self$ratio, 2), "times the usual of that weekday\n")
  })

result <- run(nightly)
