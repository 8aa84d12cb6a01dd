# Cards as a browser shows them: everything is drawn, nothing is fetched from elsewhere, and a large one opens.

browser <- unname(Sys.which(c("chromium", "chromium-browser", "google-chrome")))
browser <- c(browser[nzchar(browser)], NA)[1L]

# The page after its scripts have run; with `picture`, a PNG of it.
in_browser <- function(html, folder, picture) {
  page <- file.path(folder, "card.html")
  writeLines(enc2utf8(html), page, useBytes = TRUE)
  # Without a network: what a page would fetch is missing then.
  words <- c("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,2400",
    "--virtual-time-budget=15000", "--host-resolver-rules=MAP * ~NOTFOUND",
    paste0("--user-data-dir=", file.path(folder, "profile")))
  address <- paste0("file://", normalizePath(page))
  processx::run(browser, c(words, paste0("--screenshot=", picture), address), timeout = 120)
  processx::run(browser, c(words, "--dump-dom", address), timeout = 120)$stdout
}

cards_flow <- function() {
  metaflow("BrowserFlow") |>
    step(decorator("card"), decorator("card", id = "all", type = "blank"), step = "start", next_step = "end",
      r_function = function(self) {
        self$model <- stats::lm(dist ~ speed, cars)
        card <- current("card")[["all"]]
        card$append("# Stopping distances\nThe mean is `r round(mean(cars$dist), 2)`.")
        card$append(utils::head(cars))
        card$append(plot(cars), caption = "the cars")
        card$append(list(
          mark = "point", data = list(values = cars),
          encoding = list(
            x = list(field = "speed", type = "quantitative"), y = list(field = "dist", type = "quantitative")
          )
        ))
        card$progress(10, "training")$update(7)
        if (requireNamespace("DT", quietly = TRUE)) card$append(DT::datatable(cars, caption = "all cars"))
      }) |>
    step(decorator("card", type = "blank"), step = "end", r_function = function(self) {
      set.seed(1)
      noise <- array(stats::runif(3 * 1600 * 1600), c(1600, 1600, 3)) # does not compress
      current("card")$append("the large one")
      current("card")$append(function() {
        graphics::par(mar = rep(0, 4))
        graphics::plot.new()
        graphics::rasterImage(noise, 0, 0, 1, 1, interpolate = FALSE)
      }, width = 16, height = 16, retina = 1.1)
    })
}

test_that("a browser shows what is on cards, without a network, and one of 10 MB", {
  skip_if(!nzchar(Sys.getenv("GANGWAY_EXAMPLES")), "it is part of `make test-examples`")
  skip_if(is.na(browser), "no chromium is installed")
  folder <- local_run_folder()
  run(cards_flow(), quiet = TRUE)
  pictures <- file.path(Sys.getenv("GANGWAY_TEST_OUTPUT", folder), paste0(c("default", "all", "large"), ".png"))
  html_of <- function(step, type) {
    step <- new_run("BrowserFlow", "latest_run")$step(step)
    cards <- reticulate::import("metaflow.cards")$get_cards(paste0(step$pathspec, "/", step$a_task), type = type)
    cards[[0L]]$get()
  }
  default <- in_browser(html_of("start", "default"), folder, pictures[[1L]])
  for (text in c("model", "R session", "R function")) expect_match(default, text, fixed = TRUE)
  all <- in_browser(html_of("start", "blank"), folder, pictures[[2L]])
  expect_match(all, "The mean is 42.98", fixed = TRUE)
  expect_match(all, "<img[^>]+data:image/png")
  expect_match(all, "<(canvas|svg)[^>]+marks") # Vega's
  expect_match(all, "training", fixed = TRUE)
  if (requireNamespace("DT", quietly = TRUE)) expect_match(all, "<iframe", fixed = TRUE)
  large <- html_of("end", "blank")
  expect_gt(nchar(large, "bytes"), 1e7)
  expect_match(in_browser(large, folder, pictures[[3L]]), "the large one", fixed = TRUE)
  for (picture in pictures) expect_gt(file.size(picture), 5000)
  expect_nothing_left(folder)
})
