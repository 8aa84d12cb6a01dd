# Forecasts of many series by groups: made-up sales of shops in a data.table. Each task takes the series of one region,
# holds back the last year, compares two methods on it, and forecasts with the better one. The last step draws.
#
#   Rscript forecast.R
#   Rscript forecast.R run --shops 40 --plot forecast.png
#
# Needs the package data.table.

library(gangway)
library(data.table)

make_sales <- function(self) {
  set.seed(1)
  shops <- data.table(shop = seq_len(self$shops), region = rep_len(c("north", "south", "west"), self$shops))
  sales <- shops[, .(month = 1:96, sales = {
    trend <- runif(1, -0.3, 0.8) * 1:96
    season <- runif(1, 5, 20) * sin(2 * pi * (1:96) / 12 + runif(1, 0, 6))
    100 + trend + season + as.numeric(arima.sim(list(ar = 0.4), 96, sd = 4))
  }), by = .(region, shop)]
  self$regions <- split(sales, by = "region")
}

as_last_year <- function(y, ahead) rep_len(as.numeric(tail(y, 12)), ahead)
seasonal_arima <- function(y, ahead) {
  fit <- arima(y, c(1, 0, 0), list(order = c(0, 1, 1), period = 12), method = "CSS")
  as.numeric(predict(fit, ahead)$pred)
}
methods <- list(as_last_year = as_last_year, seasonal_arima = seasonal_arima)

forecast_region <- function(self) {
  self$forecasts <- self$input[, {
    y <- ts(sales, frequency = 12)
    known <- window(y, end = c(7, 12))
    held_back <- window(y, start = c(8, 1))
    errors <- vapply(methods, function(f) mean(abs(f(known, 12) - held_back) / held_back), 0)
    best <- names(which.min(errors))
    .(month = 97:108, sales = methods[[best]](y, 12), method = best, error = min(errors))
  }, by = .(region, shop)]
}

gather <- function(self, inputs) {
  self$forecasts <- rbindlist(gather_inputs(inputs, "forecasts"))
  self$past <- rbindlist(gather_inputs(inputs, "input"))
}

report <- function(self) {
  shops <- unique(self$forecasts[, .(region, shop, method, error)])
  regions <- shops[, .(shops = .N, with_arima = sum(method == "seasonal_arima"), error = mean(error)), by = region]
  print(regions, digits = 2)
  if (!nzchar(self$plot)) return()
  both <- rbind(self$past, self$forecasts[, .(region, shop, month, sales)])
  months <- both[, .(sales = sum(sales)), by = .(region, month)]
  png(self$plot, width = 900, height = 500, res = 120)
  on.exit(dev.off())
  wide <- as.matrix(dcast(months, month ~ region, value.var = "sales"), rownames = "month")
  matplot(1:108, wide, type = "l", lty = 1, lwd = 2, xlab = "month", ylab = "sales of a region", las = 1)
  abline(v = 96.5, lty = 3)
  legend("topleft", colnames(wide), col = 1:3, lwd = 2, bty = "n")
}

result <- metaflow("ForecastFlow") |>
  parameter("shops", help = "Shops", default = 12L) |>
  parameter("plot", help = "File of the plot; none where it is empty", default = "") |>
  step(step = "start", r_function = make_sales, next_step = "forecast", foreach = "regions") |>
  step(step = "forecast", r_function = forecast_region, next_step = "gather") |>
  step(step = "gather", join = TRUE, r_function = gather, next_step = "end") |>
  step(step = "end", r_function = report) |>
  run()
