# Where call_step() goes along the graph as Metaflow does: branches that are merged, a foreach that begins, a switch.

# Metaflow's merge_artifacts(), as flow_access.py has it.
merge_inputs <- function(world, handle, inputs, exclude, include) {
  if (length(exclude) && length(include)) {
    world$refuse("merge_artifacts(): give `exclude` or `include`, not both. `include` names all that is merged, ",
      "`exclude` what is not.")
  }
  stores <- lapply(world$tasks[inputs], function(task) task$store)
  held <- artifact_names(world, handle)
  there <- sort(unique(unlist(lapply(stores, names))))
  wanted <- setdiff(if (length(include)) intersect(there, include) else setdiff(there, exclude), held)
  missing <- setdiff(include, c(there, held))
  holders <- lapply(stats::setNames(nm = wanted), function(name) {
    Filter(function(i) name %in% names(stores[[i]]), seq_along(stores))
  })
  differ <- vapply(wanted, function(name) {
    values <- lapply(stores[holders[[name]]], function(store) store[[name]])
    !all(vapply(values[-1L], same_stored, NA, values[[1L]]))
  }, NA)
  if (any(differ)) {
    paths <- vapply(world$tasks[inputs], function(task) task$path, "")
    conflicts <- vapply(wanted[differ], function(name) {
      paste0("'", name, "' (", paste(paths[holders[[name]]], collapse = ", "), ")")
    }, "")
    world$refuse("merge_artifacts(): these artifacts have different values: ", paste(conflicts, collapse = "; "),
      ". Assign them before merging, self$name <- ..., or leave them out with `exclude`.")
  }
  if (length(missing)) {
    world$refuse("Step *", world$called$step, "* specifies that [", paste(include, collapse = ", "),
      "] should be merged but [", paste(missing, collapse = ", "), "] are not present.")
  }
  for (name in wanted) world$tasks[[handle]]$store[[name]] <- stores[[holders[[name]][1L]]][[name]]
}

same_stored <- function(x, y) {
  identical(x, y) ||
    (x[[1L]] == "r" && y[[1L]] == "r" && task_runtime()$same_artifacts(x[[2L]], y[[2L]], x[[3L]], y[[3L]]))
}

# The elements by which Metaflow makes the tasks of the next step.
foreach_elements <- function(world, handle, name) {
  step <- world$called$step
  if (!name %in% artifact_names(world, handle)) {
    world$refuse("Step *", step, "* has a foreach over '", name, "', which it has not set: self$", name, " <- ... .")
  }
  x <- task_runtime()$in_order(world$value(handle, name))
  count <- tryCatch(if (is.data.frame(x)) nrow(x) else length(x), error = function(e) NA)
  if (is.function(x) || is.na(count)) {
    world$refuse("foreach over '", name, "': R has no elements of ", describe(x), ". Make a list of what each task ",
      "needs.")
  }
  if (!count) {
    world$refuse("The foreach over '", name, "' in step *", step, "* has no elements, and so no tasks: ",
      describe(x), ".")
  }
  lapply(seq_len(count), function(i) {
    element <- if (is.data.frame(x)) x[i, , drop = FALSE] else x[[i]]
    world$read(world$write(element, paste0(name, "[[", i, "]]")))
  })
}

chosen_step <- function(world, s, self) {
  value <- world$value(self, s$condition)
  cases <- names(s$next_step)
  keys <- switch_values(cases)
  is_one <- is.atomic(value) && length(value) == 1L && !is.na(value)
  # Python finds 1 and 1.0 equal, and no number equal to a string.
  same <- is_one && (is.character(value) == is.character(keys))
  at <- if (same) match(if (is.character(value)) as.character(value) else value, keys)
  if (!length(at) || is.na(at)) {
    world$refuse("The next step is chosen by ", sQuote(s$condition, FALSE), ", which is ", describe(value),
      ": it takes one of ", paste(cases, collapse = ", "), ".")
  }
  s$next_step[[at]]
}

# What switch_keys() writes, as values.
switch_values <- function(cases) {
  keys <- switch_keys(cases)
  if (all(keys %in% c("True", "False"))) {
    keys == "True"
  } else if (identical(keys, cases)) {
    as.numeric(cases)
  } else {
    cases
  }
}
