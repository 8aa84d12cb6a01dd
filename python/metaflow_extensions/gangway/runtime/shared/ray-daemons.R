# mirai's daemons on the cluster's nodes: R processes that Python starts there (ray_r/daemons.py), and that connect to
# this process. What they do then is mirai's business.
#
# Not as `remote =` of mirai::daemons(): that starts a shell command, and who may look at processes may read those.

# It listens in this process; others before had the URL in the command line of one of their own.
mirai_needed <- "2.7.0"

ray_daemons <- function(n = NULL, ..., gpus = 0, .compute = NULL) {
  mirai <- needed_package("ray_daemons()", "mirai", mirai_needed)
  driver <- ray_driver()
  refuse_daemon_arguments(...)
  counts <- daemons_of_nodes(n, ray_nodes())
  gpus <- check_daemon_gpus(driver, gpus, counts)
  made <- mirai$daemons(url = secret_url(driver$address()), ..., .compute = .compute)
  profile <- class(made)[2L]
  started <- FALSE
  on.exit(if (!started) mirai$daemons(0L, .compute = profile))
  ray_state$daemons[[profile]] <- url <- mirai$nextget("url", .compute = profile)
  # What another machine's shell would be given; its R part is all that is needed.
  commands <- mirai$launch_remote(sum(counts), mirai$remote_config(rscript = ""), .compute = profile)
  code <- split(sub("^ *-e +'(.*)'$", "\\1", commands), rep(factor(names(counts), names(counts)), counts))
  started <- await_daemons(mirai, driver, launch_daemons(driver, code, gpus, url), sum(counts), profile)
  invisible(made)
}

# Whoever knows the port finds TLS; who shall enter knows the path, too, which is not seen from outside of TLS.
# (mirai's certificates tell the daemons with whom they speak, and not the other way round.)
secret_url <- function(address, port = 0, path = new_secret()) {
  if (grepl(":", address, fixed = TRUE)) address <- paste0("[", address, "]")
  sprintf("wss://%s:%s/%s", address, port, path)
}

new_secret <- function() asNamespace("nanonext")$random(32L)

refuse_daemon_arguments <- function(...) {
  given <- names(list(...))
  own <- intersect(c("url", "remote", "tls", "tlscert", "pass", "sync"), given)
  if (length(own)) {
    ray_stop("argument", "ray_daemons(): `", own[1L], "` is its own to choose. mirai::daemons() is there for daemons ",
      "elsewhere.")
  }
  if (...length() && (is.null(given) || !all(nzchar(given)))) {
    ray_stop("argument", "ray_daemons(): what is for mirai::daemons() is given by name, seed = 1.")
  }
}

# How many on each node, by the nodes' names.
daemons_of_nodes <- function(n, nodes) {
  nodes <- nodes[nodes$alive, ]
  if (is.null(n)) n <- pmax(1, floor(nodes$cpus))
  if (!is.numeric(n) || anyNA(n) || any(n < 0 | n != floor(n)) || sum(n) == 0) {
    ray_stop("argument", "ray_daemons(n = ) is how many daemons each node gets: one number, or one for each node.")
  }
  if (!is.null(names(n))) {
    unknown <- setdiff(names(n), nodes$node)
    if (length(unknown)) {
      ray_stop("argument", "ray_daemons(n = ): there is no node ", dQuote(unknown[1L], FALSE), "; the nodes are ",
        paste(nodes$node, collapse = ", "), ".")
    }
    counts <- stats::setNames(integer(nrow(nodes)), nodes$node)
    counts[names(n)] <- as.integer(n)
    return(counts)
  }
  if (!length(n) %in% c(1L, nrow(nodes))) {
    ray_stop("argument", "ray_daemons(n = ) has ", length(n), " numbers, and there are ", nrow(nodes), " nodes: ",
      paste(nodes$node, collapse = ", "), ".")
  }
  stats::setNames(rep_len(as.integer(n), nrow(nodes)), nodes$node)
}

check_daemon_gpus <- function(driver, gpus, counts) {
  gpus <- ray_options(NULL, gpus, NULL, NULL)$gpus
  if (is.null(gpus)) {
    return(0)
  }
  check_resources(driver, list(gpus = gpus * max(counts)))
  gpus
}

# code: by the nodes' names, what each daemon runs.
#
# url: where they connect to, if one that dies shall be replaced.
# shown: whether what they print is.
launch_daemons <- function(driver, code, gpus, url = "", shown = TRUE) {
  code <- code[lengths(code) > 0L]
  vapply(names(code), function(node) {
    number <- ray_number()
    driver$start_daemons(number, node, unname(code[[node]]), .libPaths(), getwd_or_none(), gpus, url,
      shown
    )
    number
  }, 0L)
}

getwd_or_none <- function() if (is.null(folder <- getwd())) "" else folder

# Until all are connected; what hinders one is told.
await_daemons <- function(mirai, driver, hosts, total, profile, patience = 300) {
  end <- proc.time()[[3L]] + patience
  while (mirai$status(.compute = profile)$connections < total) {
    ended <- unlist(driver$daemons_ended(unname(hosts)))
    if (length(ended)) {
      ray_stop("start", "ray_daemons(): daemons do not start on a node: ", c(ended[nzchar(ended)], "they ended")[1L])
    }
    if (proc.time()[[3L]] > end) {
      ray_stop("start", "ray_daemons(): after ", patience, " s not all daemons are connected. ray_resources() shows ",
        "whether what they take is free; a firewall between the nodes would also explain it.")
    }
    Sys.sleep(0.05)
  }
  TRUE
}

# mirai would wait for daemons that are gone.
forget_daemons <- function() {
  for (profile in names(ray_state$daemons)) {
    mirai <- asNamespace("mirai")
    url <- ray_state$daemons[[profile]]
    if (identical(mirai$nextget("url", .compute = profile), url)) mirai$daemons(0L, .compute = profile)
  }
  ray_state$daemons <- NULL
}

# The namespace of a package that gangway does without.
needed_package <- function(who, package, version) {
  if (!requireNamespace(package, quietly = TRUE)) {
    ray_stop("argument", who, " is for the R package ", package, ", which is not installed here.")
  }
  if (getNamespaceVersion(package) < package_version(version)) {
    ray_stop("argument", who, " needs ", package, " ", version, " or later; ", getNamespaceVersion(package),
      " is installed here.")
  }
  asNamespace(package)
}
