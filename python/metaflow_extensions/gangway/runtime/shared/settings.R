# The settings of an R session that code's results depend on: options, the kinds of random numbers, the locale, and what
# the session changes in its process while Ray's workers run.

#' The session's options that are not R's defaults, without those of its terminal, editor and devices, its RNGkind() and
#' its locale
#'
#' @param named_only Only R's own, those of loaded packages, and those whose names stand in `strings`: what is stored
#'   where others can read it.
#' @return A list of `options`, `rng` (`NULL` for R's default) and `locale` (by category).
#' @noRd
session_settings <- function(named_only = FALSE, strings = character()) {
  now <- options()
  if (!identical(now, settings$seen) || named_only) {
    settings$seen <- now
    settings$options <- travelling_options(now, named_only, strings)
  }
  if (named_only) settings$seen <- NULL
  kinds <- RNGkind()
  list(
    options = settings$options, rng = if (!identical(kinds, default_kinds)) kinds,
    locale = vapply(locale_categories, Sys.getlocale, "")
  )
}

# Not LC_CTYPE: text is UTF-8 in tasks, whatever the session's is.
locale_categories <- c(LC_COLLATE = "LC_COLLATE", LC_TIME = "LC_TIME", LC_MONETARY = "LC_MONETARY")

settings <- new.env(parent = emptyenv())
default_kinds <- c("Mersenne-Twister", "Inversion", "Rejection")

travelling_options <- function(now, named_only, strings) {
  names <- names(now)
  of_session <- names %in% options_of_session | grepl(prefixes_of_session, names)
  # Warnings are shown as they come in tasks and workers, which 0 and 1 both mean to a reader of the log.
  now$warn <- if (now$warn %in% 0:1) NULL else now$warn
  if (!interactive() && !identical(now$width, 80L)) of_session[names == "width"] <- FALSE
  keep <- now[setdiff(names[!of_session], if (is.null(now$warn)) "warn")]
  if (named_only) keep <- keep[vapply(names(keep), is_public_option, NA, strings)]
  keep <- without_defaults(keep[!is.na(names(keep))])
  large <- vapply(keep, function(option) weigh(option, largest_option)$size > largest_option, NA)
  if (length(new <- setdiff(names(keep)[large], settings$large))) {
    settings$large <- c(settings$large, new)
    message("[gangway] Options of more than 1 MB stay in this session: ", paste(new, collapse = ", "), ".")
  }
  Filter(function(option) is.null(weigh(option, largest_option)$lost), keep[!large])
}

largest_option <- 1e6

without_defaults <- function(options) {
  same <- vapply(names(options), function(name) {
    default <- if (name == "str") utils::strOptions() else r_defaults[[name]]
    (name == "str" || name %in% names(r_defaults)) && isTRUE(all.equal(options[[name]], default))
  }, NA)
  options[!same]
}

is_public_option <- function(name, strings) {
  secret <- "secret|token|passw|pwd|credential|api[._]?key|(^|[._-])(pass|key|auth|pat)([._-]|$)"
  # No package of R's own has options of its name: base.url is the user's.
  of_package <- is_package_option(name, setdiff(loadedNamespaces(), always_loaded))
  known <- of_package || name %in% c("warn", "width", names(r_defaults))
  name %in% strings || (known && !grepl(secret, name, ignore.case = TRUE))
}

# By its name: dplyr.show_progress, datatable.verbose of data.table, R.utils.onNonSeekable.
is_package_option <- function(name, packages) {
  words <- strsplit(tolower(name), "[^a-z0-9]+")[[1L]]
  starts <- vapply(seq_along(words), function(n) paste(words[seq_len(n)], collapse = ""), "")
  any(starts %in% tolower(gsub("[^A-Za-z0-9]", "", packages)))
}

r_defaults <- list(
  add.smooth = TRUE, check.bounds = FALSE, contrasts = c(unordered = "contr.treatment", ordered = "contr.poly"),
  deparse.cutoff = 60L, digits = 7L, encoding = "native.enc", expressions = 5000L, matprod = "default",
  max.contour.segments = 25000L, max.print = 99999L, na.action = "na.omit", OutDec = ".", scipen = 0,
  show.coef.Pvalues = TRUE, show.error.messages = TRUE, show.signif.stars = TRUE, showErrorCalls = TRUE,
  showNCalls = 50L, showWarnCalls = FALSE, timeout = 60L, ts.eps = 1e-05, ts.S.compat = FALSE, useFancyQuotes = TRUE,
  verbose = FALSE, warning.length = 1000L, warnPartialMatchArgs = FALSE, warnPartialMatchAttr = FALSE,
  warnPartialMatchDollar = FALSE, digits.secs = NULL
)

options_of_session <- c(
  "askYesNo", "bitmapType", "browser", "browserNLdisabled", "catch.script.errors", "CBoundsCheck",
  "citation.bibtex.max", "continue", "defaultPackages", "demo.ask", "deparse.max.lines", "device",
  "device.ask.default", "dvipscmd", "echo", "editor", "error", "example.ask", "help.ports", "help.search.types",
  "help.try.all.packages", "help_type", "HTTPUserAgent", "internet.info", "interrupt", "keep.parse.data",
  "keep.parse.data.pkgs", "keep.source", "keep.source.pkgs", "locatorBell", "mailer", "menu.graphics", "Ncpus",
  "nwarnings", "page_viewer", "pager", "papersize", "PCRE_limit_recursion", "PCRE_study", "PCRE_use_JIT", "pdfviewer",
  "pkgType", "printcmd", "profvis.keep_output", "prompt", "repos", "rl_word_breaks", "setWidthOnResize", "tar",
  "texi2dvi", "traceback.max.lines", "unzip", "viewer", "warning.expression", "width", "width.cutoff", "ucrt",
  "windowsTimeouts", "X11.options", "future.plan", "nvimcom", "menu.graphics", "stringsAsFactors",
  "topLevelEnvironment", "str.dendrogram.last"
)
prefixes_of_session <- paste0("^([.](rs|vsc|httpgd)|(rstudio|gangway|reticulate|callr|crayon|shinygadgets|plumber|vsc|",
  "jupyter|IRkernel|covr|devtools|usethis|styler|lintr|languageserver|radian|renv)[._]|(rlang|testthat)[._:]|",
  "cli[._](num_colors|default|dynamic|ansi|hyperlink|palette|progress|spinner|tick|no_thread|record|message_class)|",
  "knitr[._](in[._]progress|duplicate)|help[.](ports|try))")

#' Set what session_settings() has found elsewhere
#' @noRd
use_settings <- function(settings) {
  if (length(settings$options)) options(settings$options)
  # library() looks at what globals mask, and would ask for those that have been left behind.
  if (is.null(getOption("conflicts.policy"))) options(conflicts.policy = list(warn = FALSE))
  if (!is.null(settings$rng)) suppressWarnings(do.call(RNGkind, as.list(settings$rng)))
  for (category in names(settings$locale)) use_locale(category, settings$locale[[category]])
}

use_locale <- function(category, locale) {
  if (identical(Sys.getlocale(category), locale) || nzchar(suppressWarnings(Sys.setlocale(category, locale)))) {
    return(invisible())
  }
  if (category == "LC_COLLATE" && !identical(settings$missing, locale)) {
    settings$missing <- locale
    cat(
      "[gangway] The locale ", locale, ", by which the session sorts text, is not installed here: sort() and order() ",
      "may give another order. Install it, or call Sys.setlocale(\"LC_COLLATE\", \"C\") at the top of the script.\n",
      sep = "", file = stderr()
    )
  }
}

# ---- what the session changes in its process: Ray's workers have its environment and folder from when they started

#' Note what Ray's workers have from the start
#' @noRd
note_process <- function() settings$process <- list(variables = Sys.getenv(), folder = getwd())

#' What has changed since: `variables` (`NA` for those that are gone) and `folder`
#'
#' Others may read the job where `named_only`: only variables that code names travel, and the time zone.
#' @noRd
changed_process <- function(named_only, strings) {
  was <- settings$process
  now <- Sys.getenv()
  folder <- getwd() # NULL where it is gone
  if (is.null(was) || (identical(now, was$variables) && identical(folder, was$folder))) {
    return(NULL)
  }
  names <- union(names(now), names(was$variables))
  names <- names[!grepl(variables_of_process, names)]
  if (named_only) names <- intersect(names, c("TZ", strings))
  new <- unclass(now)[names]
  same <- mapply(identical, unname(new), unname(unclass(was$variables)[names]))
  list(
    variables = stats::setNames(new, names)[!as.logical(same)],
    folder = if (!named_only && !identical(folder, was$folder)) folder
  )
}

variables_of_process <- paste0("^(_$|(RAY|GANGWAY|METAFLOW|RETICULATE)_|PYTHON|R_(HOME|LIBS|ARCH|ENVIRON|PROFILE|",
  "SESSION|SHARE_DIR|INCLUDE_DIR|DOC_DIR|PLATFORM)|(PWD|OLDPWD|SHLVL|TMPDIR|LD_LIBRARY_PATH|CUDA_VISIBLE_DEVICES|",
  "VIRTUAL_ENV)$)")

use_process <- function(changed) {
  if (is.null(changed)) {
    return(invisible())
  }
  gone <- is.na(changed$variables)
  if (any(!gone)) do.call(Sys.setenv, as.list(changed$variables[!gone]))
  Sys.unsetenv(names(changed$variables)[gone])
  if (!is.null(changed$folder)) try(setwd(changed$folder), silent = TRUE)
}
