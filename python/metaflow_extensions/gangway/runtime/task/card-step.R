# What decorator("card") shows without more code: Metaflow's own facts about the task, and these of R's.

# Lines of one artifact, and artifacts, that are shown.
card_artifact_lines <- 15L
card_artifacts <- 100L

#' At the end of a step's function: progress bars where they are, and what R knows on cards of the type "default"
#'
#' Nothing here may fail the step.
#' @param f The step's function.
#' @param failure What guarded() gives of an error, or `NULL`.
#' @param took A difference of proc.time().
#' @param warned What warning_record() gives.
#' @noRd
end_cards <- function(self, f, failure, took, warned) {
  shown <- tryCatch(
    {
      for (bar in ls(card_bars)) send_bar(bar)
      rm(list = ls(card_bars), envir = card_bars)
      if (decode(py$has_default_card())) {
        texts <- card_texts(self, f, failure, took, warned$kept())
        decode(py$default_card(texts[nzchar(texts)]))
      }
    },
    error = identity
  )
  if (inherits(shown, "error")) message("[gangway] The card lacks R's part: ", conditionMessage(shown))
}

card_texts <- function(self, f, failure, took, warnings) {
  state <- state_of(self)
  parameters <- unlist(decode(py$current("parameter_names")))
  names <- setdiff(self_names(self), c(parameters, "name", "input"))
  here <- vapply(names, exists, NA, envir = state$values, inherits = FALSE)
  c(
    paste0("## R ", getRversion(), ", ", card_seconds(took[[3L]]), " (CPU ", card_seconds(sum(took[-3L])), ")"),
    if (!is.null(failure)) paste0("### Error\n", code_block(error_lines(failure))),
    if (length(parameters)) {
      c("### Parameters", code_block(unlist(lapply(parameters, short_form, function(name) self_get(self, name)))))
    },
    if (any(here)) {
      shown <- utils::head(names[here], card_artifacts)
      c("### Artifacts", code_block(
        unlist(lapply(shown, short_form, function(name) get(name, state$values))), 1000L
      ))
    },
    if (!all(here)) paste0("Not used by this step: ", paste0("`", names[!here], "`", collapse = ", ")),
    if (nrow(warnings)) c("### Warnings", code_block(warning_lines(warnings))),
    folded("R function", utils::head(deparse(f), 200L)),
    folded("R session", utils::capture.output(print(utils::sessionInfo(), locale = FALSE)))
  )
}

card_seconds <- function(seconds) {
  if (seconds < 100) paste(format(round(seconds, 2), nsmall = 2), "s") else paste(round(seconds / 60, 1), "min")
}

error_lines <- function(failure) {
  call <- if (nzchar(failure$call)) paste0(" in ", failure$call)
  c(paste0("Error", call, ": ", failure$message), if (length(failure$traceback)) c("", failure$traceback))
}

warning_lines <- function(warnings) {
  warnings <- utils::head(warnings[order(warnings$times, decreasing = TRUE), ], 50L)
  paste0(format(warnings$times), "x  ", gsub("\n", "\n     ", warnings$warning))
}

# As str() shows an element of a list.
short_form <- function(name, value_of) {
  lines <- tryCatch(
    {
      value <- value_of(name)
      utils::capture.output(utils::str(value,
        max.level = 2L, list.len = 12L, vec.len = 5, nchar.max = 200L, give.attr = FALSE, width = 110L,
        strict.width = "cut"
      ))
    },
    error = function(e) paste0("cannot be shown: ", conditionMessage(e))
  )
  if (length(lines) > card_artifact_lines) lines <- c(lines[seq_len(card_artifact_lines)], "  ...")
  lines[1L] <- paste0(name, ": ", trimws(lines[1L]))
  lines
}

folded <- function(title, lines) {
  text <- paste(enc2utf8(lines), collapse = "\n")
  for (pair in list(c("&", "&amp;"), c("<", "&lt;"), c(">", "&gt;"), c("\n", "&#10;"))) {
    text <- gsub(pair[1L], pair[2L], text, fixed = TRUE)
  }
  paste0("<details><summary>", title, "</summary><pre>", text, "</pre></details>")
}
