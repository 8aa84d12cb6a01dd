# Cards of R steps, and what a step writes to its log: one run.

# The components of a card, however deep.
card_components <- function(html) {
  encoded <- regmatches(html, regexpr('__MF_DATA__\\["[-0-9a-f]+"\\] = "[^"]+"', html))
  data <- jsonlite::fromJSON(rawToChar(jsonlite::base64_dec(sub('.*= "(.*)"', "\\1", encoded))), simplifyVector = FALSE)
  found <- list()
  visit <- function(x) {
    if (!is.list(x)) return()
    if (is.character(x$type)) found[[length(found) + 1L]] <<- x
    for (part in x) visit(part)
  }
  visit(data$components)
  found
}

texts_of <- function(components) {
  unlist(lapply(components, function(one) if (one$type == "markdown") trimws(one$source)))
}

card_flow <- function(folder) {
  metaflow("CardFlow") |>
    parameter("alpha", default = 0.3) |>
    step(catch(var = "problem"), decorator("card"), decorator("card", id = "all", type = "blank"),
      step = "start", next_step = "end", r_function = function(self) {
        said <- function(expr) tryCatch(paste0("", expr), error = conditionMessage)
        self$model <- stats::lm(dist ~ speed, cars) # whose formula has all of this
        card <- current("card")[["all"]]
        bar <- card$progress(20, "training", "epochs")
        bar$update(5)
        shown <- function() length(Sys.glob(".metaflow/mf.cards/*/runs/*/steps/start/tasks/*/cards/*-all-*.html")) > 0L
        until <- Sys.time() + 60
        while (!shown() && Sys.time() < until) Sys.sleep(0.1)
        self$moved <- shown()
        for (i in 1:12) bar$tick()
        third <- 1 / 3
        card$append(plot(cars), width = 4, height = 3, retina = 2, caption = "A *caption*")
        card$append(function() for (i in 1:2) plot(i))
        card$append(quote(graphics::hist(cars$speed)))
        if (requireNamespace("ggplot2", quietly = TRUE)) {
          card$append(ggplot2::ggplot(cars, ggplot2::aes(speed, dist)) + ggplot2::geom_point())
        }
        card$append(grid::circleGrob())
        card$append("## Value `r third`, `r c('a', 'b')`, `code`")
        card$append(data.frame(n = 1:120, t = as.Date(c("2024-01-01", NA))), rows = 7)
        card$append(matrix(1:4, 2, dimnames = list(c("r1", "r2"), NULL)))
        card$append(list(mark = "point", data = list(values = data.frame(
          x = c(1.5, NA), s = c("a \"b\"\n", "c"), d = as.Date("2024-01-02")
        )), encoding = list(x = list(field = "x"), order = I("s"))))
        card$append(structure(list(1), class = "odd"))
        card$append(stats::t.test(cars$speed))
        card$append(knitr::kable(head(cars), format = "html"))
        if (requireNamespace("DT", quietly = TRUE)) card$append(DT::datatable(cars))
        grDevices::png("p.png")
        plot(1)
        grDevices::dev.off()
        card$append("p.png")
        card$append(readBin("p.png", "raw", 1e6))
        self$refused <- c(
          said(card$append(new.env())), said(card$append(NULL)), said(card$append(as.raw(1:4))),
          said(card$append("none.png")), said(card$append("`r stop('inner')`")), said(card$append(1, width = -1)),
          said(current("card")[["typo"]]), said(card$other), said(card$append(function() 1)),
          said(card_render("none.Rmd")), said(card_render("flow.R"))
        )
        current("card")$append("on the default card")
        # The log.
        for (i in 1:5000) warning("NAs are many")
        warning("a rare one")
        print(data.frame(a = 1:2, bbb = c("x", "y")))
        for (text in c("\rloop 1", "\rloop 2", " done\n")) cat(text)
        for (style in 1:3) {
          pb <- utils::txtProgressBar(max = 500, style = style)
          for (i in 1:500) utils::setTxtProgressBar(pb, i)
          close(pb)
        }
        for (text in c("no return", " at all\n")) cat(text)
        self$copy <- cat
        cat("\rleft", "open", sep = "-")
        stop("ends with an error")
      }) |>
    step(step = "end", r_function = function(self) {
      self$none <- tryCatch(current("card"), error = conditionMessage)
    })
}

test_that("a card shows what R has, and a log stays readable", {
  skip_if_not_installed("knitr")
  folder <- local_run_folder()
  log <- utils::capture.output(result <- run(card_flow(folder)))
  # ---- what was refused, and how
  expect_true(result$moved)
  expected <- c(
    "class environment", "class NULL", "class raw that holds no PNG", "there is no file none.png",
    "`r stop('inner')` in the text has failed: inner", "`width` takes one number", "no card with the id \"typo\"",
    "has $append(), $progress() and $refresh(), and no $other", "class function has drawn nothing",
    "there is no file none.Rmd", "R Markdown (.Rmd) or Quarto (.qmd)"
  )
  for (i in seq_along(expected)) expect_match(result$refused[[i]], expected[[i]], fixed = TRUE)
  expect_match(result$none, "add decorator(\"card\")", fixed = TRUE)
  expect_output(result$copy("as ever\n"), "as ever")
  # ---- the log
  line <- function(text) sub("^.*[(]pid [0-9]+[)][]] ", "", grep(text, log, value = TRUE))
  expect_length(line("NAs are many"), 11L) # ten, and how many more
  expect_match(line("has given"), "Step \"start\" has given 5,001 warnings, of which 4,990 are not shown", fixed = TRUE)
  expect_length(line("a rare one"), 1L)
  expect_identical(line(" bbb$"), "  a bbb")
  expect_identical(line("2   y$"), "2 2   y")
  expect_identical(line("loop"), "loop 2 done")
  expect_length(line("[|=]{40}"), 3L)
  expect_length(line("100%"), 2L) # style 1 has become one that tells
  expect_identical(line("no return"), "no return at all")
  expect_identical(line("left-open"), "left-open")
  expect_lt(max(nchar(log)), 400)
  start <- new_run("CardFlow", "latest_run")$step("start")
  stored <- strsplit(start$task(start$a_task)$stdout, "\n")[[1L]]
  expect_true(all(c("  a bbb", "1 1   x") %in% stored))
  # ---- the cards
  cards <- reticulate::import("metaflow.cards")$get_cards(paste0(start$pathspec, "/", start$a_task))
  cards <- lapply(seq_len(length(cards)) - 1L, function(i) cards[[i]])
  types <- vapply(cards, function(one) one$type, "")
  default <- texts_of(card_components(cards[[which(types == "default")]]$get()))
  shown <- c(
    "on the default card", "alpha: num 0.3", "model: List of 12", "$ coefficients", "5000x  NAs are many",
    "ends with an error", "<summary>R function", "<summary>R session"
  )
  for (text in shown) expect_match(paste(default, collapse = "\n"), text, fixed = TRUE)
  all <- card_components(cards[[which(types == "blank")]]$get())
  of_type <- function(type) Filter(function(one) one$type == type, all)
  texts <- texts_of(all)
  expect_true("## Value 0.3333333, a, b, `code`" %in% texts)
  expect_true(all(c("A *caption*", "The first 7 of 120 rows.") %in% texts))
  drawn <- grep("^<img src=\"data:image/png", texts, value = TRUE)
  expect_gte(length(drawn), 5L + requireNamespace("ggplot2", quietly = TRUE))
  expect_match(drawn[[1L]], "width=\"384\"", fixed = TRUE)
  png <- jsonlite::base64_dec(sub(".*base64,([^\"]+)\".*", "\\1", drawn[[1L]]))
  expect_identical(png[17:24], as.raw(c(0, 0, 3, 0, 0, 0, 2, 0x40))) # 768 x 576: retina
  expect_equal(of_type("progressBar")[[1L]][c("value", "max", "label")], list(value = 17, max = 20, label = "training"))
  chart <- of_type("vegaChart")[[1L]]$spec
  expect_identical(chart$data$values, list(
    list(x = 1.5, s = "a \"b\"\n", d = "2024-01-02"), list(x = NULL, s = "c", d = "2024-01-02")
  ))
  expect_identical(chart$encoding$order, list("s"))
  expect_identical(unlist(of_type("table")[[2L]]$columns), c(" ", "V1", "V2"))
  expect_length(of_type("image"), 2L)
  expect_match(texts, "One Sample t-test", fixed = TRUE, all = FALSE)
  expect_gte(length(grep("^<iframe srcdoc=", texts)), 1L + requireNamespace("DT", quietly = TRUE))
  expect_nothing_left(folder)
})
