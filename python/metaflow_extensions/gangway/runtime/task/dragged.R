# A function or formula keeps the environment in which it was made, and with it whatever else was there. R's
# serialize() writes all of that, and nothing shows it but the size of the artifact.

# From this many bytes of dragged variables on, and where they are most of the artifact.
dragged_size <- 1e7
dragged_share <- 0.6

# Parts that are looked at: what makes an artifact large is found long before.
dragged_limit <- 5000

warn_dragged <- function(x, name, size) {
  if (size < dragged_size) {
    return(invisible())
  }
  without <- length(serialize_watched(x, NULL, function(reference) if (is.environment(reference)) ""))
  if (size - without < max(dragged_size, dragged_share * size)) {
    return(invisible())
  }
  found <- dragged_environments(x, name)
  total <- sum(vapply(found, function(e) sum(e$sizes), 0))
  if (total < max(dragged_size, dragged_share * size)) {
    return(invisible())
  }
  worst <- found[[which.max(vapply(found, function(e) sum(e$sizes), 0))]]
  large <- sort(worst$sizes[worst$sizes > 0.01 * max(worst$sizes)], decreasing = TRUE)
  sizes <- utils::head(large, 5L)
  warning("Artifact `", name, "` takes ", megabytes(size), ", most of it variables of the environment in which ",
    "`", worst$owner, "` was made: ", paste0(names(sizes), " (", megabytes(sizes), ")", collapse = ", "),
    if (length(large) > 5L) ", ...", ". Make it in a function that has only what it needs, remove the ",
    "others with rm() before, or give it another environment: ", worst$path, " <- globalenv().",
    call. = FALSE
  )
}

#' Environments that come along with functions and formulas and are no data of their own
#'
#' First everything is visited that is reached as data: elements, attributes, variables of environments that are
#' data themselves (R6 objects, reference classes). What only a function, a formula or the parent of such an
#' environment leads to has been dragged in.
#' @return A list of `path` (R code), `owner` (what it came with) and `sizes` (bytes by variable).
#' @noRd
dragged_environments <- function(x, name) {
  seen <- utils::hashtab("address")
  waiting <- list()
  looked_at <- 0
  visit <- function(x, path) {
    stack <- list(list(value = x, path = path))
    while (length(stack) && looked_at < dragged_limit) {
      looked_at <<- looked_at + 1
      node <- stack[[length(stack)]]
      stack[[length(stack)]] <- NULL
      parts <- data_parts(node$value, node$path, seen)
      waiting <<- c(waiting, parts$dragged)
      stack <- c(stack, parts$data)
    }
  }
  visit(x, name)
  found <- list()
  while (length(waiting)) {
    node <- waiting[[1L]]
    waiting[[1L]] <- NULL
    env <- node$value
    if (is_shared_environment(env) || inherits(env, "gangway_self") || !is.null(utils::gethash(seen, env))) next
    values <- environment_values(env)
    sizes <- vapply(values, function(value) as.numeric(utils::object.size(value)), 0)
    found[[length(found) + 1L]] <- list(path = node$path, owner = node$owner, sizes = sizes)
    visit(env, node$path)
  }
  found
}

# Elements of a list that lead to environments.
leading_parts <- function(x, path) {
  utils::head(parts_of_list(x, path, worth = function(x) references_in(x)$environments > 0), 100L)
}

environment_values <- function(env) {
  labels <- ls(env, all.names = TRUE)
  stats::setNames(lapply(labels, binding_value, env = env), labels)
}

# What is inside a part: more data, and environments that it drags in.
data_parts <- function(x, path, seen) {
  dragged <- list()
  drag <- function(env, where) {
    if (is.environment(env)) dragged <<- list(list(value = env, path = where, owner = path))
  }
  data <- list()
  if (is.environment(x)) {
    if (is_shared_environment(x) || !is.null(utils::gethash(seen, x))) {
      return(list(data = list(), dragged = list()))
    }
    utils::sethash(seen, x, TRUE)
    data <- leading_parts(environment_values(x), path)
    drag(parent.env(x), paste0("parent.env(", path, ")"))
  } else if (typeof(x) == "closure") {
    drag(environment(x), paste0("environment(", path, ")"))
  } else if (is.list(x)) {
    data <- leading_parts(x, path)
    if (inherits(x, "ggplot")) drag(x$plot_env, paste0(path, "$plot_env"))
  }
  scope <- attr(x, ".Environment", exact = TRUE)
  if (is.environment(scope)) {
    drag(scope, paste0("environment(", path, ")"))
    attributes(x)$.Environment <- NULL
  }
  list(data = c(data, parts_of_attributes(x, path)), dragged = dragged)
}
