# The Debian or Ubuntu packages that R packages need, one a line, from what they say in SystemRequirements: the packages
# of renv.lock (renv 1.1 and later notes it there), and DESCRIPTION. The database is Posit's, which renv has with it.
#
# usage: Rscript --vanilla system-packages.R renv.lock DESCRIPTION

# Any rule may match a text; of a rule's packages those of this distribution and version count.
packages_for <- function(text, rules, system) {
  fits <- function(constraint) {
    constraint$distribution %in% system$ID &&
      (is.null(constraint$versions) || system$VERSION_ID %in% unlist(constraint$versions))
  }
  found <- lapply(rules, function(rule) {
    if (!any(vapply(rule$patterns, grepl, NA, x = text, ignore.case = TRUE, perl = TRUE))) {
      return(NULL)
    }
    dependency <- Find(function(d) any(vapply(d$constraints, fits, NA)), rule$dependencies)
    commands <- unlist(c(dependency$pre_install, dependency$post_install))
    if (length(commands)) {
      message("\"", text, "\" may also need, in the Dockerfile: ", paste(commands, collapse = "; "))
    }
    unlist(dependency$packages)
  })
  sort(unique(as.character(unlist(found))))
}

requirements_of_lock <- function(file) {
  packages <- renv::lockfile_read(file)$Packages
  # Records without their DESCRIPTION are of an older renv.
  if (length(packages) && !any(vapply(packages, function(p) "Title" %in% names(p), NA))) {
    message(file, " does not tell which system libraries its packages need: renv::snapshot() of renv 1.1 or later ",
      "notes it. Until then name them in SystemRequirements of DESCRIPTION.")
  }
  unlist(lapply(packages, `[[`, "SystemRequirements"))
}

main <- function(lock, description) {
  release <- readLines("/etc/os-release")
  system <- as.list(stats::setNames(gsub("^[^=]*=|\"", "", release), sub("=.*", "", release)))
  rules <- jsonlite::fromJSON(system.file("sysreqs", "sysreqs.json", package = "renv", mustWork = TRUE),
    simplifyVector = FALSE)
  own <- read.dcf(description, "SystemRequirements")
  texts <- gsub("\\s+", " ", c(requirements_of_lock(lock), own[!is.na(own)]))
  writeLines(sort(unique(unlist(lapply(unique(texts), packages_for, rules, system)))))
}

do.call(main, as.list(commandArgs(TRUE)))
