test_that("a decorator prints as the Python it becomes", {
  expect_equal(format(decorator("retry")), "@retry")
  expect_equal(format(decorator("resources", cpu = 2, memory = 10000)), "@resources(cpu=2, memory=10000)")
  expect_equal(format(decorator("card", type = NULL, options = list(a = c(1, 2.5), b = "q\"'"))),
    "@card(type=None, options={\"a\": [1, 2.5], \"b\": \"q\\\"'\"})")
  expect_output(print(decorator("catch", print_exception = FALSE)), "@catch(print_exception=False)", fixed = TRUE)
  expect_s3_class(decorator("retry"), "decorator")
})

test_that("arguments can be Python source", {
  d <- decorator("environment", vars = "{'a': str(1)}", n = 3, .convert_args = FALSE)
  expect_equal(format(d), "@environment(vars={'a': str(1)}, n=3)")
})

test_that("decorators with names of their own have Netflix's defaults and leave NULL to Metaflow", {
  expect_equal(format(batch()), "@batch(cpu=1, gpu=0, memory=4096)")
  expect_equal(format(batch(image = "i", queue = "q")), "@batch(cpu=1, gpu=0, memory=4096, image=\"i\", queue=\"q\")")
  expect_equal(format(resources(cpu = 4)), "@resources(cpu=4, gpu=0, memory=4096)")
  expect_equal(format(retry()), "@retry(times=3, minutes_between_retries=2)")
  expect_equal(format(catch()), "@catch(print_exception=True)")
  expect_equal(format(catch("e", FALSE)), "@catch(var=\"e\", print_exception=False)")
})

test_that("environment variables are strings", {
  expect_equal(format(environment_variables()), "@environment(vars={})")
  expect_equal(format(environment_variables(A = 1, B = TRUE, C = c(n = "x y"))),
    "@environment(vars={\"A\": \"1\", \"B\": \"TRUE\", \"C\": \"x y\"})")
})

test_that("bad decorators are errors of their class", {
  class <- "gangway_error_decorator"
  expect_error(decorator("@retry"), class = class)
  expect_error(decorator(NULL), class = class)
  expect_error(decorator("a..b"), class = class)
  expect_error(decorator("retry", 2), "have to be named", class = class)
  expect_error(decorator("retry", times = 2, times = 3), "times.* twice", class = class)
  expect_error(decorator("retry", times = NA), "times.*retry", class = class)
  expect_error(decorator("retry", f = mean), "function", class = class)
  expect_error(decorator("retry", `a b` = 1), class = class)
  expect_error(decorator("retry", times = c("1", "2"), .convert_args = FALSE), "Python source", class = class)
  expect_error(environment_variables("x"), "named", class = class)
  expect_error(secrets(), "names of secrets, not none", class = class)
  expect_error(secrets("a", 1), "not 1", class = class)
  expect_error(secrets(`A B` = "a"), "environment variable", class = class)
  expect_error(environment_variables(A = 1:2), "one value", class = class)
  expect_error(batch(cpu = NA), "cpu.*batch", class = class)
})

test_that("a single value is a list of one where the decorator wants a list, and nowhere else", {
  expect_equal(format(secrets("prod/db", T = "x", role = "r")), paste0(
    "@secrets(sources=[\"prod/db\", {\"id\": \"x\", \"options\": {\"json\": False, \"env_var_name\": \"T\"}}], ",
    "role=\"r\", allow_override=False)"
  ))
  expect_equal(format(decorator("secrets", sources = "arn:a")), "@secrets(sources=[\"arn:a\"])")
  expect_equal(format(decorator("secrets", sources = c("a", "b"))), "@secrets(sources=[\"a\", \"b\"])")
  expect_equal(format(decorator("secrets", sources = list(type = "x", id = "y"), role = "r")),
    "@secrets(sources=[{\"type\": \"x\", \"id\": \"y\"}], role=\"r\")")
  expect_equal(format(decorator("exit_hook", on_error = "f")), "@exit_hook(on_error=[\"f\"])")
  expect_equal(format(decorator("kubernetes", tolerations = list(key = "arch"), image = "i")),
    "@kubernetes(tolerations=[{\"key\": \"arch\"}], image=\"i\")")
  expect_equal(format(decorator("trigger", event = "e")), "@trigger(event=\"e\")")
  expect_equal(format(decorator("trigger_on_finish", flows = factor("A"))), "@trigger_on_finish(flows=[\"A\"])")
  expect_equal(format(decorator("secrets", sources = config_expr("cfg.arn"))),
    "@secrets(sources=config_expr(\"cfg.arn\", many=True))")
})
