# Every object that the examples of installed packages make, as serialize() writes it.
#
# usage: Rscript examples.R RUNTIME OUT PACKAGE[/N]...
#
# RUNTIME is the folder of serializable.R; what gangway refuses for its pointers is left out. OUT gets, for each object,
# the length of its label, the label, the length of its bytes, the bytes (lengths: 4 bytes, little-endian). With /N only
# every N-th page of the package's help is run. An example that takes more than a second of the processor is cut off.

arguments <- commandArgs(TRUE)
for (file in c("serializable.R", "unserializable.R", "heals.R", "dead.R")) source(file.path(arguments[1], file))
out <- file(arguments[2], "wb")
packages <- arguments[-(1:2)]
largest <- 1e6 # bytes

options(device = function(...) grDevices::pdf(NULL), browser = function(...) NULL, warn = -1, digits = 7)
seen <- utils::hashtab("identical")

keep <- function(value, label) {
  bytes <- tryCatch(
    if (utils::object.size(value) < largest) serialize_exactly(value), error = function(e) NULL
  )
  if (!is.raw(bytes) || length(bytes) > largest) {
    return(invisible())
  }

  if (!is.null(utils::gethash(seen, bytes))) {
    return(invisible())
  }
  utils::sethash(seen, bytes, TRUE)
  label <- charToRaw(enc2utf8(label))
  writeBin(length(label), out, endian = "little")
  writeBin(label, out)
  writeBin(length(bytes), out, endian = "little")
  writeBin(bytes, out)
}

# What its expressions give, and the variables that they leave.
run_example <- function(code, label) {
  env <- new.env(parent = globalenv())
  for (expression in code) {
    value <- tryCatch(
      {
        setTimeLimit(cpu = 1, elapsed = 20, transient = TRUE)
        eval(expression, env)
      },
      error = function(e) e, interrupt = function(e) NULL
    )
    setTimeLimit()
    keep(value, label)
  }
  for (name in ls(env)) if (!bindingIsActive(name, env)) keep(tryCatch(get(name, env), error = identity), label)
  graphics.off()
}

run_package <- function(package, step) {
  if (!suppressWarnings(suppressPackageStartupMessages(require(package, character.only = TRUE, quietly = TRUE)))) {
    return(invisible())
  }
  pages <- tools::Rd_db(package)
  script <- tempfile()
  for (topic in names(pages)[seq(1, length(pages), by = step)]) {
    unlink(script)
    tools::Rd2ex(pages[[topic]], script, commentDontrun = TRUE)
    if (file.exists(script)) {
      code <- tryCatch(parse(script, keep.source = FALSE, encoding = "UTF-8"), error = function(e) NULL)
      utils::capture.output(run_example(code, paste0(package, "::", topic)), type = "output")
    }
  }
}

setwd(tempdir())
for (package in strsplit(packages, "/")) run_package(package[1], if (length(package) > 1) as.integer(package[2]) else 1)
close(out)
