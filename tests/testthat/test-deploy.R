a_flow <- function(...) {
  metaflow("DeployFlow", ...) |>
    parameter("alpha", default = 0.3) |>
    parameter("day", type = "Date") |>
    step(step = "start", r_function = function(self) self$x <- self$alpha, next_step = "end") |>
    step(step = "end")
}

args_to <- function(to, flow = a_flow(), ...) deploy_command(flow, to, list(...), "attributes.json")$args

test_that("deploy()'s arguments are those of Metaflow's command", {
  expect_equal(
    args_to("step_functions", tag = c("a", "b"), name = "Other", use_distributed_map = TRUE),
    c("--no-pylint", "step-functions", "--name=Other", "create", "--tag=a", "--tag=b", "--use-distributed-map",
      "--deployer-attribute-file=attributes.json")
  )
  hook <- "https://hooks.slack.com/services/x"
  expect_equal(
    args_to("argo", a_flow(decorator("project", name = "p")), production = TRUE, on_failure = hook,
      auto_emit_argo_events = FALSE),
    c("--no-pylint", "--production", "argo-workflows", "create", "--no-auto-emit-argo-events", "--notify-on-error",
      paste0("--notify-slack-webhook-url=", hook), "--deployer-attribute-file=attributes.json")
  )
  expect_equal(args_to("airflow", file = "dag.py"), c("--no-pylint", "airflow", "create", "dag.py"))
})

test_that("what cannot be deployed is refused before anything starts", {
  withr::local_options(gangway.python = "/nonexistent")
  wrong <- function(..., text) expect_error(deploy(a_flow(), ...), text, class = "gangway_error_argument")
  wrong("argoo", text = "Did you mean \"argo\"")
  wrong("argo", tagg = "a", text = "Did you mean \"tag\"")
  wrong("argo", alpha = 1, text = "makes no run")
  wrong("argo", production = TRUE, text = "of none")
  wrong("airflow", text = "give `file`")
  wrong("argo", on_failure = "me@example.org", text = "SNS topic")
  wrong("step_functions", on_failure = "https://example.org", text = "topic of SNS")
  expect_error(deployed_flow(a_flow(), "airflow"), "told by Airflow itself", class = "gangway_error_argument")
})

test_that("R functions are exit hooks", {
  f <- function(run) cat("told of", run$pathspec, run$status, run$failed[[1]]$step, run$failed[[1]]$message, "\n")
  hook <- decorator("exit_hook", on_error = list(f, "module.other"))
  expect_equal(format(hook), "@exit_hook(on_error=[\"<function>\", \"module.other\"])")
  folder <- local_run_folder()
  flow <- metaflow("HookFlow", hook) |>
    step(step = "start", r_function = function(self) stop("no luck"), next_step = "end") |>
    step(step = "end")
  code <- flow_code(flow)
  expect_match(code, "on_error=[\"exit_hook_1\", \"module.other\"]", fixed = TRUE)
  expect_match(code, "def exit_hook_1(run):\n    R.exit_hook(\"exit_hook_1\", run)", fixed = TRUE)
  error <- expect_error(quiet_run(flow), class = "gangway_error_run")
  # as the container of Argo's hook does
  script <- c("-m", "metaflow.plugins.exit_hook.exit_hook_script")
  place <- write_flow(flow)
  withr::defer(unlink(place, recursive = TRUE))
  run <- paste0("HookFlow/", error$run_id)
  said <- processx::run(run_python_path(), c(script, file.path(place, "flow.py"), "exit_hook_1", run),
    env = c("current", python_env(run_python_path()), RUN_PATHSPEC = run), error_on_status = FALSE)
  expect_match(said$stdout, paste("told of", run, "failed start"), info = said$stderr)
  expect_match(said$stdout, "no luck")
})

test_that("a flow lives on Step Functions from its deployment to its end", {
  local_aws()
  local_run_folder()
  code <- paste(
    "import boto3; of = boto3.client",
    "of('s3').create_bucket(Bucket='flows', CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})",
    "role = of('iam').create_role(RoleName='batch', AssumeRolePolicyDocument='{}')['Role']['Arn']",
    "nets = [x['SubnetId'] for x in of('ec2').describe_subnets()['Subnets']]",
    "groups = [x['GroupId'] for x in of('ec2').describe_security_groups()['SecurityGroups']]",
    "fargate = {'type': 'FARGATE', 'maxvCpus': 4, 'subnets': nets, 'securityGroupIds': groups}",
    "compute = of('batch').create_compute_environment(computeEnvironmentName='machines', type='MANAGED',",
    "    state='ENABLED', serviceRole=role, computeResources=fargate)['computeEnvironmentArn']",
    "order = [{'order': 1, 'computeEnvironment': compute}]",
    "of('batch').create_job_queue(jobQueueName='queue', state='ENABLED', priority=1, computeEnvironmentOrder=order)",
    sep = "\n"
  )
  made <- processx::run(run_python_path(), c("-c", code), env = aws_python_env(), error_on_status = FALSE)
  expect_equal(made$status, 0L, info = made$stderr)
  withr::local_envvar(AWS_DEFAULT_REGION = "eu-west-1", METAFLOW_DEFAULT_DATASTORE = "s3",
    METAFLOW_DATASTORE_SYSROOT_S3 = "s3://flows/metaflow", METAFLOW_S3_ENDPOINT_URL = Sys.getenv("AWS_ENDPOINT_URL"),
    METAFLOW_BATCH_JOB_QUEUE = "queue", METAFLOW_SERVICE_VERSION_CHECK = "0")
  error <- expect_error(deploy(a_flow(decorator("schedule", daily = TRUE)), "step_functions"),
    "METAFLOW_SFN_IAM_ROLE", class = "gangway_error_deployment")
  expect_match(conditionMessage(error), "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE")
  role <- "arn:aws:iam::123456789012:role/sfn"
  withr::local_envvar(METAFLOW_SFN_IAM_ROLE = role, METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE = role,
    METAFLOW_ECS_S3_ACCESS_IAM_ROLE = role, METAFLOW_ECS_FARGATE_EXECUTION_ROLE = role,
    METAFLOW_BATCH_CONTAINER_IMAGE = "image")
  topic <- "arn:aws:sns:eu-west-1:123456789012:alarm"
  deployed <- deploy(a_flow(decorator("schedule", daily = TRUE)), "step_functions", on_failure = topic)
  expect_match(capture.output(print(deployed)), "<deployed flow> DeployFlow on AWS Step Functions", all = FALSE)
  expect_equal(deployed$schedule, "cron(0 0 * * ? *)")
  expect_error(deployed$trigger(alhpa = 1), "Did you mean", class = "gangway_error_parameter")
  expect_error(deployed$trigger(day = "never"), class = "gangway_error_parameter")
  run <- deployed$trigger(alpha = 0.5, day = as.Date("2026-11-29"))
  expect_equal(run$status, "running")
  expect_equal(deployed$runs()$run_id, run$run_id)
  run$terminate()
  expect_equal(deployed$run(run$run_id)$status, "aborted")
  expect_equal(list_deployed_flows("step_functions")$name, "DeployFlow")
  # Another user needs the token.
  withr::with_envvar(c(METAFLOW_USER = "other", METAFLOW_HOME = withr::local_tempdir()), {
    expect_error(deployed$delete(), "production token", class = "gangway_error_deployment")
    suppressMessages(deployed$delete(authorize = deployed$namespace))
  })
  expect_error(deployed$runs(), "No flow is deployed", class = "gangway_error_no_deployment")
})
