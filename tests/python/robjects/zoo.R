# Every kind of R object that a flow has to pass on unharmed: functions that make them, by name. Made anew in each
# step, they are what the artifacts are compared with. A name before a colon is a package that the kind needs.

zoo <- list(
  null = function() NULL,
  logical = function() c(TRUE, FALSE, NA),
  integer = function() c(1L, NA, -.Machine$integer.max),
  double = function() c(1.5, NA, NaN, Inf, -Inf, -0, .Machine$double.xmin, 2^-1074),
  minus_zero = function() -0,
  not_a_number = function() NaN,
  na_payloads = function() {
    # An NA, a NaN, and a NaN with other bits.
    readBin(as.raw(c(0xa2, 7, 0, 0, 0, 0, 0xf0, 0x7f, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 1, 2, 0, 0, 0, 0, 0xf8, 0xff)),
      "double", 3L,
      endian = "little"
    )
  },
  complex = function() complex(real = c(1, NA, NaN, -0), imaginary = c(-0, 2, Inf, NA)),
  character = function() c("", "a", NA, "NA", "gr\u00fcn", "\U1F980", "a\\b\n"),
  no_text = function() "\xE7t\xE9",
  latin1 = function() {
    x <- c("gr\xfcn", "ascii")
    Encoding(x) <- "latin1"
    x
  },
  bytes = function() {
    x <- c("\xff\xfe", "ok")
    Encoding(x) <- "bytes"
    x
  },
  raw = function() as.raw(0:255),
  raw_of_serialized = function() serialize(list(a = 1, b = "x"), NULL),
  na_logical = function() NA,
  na_integer = function() NA_integer_,
  na_real = function() NA_real_,
  na_character = function() NA_character_,
  empty_vectors = function() {
    list(logical(), integer(), double(), complex(), character(), raw(), list(), expression(), factor(), NULL)
  },
  empty_integer = function() integer(),
  empty_list = function() list(),
  empty_names = function() structure(list(), names = character()),
  compact = function() list(1:10, 5:-5, seq_len(1e5), seq(2, 20, by = 2)),
  sorted = function() sort(c(3.5, 1, 2)),
  named = function() c(a = 1, b = NA, 3),
  attributed = function() structure(1:3, unit = "kg", class = "weight", more = list(1, NULL)),
  factor = function() factor(c("u", NA, "v"), levels = c("v", "u", "w")),
  ordered = function() factor(c("low", "high"), levels = c("low", "high"), ordered = TRUE),
  factor_with_na_level = function() addNA(factor(c("a", NA))),
  date = function() as.Date(c("2024-02-29", NA, "1900-01-01")),
  one_date = function() as.Date("2024-02-29"),
  integer_date = function() structure(19782L, class = "Date"),
  posixct = function() as.POSIXct(c(1.25, 1709164800.123456, NA), origin = "1970-01-01", tz = "Europe/Berlin"),
  posixct_without_zone = function() structure(1709164800.5, class = c("POSIXct", "POSIXt")),
  posixlt = function() as.POSIXlt(as.POSIXct(c(0.5, 1e9), origin = "1970-01-01", tz = "UTC")),
  difftime = function() as.difftime(c(1.5, NA), units = "hours"),
  matrix = function() matrix(c(1, NA, 3, 4, 5, 6), 2, dimnames = list(c("a", "b"), NULL)),
  array = function() array(1:24, c(2, 3, 4), dimnames = list(x = c("a", "b"), NULL, z = letters[1:4])),
  list_matrix = function() matrix(list(1, "a", NULL, NA), 2),
  data_frame = function() data.frame(n = c(1, NA), s = c("x", NA), row.names = c("first", "second")),
  data_frame_of_factors = function() data.frame(f = factor(c("a", "b")), stringsAsFactors = TRUE),
  no_rows = function() data.frame(a = integer(), b = character()),
  no_columns = function() data.frame(row.names = 1:3),
  nothing = function() data.frame(),
  matrix_column = function() {
    x <- data.frame(a = 1:2)
    x$m <- matrix(1:4, 2)
    x
  },
  list_column = function() {
    x <- data.frame(a = 1:3)
    x$l <- list(NULL, 1:3, list(a = NULL))
    x
  },
  list = function() list(1L, "a", NULL, list(NA, list())),
  named_list = function() list(a = 1, b = NULL, a = 2, NULL),
  pairlist = function() pairlist(a = 1, b = "x"),
  ts = function() ts(c(1, 2, 4), start = c(2020, 2), frequency = 4),
  table = function() table(g = c("a", "b", "a"), h = c(1, 1, 2)),
  formula = function() y ~ x + log(z),
  call = function() quote(f(x, y = 2, ...)),
  name = function() quote(x),
  expression = function() expression(a + b, c),
  function_base = function() mean,
  primitive = function() sum,
  closure = function() {
    k <- 2
    function(x, ..., y = k) x * y + k
  },
  byte_compiled = function() {
    compiler::cmpfun(function(x) {
      for (i in 1:3) x <- x + i
      x
    })
  },
  functions_sharing = function() {
    count <- 0
    list(add = function() count <<- count + 1, get = function() count)
  },
  frame_of_functions = function() {
    x <- data.frame(name = c("mean", "max"))
    x$f <- list(mean, function(v) max(v))
    x
  },
  environment = function() list2env(list(a = 1, b = list(2)), parent = emptyenv()),
  cycle = function() {
    e <- new.env(parent = globalenv())
    e$me <- e
    list(e, e)
  },
  s4 = function() {
    if (!methods::isClass("ZooS4")) {
      methods::setClass("ZooS4", methods::representation(x = "numeric", l = "list"), where = globalenv())
    }
    methods::new("ZooS4", x = c(1, NA), l = list(NULL))
  },
  reference_class = function() {
    if (!methods::isClass("ZooRef")) {
      methods::setRefClass("ZooRef", fields = list(n = "numeric"), where = globalenv())
    }
    methods::new("ZooRef", n = 3)
  },
  lm = function() lm(mpg ~ wt + factor(cyl), data = mtcars),
  glm = function() glm(am ~ wt, data = mtcars, family = binomial()),
  models_in_a_frame = function() {
    x <- data.frame(cyl = c(4, 6))
    x$fit <- lapply(x$cyl, function(k) lm(mpg ~ wt, data = mtcars[mtcars$cyl == k, ]))
    x
  },
  "R6:R6" = function() {
    counter <- R6::R6Class("Counter",
      public = list(n = 0, add = function() {
        self$n <- self$n + private$step
        invisible(self)
      }),
      private = list(step = 2), parent_env = globalenv(), cloneable = FALSE
    )
    counter$new()$add()
  },
  "data.table:data_table" = function() data.table::data.table(a = 1:3, b = c("x", NA, "z"), key = "a"),
  "data.table:nested_data_tables" = function() {
    list(one = data.table::data.table(a = 1), deep = list(data.table::data.table(l = list(1, "b"))))
  },
  "tibble:tibble" = function() tibble::tibble(a = 1:2, l = list(NULL, 1:3)),
  "tibble:nested_tibble" = function() {
    tibble::tibble(g = 1:2, d = list(tibble::tibble(x = 1), tibble::tibble(x = NULL)))
  },
  "tibble:no_columns" = function() tibble::tibble(.rows = 3),
  "dplyr:grouped_tibble" = function() dplyr::group_by(tibble::tibble(a = c(1, 1, 2), b = 1:3), a),
  "dplyr:rowwise_tibble" = function() dplyr::rowwise(tibble::tibble(a = 1:2)),
  "vctrs:record" = function() vctrs::new_rcrd(list(x = 1:2, y = c("a", NA)), class = "zoo_record"),
  "vctrs:list_of" = function() vctrs::list_of(1:2, integer()),
  "ggplot2:ggplot" = function() {
    ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)) + ggplot2::geom_point() + ggplot2::facet_wrap(~cyl)
  },
  "ranger:ranger" = function() {
    ranger::ranger(Species ~ ., data = iris, num.trees = 5, seed = 1, num.threads = 1)
  },
  "recipes:recipe" = function() {
    recipes::step_normalize(recipes::recipe(mpg ~ ., data = mtcars), recipes::all_numeric_predictors(), id = "scale")
  },
  "recipes:prepped_recipe" = function() {
    plan <- recipes::recipe(mpg ~ ., data = mtcars)
    recipes::prep(recipes::step_normalize(plan, recipes::all_numeric_predictors(), id = "s"))
  },
  "rsample:folds" = function() {
    set.seed(1)
    rsample::vfold_cv(mtcars, v = 3)
  },
  "rsample:initial_split" = function() {
    set.seed(1)
    rsample::initial_split(mtcars)
  },
  "xgboost:xgboost" = function() {
    model <- xgboost::xgboost(as.matrix(mtcars[-1]), mtcars$mpg, nrounds = 2, nthreads = 1)
    list(raw = xgboost::xgb.save.raw(model), predicted = predict(model, as.matrix(mtcars[-1])))
  }
)
