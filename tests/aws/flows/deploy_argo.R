# A flow's life on Argo Workflows, from R.
suppressPackageStartupMessages(library(gangway))
hook <- function(run) cat("HOOK", run$status, run$failed[[1]]$step, run$failed[[1]]$message, "\n")
life <- function(...) metaflow("ArgoLife", ...) |>
  parameter("text", default = "none") |>
  parameter("seconds", default = 0) |>
  step(step = "start", r_function = function(self) {
    cat("text:", self$text, "\n")
    if (self$seconds < 0) stop("no time")
    Sys.sleep(self$seconds)
  }, next_step = "end") |>
  step(step = "end")
flow <- life(decorator("exit_hook", on_error = hook))

until <- function(run, wanted) {
  end <- Sys.time() + 100
  while (!(status <- run$status) %in% wanted && Sys.time() < end) Sys.sleep(0.2)
  status
}
say <- function(...) cat("SAID", ..., "\n")

say("template of", deploy(flow, "argo", only_json = TRUE)$metadata$name)
file <- deploy(life(), "airflow", file = tempfile(fileext = ".py"))
say("dag", any(grepl("ArgoLife", readLines(file))))
deployed <- deploy(flow, "argo", on_failure = "arn:aws:sns:us-east-1:123456789012:alarm")
print(deployed)
run <- deployed$trigger(text = Sys.getenv("HARD"))
say("first", until(run, c("ok", "failed", "aborted")))
say("found", nrow(deployed$runs()), identical(deployed$runs()$run_id, run$run_id))
long <- deployed_flow("arglife", "argo", name = deployed$name)$trigger(seconds = 200)
say("second", until(long, "running"))
long$terminate()
say("then", until(long, c("ok", "failed", "aborted")))
say("third", until(deployed$trigger(seconds = -1), c("ok", "failed", "aborted")))
say("listed", "ArgoLife" %in% list_deployed_flows("argo")$flow)
deployed$delete()
again <- tryCatch(deployed_flow("ArgoLife", "argo"), error = function(e) class(e)[1L])
say("again", again)
