# `current("card")`: what R code can put on the card of a step that has @card.

# Rows of a table that a card shows.
card_rows <- 100L

card <- function(id = NULL) {
  decode(py$current("card")) # an error where the step has none
  structure(
    list(
      append = function(x) card_append(id, x),
      refresh = function() invisible(decode(py$card(id, "refresh")))
    ),
    class = "gangway_card"
  )
}

card_append <- function(id, x) {
  add <- function(...) invisible(decode(py$card(id, ...)))
  if (is.data.frame(x)) {
    card_table(x, add)
  } else if (inherits(x, c("ggplot", "trellis", "recordedplot"))) {
    add("image", card_plot(x))
  } else if (is_image(x)) {
    add("image", x)
  } else if (is.character(x) && !is.object(x)) {
    add("markdown", paste(x, collapse = "\n"))
  } else {
    add("printed", paste(utils::capture.output(print(x)), collapse = "\n"))
  }
}

card_table <- function(x, add) {
  shown <- as.data.frame(utils::head(x, card_rows))
  cells <- as.matrix(format(shown))
  if (.row_names_info(shown) > 0L) cells <- cbind(" " = rownames(cells), cells)
  cells[is.na(cells)] <- "NA" # format() of a date or time leaves them
  add("table", as.character(colnames(cells)), trimws(as.character(t(cells))))
  if (nrow(x) > card_rows) add("markdown", paste("The first", card_rows, "of", nrow(x), "rows."))
}

card_plot <- function(x) {
  file <- tempfile(fileext = ".png")
  on.exit(unlink(file))
  grDevices::png(file, width = 1400, height = 1000, res = 180)
  tryCatch(print(x), finally = grDevices::dev.off())
  readBin(file, "raw", file.size(file))
}

is_image <- function(x) {
  starts <- list(as.raw(c(0x89, 0x50, 0x4e, 0x47)), as.raw(c(0xff, 0xd8, 0xff)), charToRaw("GIF8"))
  is.raw(x) && any(vapply(starts, function(start) identical(x[seq_along(start)], start), NA))
}

local({
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  method("[[", "gangway_card", function(x, i) card(i))
  method("print", "gangway_card", function(x, ...) {
    cat("<the card of ", decode(py$current("pathspec")), ">: $append(data frame, plot, PNG or Markdown), $refresh()\n",
      sep = ""
    )
    invisible(x)
  })
})
