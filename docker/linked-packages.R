# The Debian or Ubuntu packages that the image needs to run the R packages of a library, one a line: those whose shared
# libraries they are linked with, and what is no header file of the packages that they were built with.
#
# usage: Rscript --vanilla linked-packages.R LIBRARY FILE     FILE: what system-packages.R has said

# Lines of ldd: "libxml2.so.2 => /lib/x86_64-linux-gnu/libxml2.so.2 (0x...)", "libtbb.so => not found".
linked_with <- function(library) {
  objects <- list.files(library, "[.]so$", recursive = TRUE, full.names = TRUE)
  lines <- unlist(lapply(objects, function(o) {
    said <- suppressWarnings(system2("ldd", shQuote(o), stdout = TRUE, stderr = FALSE))
    stats::setNames(said, rep(o, length(said)))
  }))
  lines[grepl(" => ", lines, fixed = TRUE)]
}

# What one package finds through another that R loads before it is "not found" for ldd: then loading it decides.
check_loads <- function(missing, library) {
  package <- sub("/.*", "", substring(names(missing), nchar(library) + 2L))
  for (name in unique(package)) {
    said <- tryCatch({
      loadNamespace(name, lib.loc = c(library, .libPaths()))
      NULL
    }, error = conditionMessage)
    if (!is.null(said)) {
      lacks <- trimws(sub(" =>.*", "", missing[package == name]))
      stop("R package ", name, " cannot be loaded, for want of ", toString(unique(lacks)), ". Name the system library ",
        "in SystemRequirements of DESCRIPTION.\n", said, call. = FALSE)
    }
  }
}

owners <- function(paths) {
  rows <- suppressWarnings(system2("dpkg-query", c("--search", shQuote(paste0("*/", basename(paths)))),
    stdout = TRUE, stderr = FALSE))
  rows <- rows[!startsWith(rows, "diversion")]
  files <- sub("^[^/]*: ", "", rows)
  sub(":.*", "", rows[normalizePath(files, mustWork = FALSE) %in% normalizePath(paths)])
}

main <- function(library, file) {
  library <- normalizePath(library)
  lines <- linked_with(library)
  missing <- grepl("not found", lines, fixed = TRUE)
  check_loads(lines[missing], library)
  paths <- unique(sub("^.* => (/.*) [(]0x.*$", "\\1", grep("=> /", lines[!missing], value = TRUE)))
  # R's own libraries, and those of other R packages, belong to no package of the distribution.
  libraries <- if (length(paths)) owners(paths)
  programs <- grep("-dev$", readLines(file), value = TRUE, invert = TRUE)
  writeLines(sort(unique(c(libraries, programs))))
}

do.call(main, as.list(commandArgs(TRUE)))
