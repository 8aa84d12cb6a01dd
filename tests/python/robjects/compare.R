# What a test flow's steps use: the zoo, and an exact comparison.

available_zoo <- function() {
  package <- ifelse(grepl(":", names(zoo)), sub(":.*", "", names(zoo)), "base")
  installed <- vapply(package, requireNamespace, NA, quietly = TRUE)
  kept <- zoo[installed]
  names(kept) <- paste0("zoo_", gsub("[:.]", "_", names(kept)))
  kept
}

# identical() to the bit, where nothing has an address of its own; by structure where something has.
is_same <- function(x, y) {
  identical(x, y, num.eq = FALSE, single.NA = FALSE, ignore.srcref = TRUE) ||
    environment(merge_artifacts)$same_value(x, y)
}

# Names of the kinds that `get` does not give as they were made.
changed_kinds <- function(get) {
  kinds <- available_zoo()
  Filter(function(name) !is_same(get(name), kinds[[name]]()), names(kinds))
}

report <- function(where, get) {
  changed <- changed_kinds(get)
  what <- if (length(changed)) changed else "none"
  cat(where, ": ", length(available_zoo()), " kinds, changed: ", what, "\n", sep = " ")
}
