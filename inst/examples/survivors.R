# A fan-out in which some tasks fail: each is tried again, and what fails for good is kept as an error, while the others
# go on. The join tells them apart.
#
#   Rscript survivors.R

library(gangway)

list_files <- function(self) {
  self$files <- c(good = "1,2\n3,4", bad = "1,2\n3", empty = "", also_good = "5,6")
}

read_file <- function(self) {
  self$table <- read.csv(text = self$input, header = FALSE, fill = FALSE)
}

gather <- function(self, inputs) {
  errors <- gather_inputs(inputs, "problem") # NULL where there was none
  failed <- !vapply(errors, is.null, NA)
  self$rows <- do.call(rbind, lapply(inputs[!failed], function(input) input$table))
  self$problems <- stats::setNames(
    vapply(errors[failed], conditionMessage, ""), names(inputs[[1]]$files)[failed]
  )
}

result <- metaflow("Survivors") |>
  step(step = "start", r_function = list_files, next_step = "read", foreach = "files") |>
  step(decorator("retry", times = 1, minutes_between_retries = 0), catch(var = "problem", print_exception = FALSE),
    step = "read", r_function = read_file, next_step = "gather"
  ) |>
  step(step = "gather", join = TRUE, r_function = gather, next_step = "end") |>
  step(step = "end", r_function = function(self) {
    print(self$rows)
    for (file in names(self$problems)) cat(file, ": ", self$problems[[file]], "\n", sep = "")
  }) |>
  run()
