# A controller of the package crew whose workers are daemons on the cluster's nodes (ray-daemons.R). crew starts them as
# there is work, and ends them, counts those that crash and starts others.

crew_controller_ray <- function(name = NULL, workers = NULL, ..., gpus = 0) {
  needed_package("crew_controller_ray()", "mirai", mirai_needed)
  crew <- needed_package("crew_controller_ray()", "crew", "1.3.0")
  driver <- ray_driver()
  given <- list(...)
  check_crew_arguments(crew, given)
  nodes <- ray_nodes()
  nodes <- nodes[nodes$alive, ]
  if (is.null(workers)) workers <- max(1, sum(floor(nodes$cpus)))
  gpus <- check_daemon_gpus(driver, gpus, 1L)
  of_controller <- names(formals(crew$crew_controller)) # crew_launcher() has had some of them before
  for_part <- function(f, ..., known = setdiff(names(formals(f)), of_controller)) {
    do.call(f, c(list(...), given[intersect(names(given), known)]))
  }
  tls <- secret_tls(crew)
  client <- for_part(crew$crew_client, host = driver$address(), tls = tls)
  launcher <- for_part(ray_launcher(crew, nodes$node, gpus), name = name, workers = workers, tls = tls)
  for_part(crew$crew_controller, client = client, launcher = launcher, known = of_controller)
}

check_crew_arguments <- function(crew, given) {
  parts <- list(crew$crew_client, crew$crew_launcher, crew$crew_controller)
  known <- unlist(lapply(parts, function(part) names(formals(part))))
  names <- if (is.null(names(given))) rep("", length(given)) else names(given)
  own <- c("client", "launcher", "tls", "host")
  for (name in names[names %in% own | !names %in% known]) {
    ray_stop("argument", "crew_controller_ray() takes what crew_client(), crew_launcher() and crew_controller() of ",
      "crew take, by name, but for ", paste(own, collapse = ", "), "; got ",
      if (nzchar(name)) dQuote(name, FALSE) else "an argument without a name", ".")
  }
}

# Connections as ray_daemons() makes them.
secret_tls <- function(crew) {
  # crew's class is not portable: all methods see what is around this one.
  path <- new_secret()
  around <- list2env(list(crew = crew, secret_url = secret_url, path = path), parent = crew)
  class <- R6::R6Class("gangway_crew_tls", inherit = crew$crew_class_tls, cloneable = FALSE, portable = FALSE,
    public = list(url = function(host, port) secret_url(host, port, path)), parent_env = around
  )
  class$new(mode = "automatic")
}

# A function like crew::crew_launcher(), whose launcher starts workers on the nodes in turn. What they print is not
# shown, as with crew's local controller: each begins with its sessionInfo().
ray_launcher <- function(crew, nodes, gpus) {
  generator <- R6::R6Class("gangway_crew_launcher", inherit = crew$crew_class_launcher,
    public = list(
      launch_workers = function(call, n) {
        driver <- ray_driver()
        if (!identical(private$.hosts_of, private$.url)) private$.hosts <- integer()
        private$.hosts_of <- private$.url
        ended <- as.character(unlist(driver$daemons_ended(private$.hosts)))
        for (why in ended[nzchar(ended)]) {
          ray_stop("start", "crew_controller_ray(): workers do not start on a node: ", why)
        }
        at <- (private$.launched + seq_len(n) - 1L) %% length(nodes) + 1L
        private$.launched <- private$.launched + n
        code <- split(rep(call, n), factor(nodes[at], nodes))
        private$.hosts <- c(private$.hosts, launch_daemons(driver, code, gpus, shown = FALSE))
        NULL
      }
    ),
    private = list(.launched = 0L, .hosts = integer(), .hosts_of = NULL)
  )
  make <- crew$crew_launcher
  body(make) <- bquote({
    given <- mget(names(formals()))
    launcher <- do.call(.(generator$new), Filter(Negate(is.null), given))
    launcher$validate()
    launcher
  })
  make
}
