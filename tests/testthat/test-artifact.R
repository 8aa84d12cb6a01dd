# What Python steps make, as R reads it: in the next step's task and in a session's client, the same objects.

python_values <- c(
  "import datetime as dt",
  "from collections import namedtuple",
  "from dataclasses import dataclass",
  "from decimal import Decimal",
  "from zoneinfo import ZoneInfo",
  "import numpy as np",
  "import pandas as pd",
  "@dataclass",
  "class Settings:",
  "    alpha: float",
  "    names: list",
  "Point = namedtuple('Point', 'x y')",
  "values = dict(",
  "    none=None, flag=True, whole=5, wide=2**40, real=0.5, text='gr\\u00fcn', data=b'\\0a', imaginary=1+2j,",
  "    numbers=[1, 2.5], words=('a', 'b'), holes=['a', None], empty=[], several={'a', 'b'}, counted=range(3),",
  "    nested={'a': [1, 2, None], 'b': {'c': [[1], []]}}, settings=Settings(0.5, ['u']), point=Point(1, 'u'),",
  "    day=dt.date(2024, 2, 29), moment=dt.datetime(2024, 1, 2, 3, 4, 5, 250000), span=dt.timedelta(hours=1),",
  "    berlin=dt.datetime(2024, 7, 1, 12, tzinfo=ZoneInfo('Europe/Berlin')),",
  "    vector=np.arange(3), matrix=np.arange(6.0).reshape(2, 3), masked=np.ma.array([1, 2], mask=[0, 1]),",
  "    days=np.array(['2024-01-01', 'NaT'], dtype='M8[D]'), half=np.float32(0.5),",
  "    series=pd.Series([1.5, 2], index=['a', 'b']), level=pd.Categorical(['b', None], ['b', 'a'], ordered=True),",
  "    frame=pd.DataFrame({",
  "        'n': [1, 2], 'd': [0.5, None], 's': ['x', None], 'f': pd.Categorical(['v', 'u']),",
  "        't': pd.to_datetime(['2024-01-01 12:00', None]).tz_localize('UTC').tz_convert('America/New_York'),",
  "        'i': pd.array([1, None], dtype='Int64'), 'b': pd.array([True, None], dtype='boolean'),",
  "        'q': pd.array(['y', None], dtype='string'), 'l': [[1, 2], None],",
  "    }),",
  "    rows=pd.DataFrame({'x': [1, 2, 3]})[lambda d: d.x > 1],",
  "    keyed=pd.DataFrame({'k': ['p'], 'x': [1]}).set_index('k'),",
  ")",
  "def make(self):",
  "    for name, value in values.items():",
  "        setattr(self, name, value)",
  "    self.huge = 2**70; self.price = Decimal('1.50'); self.mixed = {'a': 1, 'b': [Decimal(1), 'u']}",
  "    self.model = {1: np.arange(3)}",
  "def look(self):",
  "    assert self.handed == Decimal('1.50') and self.price == Decimal('1.50')",
  "    assert isinstance(self.frame, pd.DataFrame) and self.moment == values['moment']",
  "    assert len(self.again) == 2 and self.again.to_python()['n'].tolist() == [1, 2]",
  "    assert self.one == 1 and self.nothing is None"
)

r_values <- list(
  none = NULL, flag = TRUE, whole = 5L, wide = 2^40, real = 0.5, text = "gr\u00fcn", data = as.raw(c(0, 0x61)),
  imaginary = 1 + 2i, numbers = c(1, 2.5), words = c("a", "b"), holes = list("a", NULL), empty = list(),
  several = c("a", "b"), counted = 0:2, nested = list(a = list(1L, 2L, NULL), b = list(c = list(1L, list()))),
  settings = list(alpha = 0.5, names = "u"), point = list(x = 1L, y = "u"),
  day = as.Date("2024-02-29"), moment = as.POSIXct("2024-01-02 03:04:05.25", tz = "UTC"),
  span = as.difftime(3600, units = "secs"), berlin = as.POSIXct("2024-07-01 12:00:00", tz = "Europe/Berlin"),
  vector = 0:2, matrix = matrix(0 + 0:5, 2, byrow = TRUE), masked = c(1L, NA), days = as.Date(c("2024-01-01", NA)),
  half = 0.5, series = c(a = 1.5, b = 2), level = factor(c("b", NA), c("b", "a"), ordered = TRUE),
  frame = structure(
    list(
      n = 1:2, d = c(0.5, NaN), s = c("x", NA), f = factor(c("v", "u")),
      t = as.POSIXct(c("2024-01-01 07:00:00", NA), tz = "America/New_York"), i = c(1L, NA), b = c(TRUE, NA),
      q = c("y", NA), l = list(1:2, NULL)
    ),
    class = "data.frame", row.names = 1:2
  ),
  rows = data.frame(x = 2:3, row.names = 1:2), keyed = data.frame(k = "p", x = 1L)
)

test_that("an R step and a client read the same natural objects of a Python step's values", {
  folder <- local_run_folder()
  writeLines(python_values, "mixedkinds.py")
  expected <- r_values
  flow <- metaflow("MixedFlow") |>
    step(step = "start", py_function = "mixedkinds:make", next_step = "check") |>
    step(step = "check", next_step = "look", r_function = function(self) {
      for (name in names(expected)) {
        if (!identical(self[[name]], expected[[name]])) stop(name, ": ", paste(deparse(self[[name]]), collapse = " "))
      }
      stopifnot(
        inherits(self$huge, "gangway_python"), inherits(self$model, "gangway_python"),
        identical(capture.output(print(self$price)), "<Python decimal.Decimal: Decimal('1.50')>"),
        identical(self$mixed$a, 1L), inherits(self$mixed$b[[1]], "gangway_python"), identical(self$mixed$b[[2]], "u")
      )
      self$handed <- self$price
      self$again <- self$frame
      self$one <- self$whole - 4L
      self$nothing <- self$none
      self$refused <- tryCatch(self$copy <- self$mixed, error = conditionMessage)
    }) |>
    step(step = "look", py_function = "mixedkinds:look", next_step = "end") |>
    step(step = "end")
  result <- quiet_run(flow)
  expect_match(result$refused, "self$copy$b[[1]]", fixed = TRUE)
  expect_identical(result$again, r_values$frame)
  start <- new_run("MixedFlow", "latest_run")$step("start")
  task <- start$task(start$a_task)
  for (name in names(r_values)) expect_identical(task$artifact(name), r_values[[name]], label = name)
  expect_s3_class(task$artifact("huge"), "python.builtin.int")
  expect_s3_class(task$artifact("model"), "python.builtin.dict")
  expect_identical(as.character(task$artifact("mixed")$b[[1]]), "1")
  expect_identical(task$artifact("mixed")$b[[2]], "u")
  expect_nothing_left(folder)
})

foreach_values <- c(
  "import numpy as np",
  "import pandas as pd",
  "def make(self):",
  "    self.frame = pd.DataFrame({'x': [1, 2], 'f': pd.Categorical(['u', 'v'])})",
  "    self.keys = {'a': [1, 2], 'b': 'v'}",
  "    self.array = np.array([1, 2**40])",
  "    self.numbers = [1, 2.5]",
  "    self.mixed = [{'k': 1}, None]",
  "    self.matrix = np.arange(4).reshape(2, 2)",
  "    self.word = 'data.csv'",
  "    self.series = pd.Series(pd.Categorical(['q', 'p']), index=[7, 8])"
)

test_that("a foreach over Python's values gives the elements that R has", {
  folder <- local_run_folder()
  writeLines(foreach_values, "pyelements.py")
  names <- c("frame", "keys", "array", "numbers", "mixed", "matrix", "word", "series")
  flow <- metaflow("ElementsFlow") |>
    step(step = "start", py_function = "pyelements:make", next_step = paste0("split_", names))
  for (name in names) {
    flow <- flow |>
      step(step = paste0("split_", name), r_function = function(self) NULL, foreach = name,
        next_step = paste0("each_", name)) |>
      step(step = paste0("each_", name), r_function = function(self) self$got <- list(self$input),
        next_step = paste0("join_", name)) |>
      step(step = paste0("join_", name), join = TRUE, next_step = "all", r_function = function(self, inputs) {
        self$elements <- lapply(gather_inputs(inputs, "got"), `[[`, 1L)
      })
  }
  flow <- flow |>
    step(step = "all", join = TRUE, next_step = "end", r_function = function(self, inputs) {
      self$collected <- lapply(inputs, function(i) i$elements)
    }) |>
    step(step = "end")
  all <- quiet_run(flow, max_workers = 4)$collected
  names(all) <- sub("join_", "", names(all))
  frame <- data.frame(x = 1:2, f = factor(c("u", "v")))
  expect_identical(all$frame, list(frame[1, ], frame[2, ]))
  expect_identical(all$keys, list(1:2, "v"))
  expect_identical(all$array, list(1, 2^40))
  expect_identical(all$numbers, list(1, 2.5))
  expect_identical(all$mixed, list(list(k = 1L), NULL))
  expect_identical(all$matrix, list(0:1, 2:3))
  expect_identical(all$word, list("data.csv"))
  levels <- factor(c("q", "p"))
  expect_identical(all$series, list(levels[[1]], levels[[2]]))
  expect_nothing_left(folder)
})

test_that("current(), tags, parameters, caught exceptions and cards go through the same door", {
  folder <- local_run_folder()
  flow <- metaflow("DoorFlow") |>
    parameter("grid", default = list(mtry = c(2, 4), depth = 1:3, word = "a", none = NULL)) |>
    step(catch(var = "problem"), decorator("card"), step = "start", next_step = "end", r_function = function(self) {
      card <- current("card")
      card$append("## Caption")
      card$append(data.frame(name = c("alpha", "beta"), value = c(0.123456789, 2)))
      card$append(data.frame(day = as.Date(c("2024-01-01", NA)), time = as.POSIXct(c(0, NA), origin = "1970-01-01")))
      card$append(factor("level"))
      card$append(mtcars[rep(1, 200), ])
      self$table <- tibble::tibble(x = 1:3)
      self$grid_read <- self$grid
      self$tags <- current("tags")
      self$kept <- 1
      stop("caught in R")
    }) |>
    step(step = "end", r_function = function(self) self$message <- as.character(self$problem))
  result <- quiet_run(flow, tag = c("beta", "alpha"))
  expect_identical(result$grid_read, list(mtry = c(2, 4), depth = 1:3, word = "a", none = NULL))
  expect_true(all(c("alpha", "beta") %in% result$tags))
  expect_type(result$tags, "character")
  expect_identical(result$message, as.character(result$problem))
  expect_match(result$message, "caught in R")
  expect_output(print(result$problem), "Error in start(self): caught in R", fixed = TRUE)
  run <- new_run("DoorFlow", "latest_run")
  expect_true(all(c("alpha", "beta") %in% run$tags))
  start <- run$step("start")
  expect_identical(start$task(start$a_task)$metadata_dict[["attempt"]], "0")
  cards <- reticulate::import("metaflow.cards")
  html <- cards$get_cards(paste0(start$pathspec, "/", start$a_task))[[0]]$get()
  encoded <- regmatches(html, gregexpr("[A-Za-z0-9+/=]{400,}", html))[[1]]
  texts <- lapply(encoded, jsonlite::base64_dec)
  data <- rawToChar(Filter(function(text) length(grepRaw("Caption", text, fixed = TRUE)) > 0L, texts)[[1]])
  shown <- c("## Caption", "0.1234568", "Levels: level", "The first 100 of 200 rows", "R tbl_df/tbl/data.frame, 3 x 1")
  for (text in shown) expect_match(data, text, fixed = TRUE)
  expect_false(grepl("NA_character_", data, fixed = TRUE))
  expect_nothing_left(folder)
})
