# What a Ray cluster consists of.

ray_nodes <- function() {
  nodes <- as_table(ray_driver()$nodes(), list(
    node = "", address = "", alive = NA, cpus = 0, gpus = 0, object_store_mb = 0, group = ""
  ))
  nodes$group[!nzchar(nodes$group)] <- NA
  nodes
}

ray_resources <- function() {
  as_table(ray_driver()$resources(), list(resource = "", total = 0, free = 0))
}

as_table <- function(rows, columns) {
  table <- lapply(stats::setNames(nm = names(columns)), function(column) {
    vapply(rows, function(row) as.vector(row[[column]], typeof(columns[[column]])), columns[[column]])
  })
  as_tibble_if_there(data.frame(table))
}

as_tibble_if_there <- function(table) {
  if (requireNamespace("tibble", quietly = TRUE)) tibble::as_tibble(table) else table
}
