# What draws, as pictures of a card.

is_drawing <- function(x) {
  inherits(x, c("ggplot", "trellis", "recordedplot", "grob", "gTree", "gtable")) || is.function(x) ||
    is.expression(x) || (is.call(x) && !is.object(x))
}

#' The value of an argument, or what its code has drawn: `append(plot(x))`
#'
#' Only where the user has no device open, on which the code would draw.
#' @noRd
value_or_drawing <- function(x) {
  if (grDevices::dev.cur() > 1L) {
    return(x)
  }
  grDevices::pdf(NULL)
  device <- grDevices::dev.cur()
  on.exit(if (device %in% grDevices::dev.list()) grDevices::dev.off(device))
  grDevices::dev.control("enable")
  # What shows itself counts, and not what was drawn in passing.
  if (is_drawing(x) || is_page(x) || is.data.frame(x) || is_chart(x) || !device %in% grDevices::dev.list()) {
    return(x)
  }
  grDevices::dev.set(device)
  drawing <- grDevices::recordPlot()
  if (is.null(drawing[[1L]])) x else drawing
}

# `width` and `height` are inches, of which the page gives each 96 pixels.
card_pictures <- function(x, add, look, frame) {
  height <- if (is.null(look$height)) look$width * 5 / 7 else look$height
  pages <- tempfile()
  dir.create(pages)
  on.exit(unlink(pages, recursive = TRUE))
  grDevices::png(file.path(pages, "%04d.png"), look$width * 96 * look$retina, height * 96 * look$retina,
    res = 96 * look$retina
  )
  device <- grDevices::dev.cur()
  tryCatch(draw(x, frame), finally = if (device %in% grDevices::dev.list()) grDevices::dev.off(device))
  files <- list.files(pages, full.names = TRUE)
  if (!length(files)) card_stop("append(): an object of class ", class(x)[1L], " has drawn nothing")
  for (file in files) add("picture", readBin(file, "raw", file.size(file)), look$width * 96)
}

draw <- function(x, frame) {
  if (is.function(x)) {
    draw_value(withVisible(x()), frame)
  } else if (is.expression(x)) {
    for (code in as.list(x)) draw_value(withVisible(eval(code, frame)), frame)
  } else if (is.call(x)) {
    draw_value(withVisible(eval(x, frame)), frame)
  } else if (inherits(x, c("grob", "gTree", "gtable"))) {
    grid <- asNamespace("grid")
    grid$grid.newpage()
    grid$grid.draw(x)
  } else {
    print(x)
  }
}

# As at the prompt, where a plot that is the value of code is drawn.
draw_value <- function(value, frame) if (value$visible && is_drawing(value$value)) draw(value$value, frame)
