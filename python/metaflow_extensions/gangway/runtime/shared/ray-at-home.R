# Functions that are sent to other processes and need this code there.

# A function that finds gangway's own functions, as home$name, wherever it is called: in the runtime of a task or a
# worker, or in the package. It takes nothing along.
at_home <- function(f) {
  body(f) <- bquote({
    home <- if ("gangway:task" %in% search()) {
      environment(get("ray_put", as.environment("gangway:task")))
    } else {
      asNamespace("gangway")
    }
    .(body(f))
  })
  environment(f) <- baseenv()
  f
}

# For the code of futures (ray-worker-future.R).
use_plan <- at_home(function(strategies) home$set_worker_plan(strategies))
