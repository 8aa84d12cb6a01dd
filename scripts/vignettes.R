# Knits one vignette for scripts/vignettes.sh; its flows run in a folder of their own.
source <- commandArgs(TRUE)
name <- sub("[.].*", "", source)
folder <- normalizePath(".")
knitr::opts_knit$set(root.dir = Sys.getenv("VIGNETTE_WORK"), base.dir = folder)
knitr::opts_chunk$set(
  comment = "", fig.path = paste0("figures/", name, "-"), dpi = 96, fig.width = 6, fig.height = 3.5, message = TRUE,
  error = FALSE, collapse = FALSE
)
options(width = 90, cli.num_colors = 1L)
# Run ids, process ids and dates are shortened, so that lines fit, and a new build differs in times alone.
shorten <- function(x) {
  x <- gsub("[0-9]{4}-[0-9]{2}-[0-9]{2} ([0-9:]{8})[.][0-9]{3} ", "\\1 ", x)
  x <- gsub("\\b(1[0-9]{3})[0-9]{12}\\b", "\\1...", x)
  x <- gsub(paste0(folder, "/figures/"), "", x, fixed = TRUE)
  gsub(Sys.getenv("VIGNETTE_WORK"), "/home/jane/flows", x, fixed = TRUE)
}
knitr::render_markdown()
plain <- knitr::knit_hooks$get("output")
knitr::knit_hooks$set(output = function(x, options) plain(shorten(x), options))
said <- knitr::knit_hooks$get("message")
knitr::knit_hooks$set(message = function(x, options) said(shorten(x), options))
knitr::knit(source, sub("[.]orig$", "", source), quiet = TRUE, envir = globalenv())
