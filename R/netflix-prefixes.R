# Scripts written for Netflix's package say metaflow::step(); gangway has the functions, and no package of that name is
# there. R's own error says no more than that, and inside a step it comes late.

netflix_prefix <- "\\bmetaflow:::?[[:alpha:]]"

#' Name the lines of the script that runs which need the package metaflow
#'
#' When gangway is attached: R's error at such a line stops the script before any function of gangway is called.
#' @noRd
warn_netflix_prefixes <- function(script = script_file()) {
  if (is.null(script) || is_installed("metaflow")) {
    return(invisible())
  }
  lines <- tryCatch(readLines(script, warn = FALSE, encoding = "UTF-8"), error = function(e) character())
  code <- sub("^\\s*#.*", "", lines)
  at <- grep(paste0(netflix_prefix, "|\\b(library|require)\\(['\"]?metaflow\\b"), code, useBytes = TRUE)
  if (!length(at)) {
    return(invisible())
  }
  name <- basename(script)
  shown <- utils::head(at, 5L)
  old <- trimws(lines[shown])
  new <- gsub("\\bmetaflow:::?(?=[[:alpha:]])", "gangway::", old, perl = TRUE)
  new <- sub("(library|require)\\((['\"]?)metaflow", "\\1(\\2gangway", new)
  gangway_warn(c(
    "{.file {name}} needs the package {.pkg metaflow}, which is not installed. gangway has its functions.",
    stats::setNames(paste0("Line ", shown, ": write ", cli_literal(new)), rep("i", length(shown))),
    if (length(at) > length(shown)) c(i = "So do {length(at) - length(shown)} more lines.")
  ), "gangway_warning_prefix")
}

is_installed <- function(package) nzchar(system.file(package = package))

# What a flow's code calls of the package metaflow, before anything starts. Who also has the name as a string asks
# whether the package is there.
check_netflix_prefixes <- function(bag, flow) {
  called <- grep("^metaflow::", bag$qualified, value = TRUE)
  if (!length(called) || "metaflow" %in% bag$strings || is_installed("metaflow")) {
    return(invisible())
  }
  ours <- sub("metaflow", "gangway", called[1L], fixed = TRUE)
  gangway_abort(c(
    "The code of flow {.val {flow}} uses {.code {called[1L]}()}, and the package {.pkg metaflow} is not installed.",
    i = "Write {.code {ours}()}: gangway has the functions of Netflix's package."
  ), "gangway_error_bundle", name = called[1L], call = NULL)
}
