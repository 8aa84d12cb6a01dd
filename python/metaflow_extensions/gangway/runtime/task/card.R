# `current("card")`: what R code can put on the cards of its step. How each kind of object is shown is in card-*.R.

# Nothing but its id: it may come along with a function or formula that the step makes.
card <- function(id = NULL) {
  decode(py$card(id, "find")) # an error where the step has no such card
  structure(list(id = id), class = "gangway_card")
}

card_member <- function(card, name) {
  id <- .subset2(card, "id")
  add <- function(...) invisible(decode(py$card(id, ...)))
  switch(name,
    append = function(x, width = 7, height = NULL, retina = 2, caption = NULL, rows = 100) {
      look <- card_look(width, height, retina, rows)
      frame <- parent.frame()
      card_show(if (is.call(substitute(x))) value_or_drawing(x) else x, add, look, frame)
      if (!is.null(caption)) add("markdown", paste(caption, collapse = "\n"))
      invisible()
    },
    progress = function(max = 100, label = "", unit = "") card_bar(id, add, max, label, unit),
    refresh = function() add("refresh"),
    card_error("current(\"card\") has $append(), $progress() and $refresh(), and no $", name)
  )
}

card_look <- function(width, height, retina, rows) {
  numbers <- list(width = width, height = height, retina = retina, rows = rows)
  for (name in names(numbers)) {
    number <- numbers[[name]]
    if (name == "height" && is.null(number)) next
    most <- if (name == "rows") 1e5 else 100 # inches, or pixels of the picture for one of the page
    if (!is.numeric(number) || length(number) != 1L || is.na(number) || number <= 0 || number > most) {
      card_stop("append(): `", name, "` takes one number from 0 to ", most, ", not ", deparse(number, nlines = 1L)[1L])
    }
  }
  numbers
}

card_stop <- function(...) card_error("current(\"card\")$", ...)

card_error <- function(...) {
  stop(structure(
    class = c("gangway_error_card", "gangway_error", "error", "condition"),
    list(message = paste0(..., "."), call = NULL)
  ))
}

#' Put an object on a card
#' @param add Takes what Python's change() takes (r/card.py).
#' @param look What card_look() gives.
#' @param frame Where R code in a text, or a call that draws, is evaluated.
#' @noRd
card_show <- function(x, add, look, frame) {
  if (is_drawing(x)) {
    card_pictures(x, add, look, frame)
  } else if (is_page(x)) {
    card_page(x, add, look)
  } else if (is.data.frame(x) || (is.matrix(x) && !is.object(x))) {
    card_table(x, add, look$rows)
  } else if (is.raw(x)) {
    add("image", image_kind(x), x)
  } else if (is_chart(x)) {
    add("chart", as_json(unclass(x)))
  } else if (inherits(x, "knitr_kable")) {
    add("markdown", kable_text(x))
  } else if (is.character(x) && !is.object(x)) {
    card_text(x, add, frame)
  } else if (is_printed(x)) {
    add("markdown", code_block(utils::capture.output(print(x))))
  } else {
    card_stop("append() cannot show an object of class ", paste(class(x), collapse = "/"), ": it takes plots, data ",
      "frames and matrices, HTML widgets and tables, Markdown, pictures (a file or its bytes), Vega charts (a list), ",
      "and whatever has a print method of its own"
    )
  }
}

# ---- text

# A file of a picture, or Markdown, in which `r code` stands for a value.
card_text <- function(x, add, frame) {
  kinds <- c(png = "png", jpg = "jpeg", jpeg = "jpeg", gif = "gif", svg = "svg+xml", webp = "webp")
  kind <- if (length(x) == 1L && !is.na(x) && !grepl("\n", x)) kinds[tolower(tools::file_ext(x))]
  if (length(kind) && !is.na(kind)) {
    if (file.exists(x)) {
      return(add("image", kind[[1L]], readBin(x, "raw", file.size(x))))
    }
    if (!grepl("[[:space:]]", x)) card_stop("append(): there is no file ", x, " in ", getwd())
  }
  add("markdown", with_values(enc2utf8(paste(x, collapse = "\n")), frame))
}

with_values <- function(text, frame) {
  places <- gregexpr("`r [^`]+`", text)
  regmatches(text, places) <- lapply(regmatches(text, places), function(codes) {
    vapply(codes, function(code) value_text(substr(code, 4L, nchar(code) - 1L), frame), "")
  })
  text
}

value_text <- function(code, frame) {
  tryCatch(
    {
      value <- eval(parse(text = code, keep.source = FALSE), frame)
      paste(if (is.character(value)) value else trimws(format(value)), collapse = ", ")
    },
    error = function(e) card_stop("append(): `r ", code, "` in the text has failed: ", conditionMessage(e))
  )
}

kable_text <- function(x) {
  lines <- as.character(x)
  if (attr(x, "format") %in% c("pipe", "markdown", "html")) paste(lines, collapse = "\n") else code_block(lines)
}

# Lines of code or output, as they are.
code_block <- function(lines, most = 200L) {
  lines <- gsub("\033\\[[0-9;]*m", "", enc2utf8(lines))
  if (length(lines) > most) lines <- c(lines[seq_len(most)], paste("...", length(lines) - most, "more lines"))
  lines <- ifelse(nchar(lines) > 1000L, paste0(substr(lines, 1L, 1000L), " ..."), lines)
  fence <- if (any(grepl("```", lines, fixed = TRUE))) "``````" else "```"
  paste(c(fence, lines, fence), collapse = "\n")
}

# Not an environment, a pointer, and what else R shows as an address.
is_printed <- function(x) {
  if (is.atomic(x) || is.list(x)) {
    return(!is.null(x))
  }
  own <- function(generic, class) !is.null(utils::getS3method(generic, class, optional = TRUE, envir = globalenv()))
  is.object(x) && (any(vapply(class(x), function(class) own("print", class) || own("format", class), NA)) ||
    (isS4(x) && has_method(x, "show")))
}

# ---- pictures that are there already

image_kind <- function(x) {
  starts <- list(png = as.raw(c(0x89, 0x50, 0x4e, 0x47)), jpeg = as.raw(c(0xff, 0xd8, 0xff)), gif = charToRaw("GIF8"))
  for (kind in names(starts)) if (identical(x[seq_along(starts[[kind]])], starts[[kind]])) return(kind)
  card_stop("append() cannot show an object of class raw that holds no PNG, JPEG or GIF")
}

# ---- tables

# Columns of a table that a card shows.
card_columns <- 50L

card_table <- function(x, add, rows) {
  shown <- utils::head(if (is.data.frame(x)) x else as.data.frame(x, stringsAsFactors = FALSE), rows)
  shown <- as.data.frame(shown)
  if (ncol(x) > card_columns) shown <- shown[seq_len(card_columns)]
  cells <- as.matrix(format(shown))
  if (is.character(attr(shown, "row.names"))) cells <- cbind(" " = rownames(shown), cells)
  cells[is.na(cells)] <- "NA" # format() of a date or time leaves them
  add("table", as.character(colnames(cells)), trimws(as.character(t(cells))))
  left <- c(
    if (nrow(x) > rows) paste("The first", rows, "of", nrow(x), "rows."),
    if (nrow(x) == 0L) "0 rows.",
    if (ncol(x) > card_columns) paste("The first", card_columns, "of", ncol(x), "columns.")
  )
  if (length(left)) add("markdown", paste(left, collapse = " "))
}

# ---- progress bars

# Those of this task, by number.
card_bars <- new.env(parent = emptyenv())

card_bar <- function(id, add, max, label, unit) {
  if (!is.numeric(max) || length(max) != 1L || !is.finite(max) || max <= 0) {
    card_stop("progress(): `max` takes one number above 0")
  }
  number <- as.character(add("bar", as.numeric(max), as.character(label), as.character(unit)))
  card_bars[[number]] <- list2env(list(id = id, max = max, value = 0, sent = 0, at = -Inf), parent = emptyenv())
  structure(list(number = number), class = "gangway_card_bar")
}

# Sent at most once a second, for a loop may have a million turns; Metaflow draws the card anew every few seconds.
move_bar <- function(number, to) {
  if (!is.numeric(to) || length(to) != 1L || is.na(to)) card_stop("progress()$update() takes one number")
  bar <- card_bars[[number]]
  if (is.null(bar)) card_stop("progress(): this bar is of a task that has ended")
  bar$value <- as.numeric(to)
  now <- proc.time()[[3L]]
  if (now - bar$at >= 1 || to >= bar$max) {
    bar$at <- now
    send_bar(number)
  }
  invisible(to)
}

send_bar <- function(number) {
  bar <- card_bars[[number]]
  if (bar$value != bar$sent) decode(py$card(bar$id, "move", as.numeric(number), bar$value))
  bar$sent <- bar$value
}

bar_member <- function(bar, name) {
  number <- .subset2(bar, "number")
  switch(name,
    update = function(value) move_bar(number, value),
    tick = function(by = 1) move_bar(number, card_bars[[number]]$value + by),
    card_error("a progress bar of a card has $update() and $tick(), and no $", name)
  )
}

local({
  method <- function(generic, class, f) registerS3method(generic, class, f, envir = baseenv())
  method("$", "gangway_card", card_member)
  method("[[", "gangway_card", function(x, i) card(i))
  method("$", "gangway_card_bar", bar_member)
  method("print", "gangway_card", function(x, ...) {
    cat("<the card of ", decode(py$current("pathspec")), ">: $append(plot, table, widget, text, ...), $progress(max), ",
      "$refresh()\n",
      sep = ""
    )
    invisible(x)
  })
  method("print", "gangway_card_bar", function(x, ...) {
    cat("<a progress bar of a card>: $update(value), $tick(by = 1)\n")
    invisible(x)
  })
})
