# One flow for all rows: they run in its first step, and by all doors of a gang of two in its second. The code stands in
# the steps' functions as a user writes it there.

by_flow <- function(rows) {
  doors <- c("step", "gang", paste("gang:", c(names(ray_calls), "ray_actor()")))
  in_halves(rows, doors, run_flow)
}

run_flow <- function(rows) {
  flow <- gangway::metaflow("CasesFlow") |>
    gangway::step(step = "start", r_function = alone_step(rows), next_step = "work", num_parallel = 2) |>
    gangway::step(
      gangway::decorator("ray_parallel"), step = "work", r_function = gang_step(rows), next_step = "join"
    ) |>
    gangway::step(step = "join", join = TRUE, next_step = "end", r_function = join_step) |>
    gangway::step(step = "end")
  result <- gangway::run(flow)
  c(list(step = result$step), result$gang)
}

join_step <- function(self, inputs) {
  self$step <- inputs[[1]]$alone
  self$gang <- gather_inputs(inputs, "gang")[[1]]
}
environment(join_step) <- globalenv()

alone_step <- function(rows) step_function(bquote(self$alone <- .(list_of(rows, as_it_stands))))

gang_step <- function(rows) {
  by_ray <- lapply(ray_calls, function(call_for) list_of(rows, call_for))
  names(by_ray) <- paste("gang:", names(by_ray))
  actor <- list_of(rows, function(code, id) bquote(ray_get(actor[[.(id)]]())))
  step_function(bquote({
    registerDoRay()
    future::plan(ray)
    actor <- .(actor_call(rows))
    ray_get(actor$ready())
    # The step itself last: what the code changes here would travel.
    self$gang <- .(as.call(c(
      quote(list), by_ray, list("gang: ray_actor()" = actor, gang = list_of(rows, as_it_stands))
    )))
  }))
}

step_function <- function(body) {
  as.function(c(alist(self = ), body), envir = globalenv()) # nolint: spaces_inside_linter.
}

as_it_stands <- function(code) bquote((function() .(code))())

# list(id = <attempt at the row's code>, ...)
list_of <- function(rows, call_for) {
  calls <- lapply(names(rows), function(id) {
    code <- rows[[id]]$code
    code <- if (length(formals(call_for)) == 2L) call_for(code, id) else call_for(code)
    bquote(suppressWarnings(tryCatch(.(code), error = function(e) {
      structure(list(conditionMessage(e)), class = "case_failure")
    })))
  })
  as.call(c(quote(list), stats::setNames(calls, names(rows))))
}
