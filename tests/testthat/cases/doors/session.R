# Ray from an R session: one local cluster for all rows.

by_session <- function(rows) {
  ray_init(cpus = 1)
  on.exit(ray_shutdown())
  registerDoRay()
  future::plan(ray)
  results <- lapply(ray_calls, function(call_for) {
    lapply(rows, function(row) attempt(eval(call_for(row$code), globalenv())))
  })
  results <- c(results, in_halves(rows, "ray_actor()", by_actor))
  ray_shutdown()
  c(results, list("far: ray_remote()" = by_far(rows)))
}

# As to a cluster of other machines, and into a bundle that is stored: only what code names goes along. The cluster is a
# new one, whose workers have not had the rest.
by_far <- function(rows) {
  namespace <- asNamespace("gangway")
  near <- namespace$is_near
  set <- function(f) utils::assignInNamespace("is_near", f, namespace)
  on.exit(set(near))
  set(function(driver) FALSE)
  ray_init(cpus = 1)
  lapply(rows, function(row) attempt(eval(ray_calls[["ray_remote()"]](row$code), globalenv())))
}

by_actor <- function(rows) {
  actor <- eval(actor_call(rows), globalenv())
  ray_get(actor$ready()) # an error of the actor's making is nobody's yet
  list("ray_actor()" = lapply(stats::setNames(nm = names(rows)), function(id) attempt(ray_get(actor[[id]]()))))
}
