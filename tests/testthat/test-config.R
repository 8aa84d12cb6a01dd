config_flow <- function(...) {
  metaflow("ConfigFlow", decorator("project", name = config_expr("cfg.project"))) |>
    config("cfg", ...) |>
    parameter("rate", type = "double", default = config_expr("cfg.rate")) |>
    step(resources(cpu = config_expr("cfg.cpu")), environment_variables(A = config_expr("cfg.a"), B = 1),
      step = "start", next_step = "end") |>
    step(step = "end")
}

test_that("a configuration and its expressions are Metaflow's", {
  code <- flow_code(config_flow(default = "a.yml", help = "h"))
  expect_match(code, "cfg = Config(\"cfg\", default=\"a.yml\", help=\"h\", parser=read_config)", fixed = TRUE)
  expect_match(code, "@project(name=config_expr(\"cfg.project\"))", fixed = TRUE)
  expect_match(code, "@resources(cpu=config_expr(\"cfg.cpu\"),", fixed = TRUE)
  expect_match(code, "vars={\"A\": config_expr(\"cfg.a\"), \"B\": \"1\"}", fixed = TRUE)
  expect_match(code, "default=config_expr(\"cfg.rate\"), type=float", fixed = TRUE)
  code <- flow_code(config_flow(default_value = list(cpu = 1L, s = "it's", e = list())))
  expect_match(code, "default_value='{\"cpu\": 1, \"s\": \"it\\'s\", \"e\": []}'", fixed = TRUE)
  expect_output(print(config_flow(default = "a.yml")), "Configurations\n  cfg  \"a.yml\"", fixed = TRUE)
  expect_output(print(config_expr("cfg.a")), "config_expr(\"cfg.a\")", fixed = TRUE)
})

test_that("run() and the command line give files and values, before the command", {
  folder <- withr::local_tempdir()
  withr::local_dir(folder)
  file.create("a.yml", "b.yml")
  flow <- config_flow(default = "a.yml") |> config("other", default_value = list(x = 1))
  args <- function(..., script = character()) run_command(flow, list(...), script)$args
  expect_equal(args(), c("--no-pylint", "run"))
  expect_equal(args(cfg = "b.yml"), c("--no-pylint", "--config", "cfg", "b.yml", "run"))
  expect_equal(args(cfg = list(cpu = 2L), show = TRUE),
    c("--no-pylint", "--config-value", "cfg", "{\"cpu\": 2}", "show"))
  expect_equal(args(cfg = "b.yml", other = list(y = "z"), script = c("--config-value", "cfg", "{}", "run")),
    c("--no-pylint", "--config-value", "other", "{\"y\": \"z\"}", "--config-value", "cfg", "{}", "run"))
  error <- function(...) conditionMessage(expect_error(args(...), class = "gangway_error_parameter"))
  expect_match(error(cfg = "none.yml"), "Configuration \"cfg\" of flow \"ConfigFlow\": there is no file")
  expect_match(error(cfg = 1), "has to be a named list, not 1")
  expect_error(args(resume = TRUE, cfg = "b.yml"), class = "gangway_error_argument")
  file.remove("a.yml")
  expect_match(error(), "there is no file")
  expect_match(error(script = "resume"), "there is no file")
  withr::with_envvar(c(METAFLOW_FLOW_CONFIG_VALUE = "{\"cfg\": {}}"), expect_equal(args(), c("--no-pylint", "run")))
  flow <- config_flow(required = TRUE)
  expect_match(error(), "needs the configuration \"cfg\"")
  expect_equal(args(resume = TRUE), c("--no-pylint", "resume"))
})

test_that("wrong configurations and expressions are errors", {
  flow <- metaflow("F") |> parameter("p", default = 1)
  error <- function(expr, class = "gangway_error_parameter") conditionMessage(expect_error(expr, class = class))
  expect_match(error(config(flow, "a-b")), "Python identifier")
  expect_match(error(config(flow, "P")), "has \"P\" already")
  expect_match(error(parameter(config(flow, "cfg"), "cfg")), "as a configuration already")
  expect_match(error(step(config(flow, "cfg"), step = "cfg"), flow_class), "as a configuration already")
  expect_match(error(config(flow, "cfg", default = list(a = 1))), "path of a file")
  expect_match(error(config(flow, "cfg", default = "a", default_value = list())), "both")
  expect_match(error(config(flow, "cfg", default_value = list(a = mean))), "function")
  expect_match(error(config_expr("cfg$a")), "with a point")
  expect_match(error(parameter(flow, "q", default = list(a = config_expr("cfg.a")))), "whole value")
  expect_match(error(parameter(flow, "q", type = "logical", is_flag = TRUE, default = config_expr("c.a"))), "flag")
  expect_match(error(flow_code(hello_flow(decorator("project", name = config_expr("cfg.a")))), flow_class),
    "names no configuration of flow \"HelloFlow\"")
})
