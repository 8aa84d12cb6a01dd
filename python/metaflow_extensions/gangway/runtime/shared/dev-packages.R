# Packages that pkgload::load_all() has loaded from their sources. Their code is in this session only, or an older
# version of it is installed, too: so they are installed into a library of their own, which travels with the code.

dev_state <- new.env(parent = emptyenv())
# What came with the flow or the last job, and what a session has installed; by name.
dev_state$used <- list()
dev_state$installed <- list()

# The bytes of a bundle or a job, with the packages that it needs: R looks for a package when it reads a function of it,
# and where there is none it takes the global environment in its place.
seal <- function(bytes) {
  along <- packages_along()
  if (length(along)) serialize(list(packages_along = along, sealed = bytes), NULL, xdr = FALSE) else bytes
}

unseal <- function(x) {
  if (is.null(x[["sealed"]])) {
    return(x)
  }
  use_packages(x$packages_along)
  dev_state$unsealing <- TRUE
  on.exit(dev_state$unsealing <- FALSE)
  c(open_parcel(x[["sealed"]]), x["packages_along"])
}

# Each list(name, key, files, needs, all): a tar file of the installed package; for compiled code what it runs on; what
# load_all() shows beside its exports.
packages_along <- function() {
  if (!isNamespaceLoaded("pkgload") && !length(dev_state$used)) {
    return(list())
  }
  own <- list()
  for (name in dev_packages()) own[[name]] <- dev_package(name)
  c(own, dev_state$used[setdiff(names(dev_state$used), names(own))])
}

# What tells whether a job has been made with other packages.
packages_key <- function() {
  along <- packages_along()
  if (length(along)) vapply(along, function(package) package$key, "") else character()
}

# Those that others import come before them.
dev_packages <- function() {
  loaded <- setdiff(loadedNamespaces(), "gangway")
  found <- loaded[vapply(loaded, function(name) !is.null(asNamespace(name)[[".__DEVTOOLS__"]]), NA)]
  ordered <- character()
  visit <- function(name) {
    if (name %in% ordered) {
      return(invisible())
    }
    for (one in intersect(names(getNamespaceImports(name)), setdiff(found, name))) visit(one)
    ordered <<- c(ordered, name)
  }
  for (name in found) visit(name)
  ordered
}

# ---- where they are loaded from their sources

# What R installs of a source folder; not what the user keeps beside it.
package_files <- c(
  "DESCRIPTION", "NAMESPACE", "R", "data", "exec", "inst", "src", "tools", "configure", "cleanup", "configure.win",
  "cleanup.win", "configure.ucrt", "LICENSE", "LICENCE"
)
built_files <- "[.](o|so|a|dll|dylib)$"

dev_package <- function(name) {
  source <- getNamespaceInfo(name, "path")
  files <- sources_of(source)
  # Each future asks: nothing is read again while neither the files nor the session's package have changed.
  state <- list(asNamespace(name), file.info(file.path(source, files), extra_cols = FALSE)[c("size", "mtime")])
  known <- dev_state$installed[[name]]
  if (is.null(known) || !identical(known$state, state)) {
    key <- digest_of(file.path(source, files), files)
    if (!identical(known$package$key, key)) known <- list(package = installed_package(name, source, files, key))
    check_loaded_code(name, known$package$key)
    known$state <- state
    dev_state$installed[[name]] <- known
  }
  package <- known$package
  place <- paste0("package:", name)
  package$all <- if (place %in% search()) {
    setdiff(ls(place, all.names = TRUE), c(getNamespaceExports(name), ls(baseenv(), all.names = TRUE)))
  }
  package
}

# Its library in this session, which R's temporary folder goes with.
dev_library <- function(key) file.path(tempdir(), "gangway-dev", key)

installed_package <- function(name, source, files, key) {
  folder <- dev_library(key)
  if (!dir.exists(folder)) install_sources(name, source, files, folder)
  needs <- if (dir.exists(file.path(folder, name, "libs"))) this_r()
  list(name = name, key = key, files = packed_package(name, folder), needs = needs)
}

this_r <- function() paste0("R ", R.version$major, ".", sub("[.].*", "", R.version$minor), " on ", R.version$platform)

sources_of <- function(source) {
  files <- list.files(source, recursive = TRUE, all.files = TRUE)
  files[sub("/.*", "", files) %in% package_files & !grepl(built_files, files)]
}

digest_of <- function(paths, names) {
  list <- tempfile("gangway-sums")
  on.exit(unlink(list))
  writeLines(c(R.version.string, paste(names, tools::md5sum(paths))), list)
  unname(tools::md5sum(list))
}

# From a copy: R leaves what it compiles among the sources.
install_sources <- function(name, source, files, folder) {
  copy <- file.path(tempfile("gangway-source"), name)
  on.exit(unlink(dirname(copy), recursive = TRUE))
  for (part in unique(dirname(file.path(copy, files)))) dir.create(part, FALSE, TRUE)
  file.copy(file.path(source, files), file.path(copy, files), copy.mode = TRUE, copy.date = TRUE)
  dir.create(folder, FALSE, TRUE)
  others <- vapply(dev_state$installed, function(known) dev_library(known$package$key), "")
  libraries <- paste(c(others, .libPaths()), collapse = .Platform$path.sep)
  options <- c("--no-docs", "--no-test-load", "--no-multiarch", "--no-lock", paste0("--library=", shQuote(folder)))
  said <- suppressWarnings(system2(
    file.path(R.home("bin"), "R"), c("CMD", "INSTALL", options, shQuote(copy)),
    stdout = TRUE, stderr = TRUE, env = paste0("R_LIBS=", shQuote(libraries))
  ))
  if (!is.null(attr(said, "status"))) {
    unlink(folder, recursive = TRUE)
    dev_stop(
      "The package ", name, ", which load_all() has loaded from ", source, ", cannot be installed for the tasks and ",
      "workers that need it. R CMD INSTALL says:\n", paste(utils::tail(said, 10L), collapse = "\n")
    )
  }
}

packed_package <- function(name, folder) {
  file <- tempfile("gangway-package")
  old <- setwd(folder)
  on.exit({
    setwd(old)
    unlink(file)
  })
  utils::tar(file, name, compression = "gzip", tar = "internal")
  readBin(file, "raw", file.size(file))
}

# Tasks get what the files say. This session may have read them before they were changed.
check_loaded_code <- function(name, key) {
  namespace <- asNamespace(name)
  written <- new.env()
  lazyLoad(file.path(dev_library(key), name, "R", name), written)
  for (object in ls(written, all.names = TRUE)) {
    theirs <- written[[object]]
    ours <- get0(object, namespace, inherits = FALSE)
    # What is no plain function is made when the package is loaded.
    if (typeof(theirs) != "closure" || typeof(ours) != "closure" || isS4(ours) ||
      !identical(environment(ours), namespace)) next
    if (!same_code(ours, theirs)) {
      dev_stop("The files of the package ", name, " in ", getNamespaceInfo(name, "path"), " have changed since ",
        "load_all() has read them: ", object, "() is another one here. Call load_all() again.")
    }
  }
}

# As text: one of them keeps its source, in functions that it makes, too.
same_code <- function(f, g) {
  text <- function(f) deparse(f, control = c("keepNA", "keepInteger", "digits17"))
  identical(text(f), text(g))
}

dev_stop <- function(...) {
  stop(structure(class = c("gangway_error_bundle", "gangway_error", "error", "condition"),
    list(message = paste0(...), call = NULL)))
}

# ---- where they are used

# Makes these packages, and none that came before, the ones that are loaded from now on; TRUE if that changes anything.
use_packages <- function(packages) {
  keys <- vapply(packages, function(package) package$key, "")
  before <- vapply(dev_state$used, function(package) package$key, "")
  if (identical(unname(keys), unname(before))) {
    return(FALSE)
  }
  folder <- file.path(tempdir(), "gangway-packages")
  for (package in c(dev_state$used[!before %in% keys], packages[!keys %in% before])) unload_package(package$name)
  for (package in packages) unpack_package(package, file.path(folder, package$key))
  others <- .libPaths()[!startsWith(.libPaths(), normalizePath(folder, mustWork = FALSE))]
  dev_state$used <- packages
  dev_state$folders <- file.path(folder, keys)
  .libPaths(c(file.path(folder, keys), others))
  for (package in packages) show_internals(package)
  TRUE
}

unpack_package <- function(package, folder) {
  if (dir.exists(folder)) {
    return(invisible())
  }
  if (!is.null(package$needs) && package$needs != this_r()) {
    dev_stop(
      "The package ", package$name, ", which comes from load_all(), has compiled code for ", package$needs, ", and ",
      "this is ", this_r(), ". Install the package here instead, and attach it with library()."
    )
  }
  file <- tempfile("gangway-package")
  on.exit(unlink(file))
  writeBin(package$files, file)
  utils::untar(file, exdir = folder, tar = "internal")
}

# load_all() shows a package's internal functions, too.
show_internals <- function(package) {
  place <- internals_place(package$name)
  if (!length(package$all) || place %in% search()) {
    return(invisible())
  }
  namespace <- loadNamespace(package$name)
  shown <- mget(package$all, namespace, inherits = TRUE, ifnotfound = list(dev_state))
  base::attach(Filter(function(x) !identical(x, dev_state), shown), name = place, warn.conflicts = FALSE)
}

internals_place <- function(name) paste0("internals:", name)

# Those that import it hold its old code, so they are loaded again, too, when they are used.
unload_package <- function(name) {
  for (place in c(paste0("package:", name), internals_place(name))) {
    if (place %in% search()) detach(place, character.only = TRUE)
  }
  if (!isNamespaceLoaded(name)) {
    return(invisible())
  }
  for (user in getNamespaceUsers(name)) unload_package(user)
  path <- getNamespaceInfo(name, "path")
  libraries <- names(getNamespaceInfo(name, "DLLs"))
  unloadNamespace(name)
  for (one in libraries) try(library.dynam.unload(one, path), silent = TRUE)
}
