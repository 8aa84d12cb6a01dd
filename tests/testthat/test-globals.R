uses <- function(f) sort(names(scan_function(f)$uses))
needed <- function(f) sort(names(scan_function(f)$needed))
# What would be reported as missing, seen from the function's own environment.
missing_in <- function(f) {
  bag <- carry_flow(list(start = f), list(), list(), NULL, FALSE)
  if (bag$dynamic) {
    return(character())
  }
  setdiff(vapply(bag$missing, function(m) m$name, ""), bag$super)
}

test_that("arguments, assigned names and loop variables are local", {
  f <- function(x, n = length(x), ...) {
    total <- 0
    for (i in seq_len(n)) total <- total + x[i]
    total
  }
  expect_setequal(needed(f), c("seq_len", "+", "length"))
  expect_false(any(c("x", "n", "i", "total") %in% uses(f)))
})

test_that("a name that is read before it is assigned comes from outside", {
  expect_true("data" %in% uses(function() {
    data <- data[1:2, ]
    data
  }))
  expect_true("x" %in% uses(function(p) {
    if (p) x <- 1
    x
  }))
  expect_false("x" %in% uses(function(p) {
    if (p) x <- 1 else x <- 2
    x
  }))
  expect_true("counts" %in% uses(function() counts$a <- 1))
})

test_that("members, namespaces, missing arguments and strings are no names", {
  found <- uses(function(self) {
    self$rows <- stats::lm(self$y)
    m <- self$m[, 1]
    m@slot
  })
  expect_false(any(c("rows", "stats", "lm", "slot", "y", "m") %in% found))
  expect_equal(scan_function(function() do.call("helper", list()))$strings, "helper")
})

test_that("missing names are found in plain places", {
  expect_equal(missing_in(function() undefined_a + 1), "undefined_a")
  expect_equal(missing_in(function() undefined_b(1)), "undefined_b")
  expect_equal(missing_in(function(self) self$x <- undefined_c), "undefined_c")
  expect_equal(missing_in(function() if (undefined_d) 1), "undefined_d")
  expect_equal(missing_in(function() sapply(1:3, \(x) x + undefined_e)), "undefined_e")
  expect_equal(missing_in(function() paste("a", undefined_f)), "undefined_f")
  expect_equal(missing_in(function(x) mean(x, trim = 0) + mean(undefined_g)), "undefined_g")
  expect_equal(missing_in(function() tryCatch(undefined_h(), error = function(e) NULL)), "undefined_h")
  expect_equal(missing_in(function(x) x |> undefined_i()), "undefined_i")
  expect_equal(missing_in(function(x, n = undefined_j) n), "undefined_j")
  expect_equal(missing_in(function(x) x[[undefined_k]]), "undefined_k")
  expect_equal(missing_in(function(x) switch(x, a = , b = undefined_l, 3)), "undefined_l")
  expect_equal(missing_in(function() data.frame(a = undefined_m)), "undefined_m")
})

test_that("missing names are found in helpers, and are called by their helper's name", {
  helper <- function(x) x + undefined_in_helper
  bag <- carry_flow(list(start = function(self) helper(1)), list(), list(), NULL, FALSE)
  expect_equal(bag$missing[[1]]$name, "undefined_in_helper")
  expect_equal(bag$missing[[1]]$fun, "`helper()`")
})

# nolint start: brace_linter, T_and_F_symbol_linter. What users write.
# Realistic functions in which every name is right; none may be reported.
sound <- list(
  dplyr = function(self) {
    df <- self$df %>% dplyr::filter(price > 10, cut == "Ideal")
    dplyr::summarise(dplyr::group_by(df, cut), avg = mean(price), n = dplyr::n(), .groups = "drop")
  },
  base_pipe = function(d) d |> subset(hp > 100) |> transform(kpl = 0.43 * mpg) |> with(mean(kpl)),
  within = function(d) within(d, {
    ratio <- mpg / wt
    rm(wt)
  }),
  formula = function(d) lm(mpg ~ wt + I(hp^2), data = d, weights = qsec, subset = cyl > 4),
  nls = function(d) nls(y ~ a * exp(b * x), data = d, start = list(a = 1, b = 2)),
  aggregate = function(d) aggregate(cbind(mpg, hp) ~ cyl, data = d, FUN = mean),
  quote = function() {
    e <- quote(alpha + beta)
    eval(e, list(alpha = 1, beta = 2)) + eval(substitute(gamma * 2, list(gamma = 3)))
  },
  bquote = function(v) bquote(.(v) + zeta),
  expression = function() expression(eta, theta),
  curve = function() curve(x^2, 0, 1),
  tryCatch = function(f) {
    tryCatch(f(), error = function(e) conditionMessage(e), warning = function(w) NULL, finally = cat("done"))
  },
  try = function() try(maybe_there, silent = TRUE),
  exists = function() if (exists("debug_flag")) debug_flag else FALSE,
  local = function() {
    y <- local({
      tmp <- 2
      tmp * 3
    })
    y
  },
  closures = function() {
    count <- 0
    add <- function() {
      count <<- count + 1
      later()
    }
    later <- function() count
    add()
  },
  recursion = function(n) {
    fact <- function(k) if (k <= 1) 1 else k * fact(k - 1)
    fact(n)
  },
  repeat_loop = function() {
    repeat {
      done <- TRUE
      if (done) break
    }
    while (!done) done <- TRUE
  },
  for_after = function(xs) {
    for (x in xs) last <- x
    last
  },
  delayed = function() {
    delayedAssign("lazy", 42)
    assign("made", 1)
    lazy + made
  },
  super = function() {
    set_it <- function() it <<- 5
    set_it()
    it
  },
  magrittr_dot = function(x) x %>% { . + 1 } %>% sum(., 2) %>% head,
  functional = function(x) (. %>% sum %>% sqrt)(x),
  exposition = function(d) d %$% cor(mpg, wt),
  replacement = function(x) {
    names(x)[2] <- "b"
    attr(x, "k") <- 1
    levels(x$f)[1] <- "z"
    x
  },
  lambda = function(x) purrr::map(x, ~ .x + .y + ..1),
  rlang_data = function(d) dplyr::mutate(d, z = .data$x + .env$y),
  tidy_embrace = function(d, col) dplyr::pull(d, {{ col }}),
  data_table = function(dt) {
    dt[x > 1, .(m = mean(y), n = .N), by = grp][order(-m)]
    dt[, z := x * 2]
    dt[, c("p", "q") := list(x, y)]
    dt[.SD, on = "id"]
  },
  ggplot = function(d) {
    p <- ggplot2::ggplot(d, ggplot2::aes(carat, price, colour = cut))
    p + ggplot2::geom_point() + ggplot2::facet_wrap(~clarity)
  },
  attached_inside = function(d) {
    library(stats4)
    some_function_of_it(d)
  },
  sourced = function() {
    source("helpers.R")
    helper_from_file()
  },
  r6 = function() {
    R6::R6Class("Acc", public = list(n = 0, add = function(k) {
      self$n <- self$n + k
      private$log(k)
      super$add(k)
    }))
  },
  refclass = function() {
    methods::setRefClass("Account", fields = list(total = "numeric"), methods = list(add = function(x) {
      total <<- total + x
    }))
  },
  vectors = function(x) sapply(x, "[[", 1) + vapply(x, function(el) el$a, numeric(1)) + Reduce(`+`, x),
  dots = function(...) {
    args <- list(...)
    ..1 + ...length() + nargs()
  },
  s3 = function(x) UseMethod("area"),
  missing_arg = function(x, y) if (missing(y)) x else y,
  on_exit = function(path) {
    con <- file(path, "r")
    on.exit(close(con))
    readLines(con)
  },
  foreach = function(n) foreach::foreach(i = seq_len(n), .combine = c) %do% sqrt(i),
  zeallot = function(x) {
    c(a, b) %<-% x
    a + b
  },
  special_values = function() c(T, F, pi, LETTERS[1], NA_character_, Inf, .Machine$double.eps),
  native = function(x) Recall(x - 1),
  metaflow = function(self, inputs) {
    merge_artifacts(self, inputs)
    x <- gather_inputs(inputs, "x")
    current("task_id")
    ray_map(x, function(v) v + 1)
  },
  braces = function(x) paste0("{", x, "}"),
  environment = function() {
    e <- new.env()
    e$x <- 1
    evalq(x + 1, e) + get("x", e) + with(e, x)
  },
  stopifnot = function(x) stopifnot("x is a number" = is.numeric(x), length(x) == 1L),
  apply_family = function(m) {
    r <- mapply(function(a, b) a + b, 1:3, 4:6, SIMPLIFY = FALSE)
    do.call(rbind, Map(function(nm, v) data.frame(nm = nm, v = v), letters[1:3], r))
  },
  nested_default = function(x, f = function(v) v * scale, scale = 2) f(x),
  if_assign = function(x) {
    if (x > 1) {
      y <- 1
    }
    if (x > 1) y else 0
  },
  assign_in_call = function(x) {
    if ((n <- length(x)) > 0) n
    while (length(line <- readline()) > 0) print(line)
  },
  assign_in_try = function(f) {
    ok <- tryCatch({
      val <- f()
      TRUE
    }, error = function(e) FALSE)
    if (ok) val
  },
  model_tuning = function(self) {
    set.seed(42)
    grid <- expand.grid(mtry = c(2, 4), depth = 1:2)
    grid$rmse <- vapply(seq_len(nrow(grid)), function(i) {
      fit <- ranger::ranger(price ~ ., data = self$train, mtry = grid$mtry[i], max.depth = grid$depth[i])
      sqrt(mean((predict(fit, self$test)$predictions - self$test$price)^2))
    }, numeric(1))
    self$best <- grid[which.min(grid$rmse), ]
  },
  withr_use = function() withr::with_options(list(digits = 3), print(pi)),
  glue_use = function(nm) glue::glue("hello {nm} and {other}"),
  switch_fall = function(type) switch(type, a = , b = "ab", stop("unknown type: ", type)),
  numeric_switch = function(i, ...) switch(i, ..1, ..2),
  sprintf_use = function(x) sprintf("%s %d", names(x), unlist(x)),
  Recall_use = function(n) if (n < 2) n else Recall(n - 1) + Recall(n - 2),
  vapply_use = function(f) vapply(split(mtcars$mpg, mtcars$cyl), f, 0),
  reorder = function(d) d[order(d$x, -d$y), c("x", "y"), drop = FALSE],
  matrix_op = function(a, b) crossprod(a) %*% solve(b) %o% 1:3,
  system_time = function(f) system.time({
    r <- f()
    r
  })[["elapsed"]],
  suppress = function(f) suppressWarnings(suppressMessages({
    z <- f()
    z
  })),
  handlers = function(f) withCallingHandlers(f(), warning = function(w) invokeRestart("muffleWarning")),
  backtick = function(d) d$`my col` + d[["other col"]],
  makes_env_fun = function() {
    f <- function() g() + 1
    g <- function() 2
    f()
  },
  xtabs_use = function(d) xtabs(Freq ~ Sex + Class, data = d),
  reshape_use = function(d) reshape(d, direction = "wide", idvar = "id", timevar = "t"),
  boxplot_use = function(d) boxplot(len ~ dose, data = d, subset = supp == "VC", col = c("red", "blue")),
  plot_use = function(d) {
    plot(mpg ~ wt, data = d, col = factor(cyl))
    abline(h = mean(d$mpg))
    legend("top", legend = levels(d$f))
  },
  testing = function(x) {
    requireNamespace("jsonlite", quietly = TRUE)
    jsonlite::toJSON(x)
  }
)

# nolint end

test_that("none of many sound functions is reported", {
  for (name in names(sound)) {
    f <- sound[[name]]
    environment(f) <- new.env(parent = globalenv())
    # operators of packages that the test does not attach
    for (op in c("%>%", "%$%", "%do%", "%<-%")) assign(op, function(lhs, rhs) NULL, environment(f))
    expect_identical(missing_in(f), character(), label = paste0("missing in `", name, "`"))
  }
})

test_that("a name that another function makes with <<- is not missing", {
  setup <- function() cfg_made_later <<- 1
  f <- function(self) {
    setup()
    cfg_made_later + 1
  }
  expect_equal(missing_in(f), character())
})

test_that("reading a function is quick", {
  expect_lt(system.time(for (f in sound) scan_function(f))[["user.self"]], 10)
})

test_that("of several variables that hold code each promise is told apart", {
  env <- list2env(list(code = quote(x + y), formula = y ~ x))
  delayedAssign("later", stop("looked at"), assign.env = env)
  expect_identical(are_lazy(c("code", "formula", "later"), env), c(FALSE, FALSE, TRUE))
  expect_identical(are_lazy(c("later", "code"), env), c(TRUE, FALSE))
})
