# Methods that code has given S7's classes for R's operators: S7 keeps them in tables of its own.

s7_tables <- c("base_ops", "base_matrix_ops")

#' The script's methods in S7's tables
#' @return A list of lists: `key`, `namespace`, `s7` (the table, the operator and the classes) and `method`.
#' @noRd
s7_methods <- function() {
  if (!isNamespaceLoaded("S7")) {
    return(list())
  }
  found <- list()
  for (table in s7_tables) {
    generics <- get0(table, envir = asNamespace("S7"), inherits = FALSE)
    for (operator in names(generics)) {
      found <- c(found, s7_leaves(attr(generics[[operator]], "methods"), c(table, operator)))
    }
  }
  found
}

s7_leaves <- function(methods, place) {
  found <- list()
  for (class in names(methods)) {
    one <- methods[[class]]
    here <- c(place, class)
    if (is.environment(one)) {
      found <- c(found, s7_leaves(one, here))
    } else if (is_script_function(one)) {
      found <- c(found, list(list(key = paste(here, collapse = " "), namespace = "S7", s7 = here, method = one)))
    }
  }
  found
}

register_s7 <- function(method) {
  table <- s7_table(method$s7, make = TRUE)
  assign(method$s7[length(method$s7)], method$method, envir = table)
}

unregister_s7 <- function(method) {
  table <- s7_table(method$s7)
  class <- method$s7[length(method$s7)]
  if (!is.null(method$before)) {
    assign(class, method$before, envir = table)
  } else if (!is.null(table) && exists(class, envir = table, inherits = FALSE)) {
    rm(list = class, envir = table)
  }
}

# The table that holds the method, down the classes of the first arguments.
s7_table <- function(place, make = FALSE) {
  table <- attr(get(place[1L], envir = asNamespace("S7"))[[place[2L]]], "methods")
  for (class in place[-c(1:2, length(place))]) {
    if (is.null(table[[class]]) && make) assign(class, new.env(hash = TRUE, parent = emptyenv()), envir = table)
    table <- table[[class]]
    if (is.null(table)) break
  }
  table
}
