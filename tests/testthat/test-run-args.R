typed_flow <- function() {
  metaflow("TypedFlow") |>
    parameter("count", type = "integer", default = 1L) |>
    parameter("alpha", default = 0.3) |>
    parameter("verbose", default = TRUE) |>
    parameter("label", default = "a") |>
    parameter("grid", default = list(a = 1)) |>
    parameter("words", default = "a,b", separator = ",") |>
    parameter("fast", default = FALSE, is_flag = TRUE) |>
    parameter("calm", default = TRUE, is_flag = TRUE) |>
    parameter("untyped") |>
    step(step = "start", next_step = "end") |>
    step(step = "end")
}
required_flow <- function() {
  metaflow("RequiredFlow") |>
    parameter("size", type = "integer", required = TRUE) |>
    step(step = "start", next_step = "end") |>
    step(step = "end")
}
args_of <- function(..., flow = typed_flow(), script = character()) run_command(flow, list(...), script)$args
argument_error <- function(expr) conditionMessage(expect_error(expr, class = "gangway_error_argument"))
parameter_error <- function(expr) conditionMessage(expect_error(expr, class = "gangway_error_parameter"))

test_that("options stand on their side of the command", {
  expect_equal(args_of(), c("--no-pylint", "run"))
  expect_equal(
    args_of(with = c("retry", "batch:cpu=2"), max_workers = 2, max_num_splits = 1000, tag = c("x", "y z"),
      datastore = "s3", metadata = "service", package_suffixes = c(".csv", ".R")),
    c("--with=retry", "--with=batch:cpu=2", "--datastore=s3", "--metadata=service", "--package-suffixes=.csv,.R",
      "--no-pylint", "run", "--tag=x", "--tag=y z", "--max-workers=2", "--max-num-splits=1000")
  )
  expect_equal(args_of(batch = TRUE, with = "retry"), c("--with=retry", "--with=batch", "--no-pylint", "run"))
  expect_equal(args_of(batch = FALSE, quiet = TRUE, pylint = TRUE), c("--quiet", "--pylint", "run"))
  expect_equal(args_of(tag = NULL, alpha = NULL), c("--no-pylint", "run"))
  withr::with_options(list(gangway.quiet = TRUE), {
    expect_equal(args_of(), c("--quiet", "--no-pylint", "run"))
    expect_equal(args_of(quiet = FALSE), c("--not-quiet", "--no-pylint", "run"))
  })
})

test_that("other commands take what belongs to them", {
  expect_equal(args_of(show = TRUE), c("--no-pylint", "show"))
  expect_equal(args_of(help = TRUE), c("--no-pylint", "--help"))
  expect_equal(args_of(logs = "12/start"), c("--no-pylint", "logs", "show", "12/start"))
  expect_equal(args_of(resume = TRUE, max_workers = 1), c("--no-pylint", "resume", "--max-workers=1"))
  expect_equal(
    args_of(resume = "middle", origin_run_id = 1795255363268328),
    c("--no-pylint", "resume", "middle", "--origin-run-id=1795255363268328")
  )
  expect_equal(args_of(resume = FALSE, alpha = 1), c("--no-pylint", "run", "--alpha=1"))
  expect_equal(args_of(batch = "list", my_runs = TRUE), c("--no-pylint", "batch", "list", "--my-runs"))
  expect_equal(
    args_of(step_functions = "create", only_json = TRUE, tag = "a"),
    c("--no-pylint", "step-functions", "create", "--only-json", "--tag=a")
  )
  expect_match(argument_error(args_of(resume = TRUE, alpha = 1)), "alpha")
})

test_that("other_args are arguments, never a shell's", {
  expect_equal(args_of(other_args = "--max-log-size 3"), c("--no-pylint", "run", "--max-log-size", "3"))
  expect_equal(args_of(other_args = c("--tag", "a b; rm *")), c("--no-pylint", "run", "--tag", "a b; rm *"))
  expect_equal(args_of(other_args = "--tag 'a b'"), c("--no-pylint", "run", "--tag", "a b"))
})

test_that("parameters are written exactly", {
  one <- function(...) utils::tail(args_of(...), -2L)
  expect_equal(one(count = 5), "--count=5")
  expect_equal(one(count = 2^53), "--count=9007199254740992")
  expect_equal(one(count = 100000L), "--count=100000")
  expect_equal(one(alpha = 1e5), "--alpha=100000")
  expect_equal(one(alpha = 0.1), "--alpha=0.1")
  expect_equal(one(alpha = -1e-300), "--alpha=-1e-300")
  for (x in c(pi, 1 / 3, 0.1 + 0.2, 1e22, 5e-324, 1e308, -2.5)) {
    expect_identical(as.numeric(sub("--alpha=", "", one(alpha = x))), x)
  }
  expect_equal(one(alpha = 3L), "--alpha=3")
  expect_equal(one(alpha = Inf), "--alpha=Infinity")
  expect_equal(one(verbose = FALSE), "--verbose=False")
  expect_equal(one(label = "--x 'y' \"z\" $HOME; gr\u00fcn\n"), "--label=--x 'y' \"z\" $HOME; gr\u00fcn\n")
  expect_equal(one(label = ""), "--label=")
  expect_equal(one(words = c("x", "y")), "--words=x,y")
  expect_equal(one(untyped = 5), "--untyped=5")
  expect_equal(one(fast = TRUE), "--fast")
  expect_equal(one(fast = FALSE), character())
  expect_equal(one(calm = FALSE), "--calm")
  json <- sub("--grid=", "", one(grid = list(a = c(1.5, 2), b = "x", c = list(), d = NULL, e = TRUE, f = I(1L))))
  expect_equal(jsonlite::fromJSON(json), list(a = c(1.5, 2), b = "x", c = list(), d = NULL, e = TRUE, f = 1L))
})

test_that("a value of another type is an error that names parameter and flow", {
  text <- parameter_error(args_of(count = 1.5))
  expect_match(text, "\"count\" of flow \"TypedFlow\" has to be a whole number, not 1.5")
  expect_match(parameter_error(args_of(count = NA_integer_)), "whole number")
  expect_match(parameter_error(args_of(count = "3")), "whole number")
  expect_match(parameter_error(args_of(alpha = "a")), "a number")
  expect_match(parameter_error(args_of(alpha = c(1, 2))), "a number")
  expect_match(parameter_error(args_of(alpha = NA)), "a number")
  expect_match(parameter_error(args_of(verbose = 1)), "TRUE or FALSE")
  expect_match(parameter_error(args_of(verbose = NA)), "TRUE or FALSE")
  expect_match(parameter_error(args_of(label = 3)), "one string")
  expect_match(parameter_error(args_of(label = NA_character_)), "one string")
  expect_match(parameter_error(args_of(words = c("a,b", "c"))), "separator")
  expect_match(parameter_error(args_of(grid = list(f = mean))), "parameter \"grid\"")
})

test_that("dates, data frames and files are checked before the run", {
  withr::local_dir(withr::local_tempdir())
  flow <- metaflow("F") |>
    parameter("day", type = "Date", required = TRUE) |>
    parameter("df", type = "data.frame") |>
    parameter("file", type = "file", default = "a.csv") |>
    step(step = "start", next_step = "end") |>
    step(step = "end")
  one <- function(...) args_of(..., flow = flow)[-(1:2)]
  wrong <- function(...) parameter_error(one(...))
  expect_match(wrong(day = "2026-11-29"), "Parameter \"file\" of flow \"F\": there is no file 'a.csv'")
  file.create("a.csv", "b.csv")
  expect_equal(one(day = as.Date("2026-11-29"), file = "b.csv"), c("--day=2026-11-29", "--file=b.csv"))
  expect_equal(one(day = "2026-11-29", df = data.frame(a = 1:2)), c("--day=2026-11-29", "--df={\"a\": [1, 2]}"))
  expect_match(wrong(day = "2026-11-31"), "has to be a date .*, not \"2026-11-31\"")
  expect_match(wrong(day = Sys.time()), "has to be a date")
  expect_match(wrong(df = list(a = 1)), "has to be a data frame")
  expect_match(wrong(df = data.frame(a = 1i)), "column a is a complex")
  expect_match(wrong(df = data.frame(a = runif(1e4))), "takes 2.. kB as text, and a command line takes 128")
  expect_match(wrong(file = "c.csv"), "there is no file 'c.csv'")
  expect_match(wrong(), "needs a value for the parameter \"day\"")
  withr::with_envvar(c(METAFLOW_RUN_DAY = "2026-11-29"), expect_equal(one(), character()))
  expect_match(parameter_error(args_of(grid = data.frame(a = 1))), "type = \"data.frame\"")
})

test_that("a missing required parameter is an error, except for other commands", {
  expect_match(parameter_error(args_of(flow = required_flow())), "needs a value for the parameter \"size\"")
  expect_match(parameter_error(args_of(flow = required_flow(), size = NULL)), "size")
  expect_equal(args_of(flow = required_flow(), size = 2), c("--no-pylint", "run", "--size=2"))
  expect_equal(args_of(flow = required_flow(), show = TRUE), c("--no-pylint", "show"))
})

test_that("an unknown argument is named with the nearest known one", {
  expect_match(argument_error(args_of(alhpa = 1)), "Did you mean \"alpha\"")
  expect_match(argument_error(args_of(max_worker = 1)), "Did you mean \"max_workers\"")
  expect_match(argument_error(args_of(zzzzzz = 1)), "flow's parameters are: \"count\"")
  expect_match(argument_error(args_of(1)), "have names")
  expect_match(argument_error(args_of(alpha = 1, alpha = 2)), "twice")
  expect_match(argument_error(args_of(with = 3.5)), "with")
  expect_match(argument_error(args_of(max_workers = c(1, 2))), "max_workers")
  expect_match(argument_error(args_of(quiet = "yes")), "TRUE or FALSE")
})

test_that("a parameter with the name of an option takes precedence", {
  flow <- metaflow("F") |>
    parameter("metadata", default = "x") |>
    step(step = "start", next_step = "end") |>
    step(step = "end")
  expect_equal(args_of(flow = flow, metadata = "y"), c("--no-pylint", "run", "--metadata=y"))
})

test_that("a script's command line is passed on, and wins", {
  script <- function(..., args = list()) run_command(typed_flow(), args, c(...))$args
  line <- c("run", "--alpha", "0.3", "--with", "retry")
  expect_equal(script(line), c("--no-pylint", line))
  expect_equal(script("show"), c("--no-pylint", "show"))
  expect_equal(script("--help"), c("--no-pylint", "--help"))
  expect_equal(script("card", "view", "start"), c("--no-pylint", "card", "view", "start"))
  expect_equal(
    script("--with", "retry", "run", "--alpha=1", args = list(alpha = 2, with = "batch", max_workers = 3, tag = "t")),
    c("--no-pylint", "--with", "retry", "run", "--tag=t", "--max-workers=3", "--alpha=1")
  )
  args <- list(alpha = 2, max_workers = 3, quiet = TRUE)
  expect_equal(script("show", args = args), c("--quiet", "--no-pylint", "show"))
  expect_equal(script("run", args = list(alpha = 2)), c("--no-pylint", "run", "--alpha=2"))
  expect_equal(script("run", "--help", args = list(alpha = 2)), c("--no-pylint", "run", "--help"))
  expect_equal(script("--pylint", "check"), c("--pylint", "check"))
  expect_equal(script("--alpha", "1"), c("--no-pylint", "run", "--alpha", "1"))
  expect_equal(script("--with", "retry"), c("--no-pylint", "--with", "retry", "run"))
  expect_equal(script("--branch", "trial", "run"), c("--no-pylint", "--branch", "trial", "run"))
  expect_true(run_command(typed_flow(), list(), c("--branch", "trial", "run"))$writes)
  expect_equal(script("resume", "middle", args = list(alpha = 2)), c("--no-pylint", "resume", "middle"))
})

test_that("it is known whether a command makes a run, and with what", {
  expect_true(run_command(typed_flow())$writes)
  expect_false(run_command(typed_flow(), list(show = TRUE))$writes)
  command <- run_command(typed_flow(), list(), c("--datastore", "s3", "run", "--with", "batch:cpu=1", "--with=retry"))
  expect_true(command$writes && command$from_script)
  expect_setequal(command$with, c("batch:cpu=1", "retry"))
  expect_equal(command$top, c("--no-pylint", "--datastore=s3"))
  gang <- metaflow("F") |>
    step(step = "start", next_step = "work", num_parallel = 2) |>
    step(decorator("ray_parallel"), step = "work", next_step = "join") |>
    step(step = "join", join = TRUE, next_step = "end") |>
    step(step = "end")
  expect_true(needs_ray(gang, run_command(gang)))
  expect_false(needs_ray(gang, run_command(gang, list(batch = TRUE))))
  expect_false(needs_ray(gang, run_command(gang, list(show = TRUE))))
  expect_false(needs_ray(typed_flow(), run_command(typed_flow())))
})
