# Text classification: XGBoost on words, tuned over a foreach. The reviews are made up: each word of a review is drawn
# from the words of its opinion or, mostly, from words that say nothing.
#
#   Rscript text_tuning.R
#   Rscript text_tuning.R run --reviews 5000 --max-workers 8
#
# Needs, in Python: pip install xgboost (or xgboost-cpu)

library(gangway)

words <- list(
  good = c("love", "great", "perfect", "soft", "beautiful", "comfortable", "recommend", "happy"),
  bad = c("return", "cheap", "itchy", "disappointed", "tight", "thin", "poor", "unfortunately"),
  none = c(
    "dress", "shirt", "size", "colour", "fabric", "wear", "bought", "fits", "long", "the", "and", "but", "it", "very"
  )
)

write_review <- function(good) {
  from <- sample(c("none", "good", "bad"), 20, replace = TRUE, prob = c(0.84, if (good) c(0.1, 0.06) else c(0.06, 0.1)))
  paste(vapply(from, function(kind) sample(words[[kind]], 1), ""), collapse = " ")
}

prepare <- function(self) {
  set.seed(1)
  good <- rep(c(TRUE, FALSE), length.out = self$reviews)
  reviews <- vapply(good, write_review, "")
  vocabulary <- sort(unique(unlist(strsplit(reviews, " "))))
  counts <- lapply(strsplit(reviews, " "), function(x) tabulate(match(x, vocabulary), length(vocabulary)))
  self$counts <- matrix(unlist(counts), nrow = self$reviews, byrow = TRUE, dimnames = list(NULL, vocabulary))
  self$good <- as.integer(good)
  self$example <- reviews[1]
  self$grid <- expand.grid(eta = c(0.05, 0.3), max_depth = c(1L, 3L, 6L)) # a task for each row
}

tune <- function(self) {
  xgboost <- reticulate::import("xgboost")
  data <- xgboost$DMatrix(self$counts, label = self$good, feature_names = as.list(colnames(self$counts)))
  params <- c(as.list(self$input), objective = "binary:logistic", eval_metric = "error", nthread = 1L)
  scores <- xgboost$cv(params, data, num_boost_round = 60L, nfold = 5L, seed = 1L, as_pandas = FALSE)
  error <- unlist(scores$`test-error-mean`)
  self$score <- cbind(self$input, trees = which.min(error), accuracy = 1 - min(error))
}

pick <- function(self, inputs) {
  scores <- do.call(rbind, gather_inputs(inputs, "score"))
  self$scores <- scores[order(-scores$accuracy), ]
  self$example <- inputs[[1]]$example
}

result <- metaflow("TextTuning") |>
  parameter("reviews", help = "Reviews to make up", default = 1000L) |>
  step(step = "start", r_function = prepare, next_step = "tune", foreach = "grid") |>
  step(step = "tune", r_function = tune, next_step = "pick") |>
  step(step = "pick", join = TRUE, r_function = pick, next_step = "end") |>
  step(step = "end", r_function = function(self) {
    cat("a good review: ", substr(self$example, 1, 60), "...\n", sep = "")
    print(self$scores, digits = 3, row.names = FALSE)
  }) |>
  run()
