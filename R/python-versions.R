# The versions that gangway works with: python/pyproject.toml's, which an installed R package does not have.
# tests/python/test_versions.py compares.

oldest_python <- "3.10"

# What install_metaflow() installs. Below the upper bounds gangway was tried with what it uses of these beyond their
# documents; a newer one is mentioned when it is used (warn_untried()).
python_packages <- c(
  metaflow = ">=2.19.39,<2.20", ray = ">=2.52,<2.61", psutil = ">=5.9", "rpy2-rinterface" = ">=3.6.5,<3.7",
  numpy = "", pandas = "", isal = ">=1.8"
)

# What R's own version allows, and that of its package reticulate.
python_constraints <- c(
  "rpy2-rinterface<3.6.6; R < 4.5",
  "rpy2-rinterface>=3.6.6; R >= 4.5",
  "numpy<2; reticulate < 1.38",
  "pyarrow<26; reticulate < 1.38"
)

#' A bound of a package's versions
#' @param sign `">="` or `"<"`.
#' @return A version, as a string.
#' @noRd
version_bound <- function(name, sign) {
  sub(paste0("^(.*,)?", sign, "([0-9.]+)(,.*)?$"), "\\2", python_packages[[name]])
}

#' What pip is asked for
#'
#' @param version Version of Metaflow, or `NULL`.
#' @param r,reticulate The versions of the R that tasks embed, and of reticulate.
#' @noRd
python_requirements <- function(version = NULL, r = getRversion(), reticulate = utils::packageVersion("reticulate")) {
  wanted <- python_packages
  # packs artifacts ten times as fast as Python's own gzip; elsewhere pip would have to build it
  if (!R.version$arch %in% c("x86_64", "aarch64")) wanted <- wanted[names(wanted) != "isal"]
  if (!is.null(version)) wanted[["metaflow"]] <- paste0("==", version)
  more <- constraints_for(list(R = r, reticulate = reticulate))
  for (name in intersect(names(more), names(wanted))) {
    wanted[[name]] <- sub("^,", "", paste(wanted[[name]], more[[name]], sep = ","))
  }
  paste0(ifelse(names(wanted) == "ray", "ray[default]", names(wanted)), wanted)
}

# The constraints that hold for these versions: "<2", named by the package.
constraints_for <- function(versions) {
  parts <- regmatches(python_constraints, regexec("^([a-z0-9-]+)(.*); (\\w+) (<|>=) (.*)$", python_constraints))
  holds <- vapply(parts, function(p) match.fun(p[[5L]])(versions[[p[[4L]]]], p[[6L]]), NA)
  stats::setNames(vapply(parts[holds], "[[", "", 3L), vapply(parts[holds], "[[", "", 2L))
}
