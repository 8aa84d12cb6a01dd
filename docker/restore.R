# Restore renv.lock into a library, and look whether the packages and R are what the lock says. Packages that one of the
# other libraries has in the lock's version stay where they are.
#
# usage: Rscript --vanilla restore.R renv.lock LIBRARY [OTHER LIBRARY...]

minor <- function(version) sub("^([0-9]+[.][0-9]+).*$", "\\1", version)

main <- function(file, library, ...) {
  lock <- renv::lockfile_read(file)
  here <- format(getRversion())
  # Packages built for, or tried with, another minor version of R are not what was tested.
  if (length(lock$Packages) && minor(lock$R$Version) != minor(here)) {
    stop(file, " was made with R ", lock$R$Version, " and the image has R ", here, ". Use R ", minor(here),
      " and renv::snapshot() again, or build on an image with R ", minor(lock$R$Version), ".", call. = FALSE)
  }
  dir.create(library, showWarnings = FALSE, recursive = TRUE)
  libraries <- c(library, ...)
  # A lock without packages has nothing to restore, and an older renv takes it for a mistake.
  if (length(lock$Packages)) renv::restore(lockfile = file, library = libraries, prompt = FALSE)
  unlink(file.path(library, ".renv"), recursive = TRUE) # where it unpacks
  # renv goes on after some failures.
  wanted <- vapply(lock$Packages, `[[`, "", "Version")
  there <- installed.packages(libraries)[, "Version"]
  there <- there[!duplicated(names(there))][names(wanted)]
  wrong <- is.na(there) | there != wanted
  if (any(wrong)) {
    stop("not as in ", file, ": ", toString(paste0(names(wanted)[wrong], " ", wanted[wrong], " (",
      ifelse(is.na(there[wrong]), "missing", there[wrong]), ")")), call. = FALSE)
  }
  cat(length(wanted), " packages are as in ", file, ".\n", sep = "")
}

do.call(main, as.list(commandArgs(TRUE)))
