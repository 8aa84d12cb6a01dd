# Objects whose methods come from packages that the code itself does not name.
kind("Classes of packages")

row("integer64", setup = pi01 <- bit64::as.integer64("9007199254740993"), code = as.character(pi01 + 1L),
  expect = "9007199254740994", needs = "bit64"
)
row("a data frame with a column of integer64",
  setup = pd02 <- data.frame(id = bit64::as.integer64(c("9007199254740993", "2"))),
  code = list(as.character(max(pd02$id)), trimws(format(pd02$id))),
  expect = list("9007199254740993", c("9007199254740993", "2")), needs = "bit64"
)
row("zoo", setup = pz03 <- zoo::zoo(c(1, 4, 9), as.Date("2026-01-01") + 0:2),
  code = as.numeric(pz03[as.Date("2026-01-02")]),
  expect = 4, needs = "zoo"
)
row("xts", setup = px04 <- xts::xts(c(1, 4, 9), as.Date("2026-01-01") + 0:2), code = as.numeric(px04["2026-01-02"]),
  expect = 4, needs = "xts"
)
row("hms", setup = ph05 <- hms::hms(60), code = format(ph05), expect = "00:01:00", needs = "hms")
row("Matrix", setup = pm06 <- Matrix::Matrix(c(1, 0, 0, 2), 2, sparse = TRUE), code = sum(pm06 %*% pm06), expect = 5,
  needs = "Matrix"
)
row("Matrix in a list", setup = pl07 <- list(m = Matrix::Diagonal(3)), code = c(dim(pl07$m), sum(pl07$m)),
  expect = c(3, 3, 3), needs = "Matrix"
)
row("units", setup = pu08 <- units::set_units(3, "km", mode = "standard"), code = format(pu08 + pu08),
  expect = "6 [km]",
  needs = "units"
)
row("haven's labels", setup = pl09 <- haven::labelled(c(1, 2), c(low = 1, high = 2)),
  code = as.character(haven::as_factor(pl09)), expect = c("low", "high"), needs = "haven"
)
row("haven's labels without a word of haven", setup = pl10 <- haven::labelled(c(1, 2), c(low = 1, high = 2)),
  code = class(pl10[1])[1], expect = "haven_labelled", needs = "haven"
)
row("data.table", setup = pd11 <- data.table::data.table(g = c("a", "b", "a"), v = 1:3),
  code = pd11[pd11$g == "a"]$v, expect = c(1L, 3L), needs = "data.table"
)
row("tibble", setup = pt12 <- tibble::tibble(a = 1:3), code = class(pt12[, "a"])[1], expect = "tbl_df",
  needs = "tibble")
row("randomForest", setup = {
  set.seed(1)
  pf13 <- randomForest::randomForest(mpg ~ ., mtcars, ntree = 5)
}, code = length(predict(pf13, mtcars)), expect = 32L, needs = "randomForest")
row("ranger", setup = pf14 <- ranger::ranger(mpg ~ ., mtcars, num.trees = 5, seed = 1, num.threads = 1),
  code = length(predict(pf14, mtcars)$predictions), expect = 32L, needs = "ranger"
)
row("glmnet", setup = pf15 <- glmnet::glmnet(as.matrix(mtcars[-1]), mtcars$mpg, nlambda = 5),
  code = dim(predict(pf15, as.matrix(mtcars[1:2, -1]))), expect = c(2L, 5L), needs = "glmnet"
)
row("rpart", setup = pf16 <- rpart::rpart(mpg ~ wt, mtcars), code = length(predict(pf16, mtcars[1:3, ])), expect = 3L,
  needs = "rpart"
)
row("lda() of MASS", setup = pf17 <- MASS::lda(Species ~ ., iris), code = as.character(predict(pf17, iris[1, ])$class),
  expect = "setosa", needs = "MASS"
)
row("svm() of e1071", setup = pf18 <- e1071::svm(Species ~ ., iris), code = as.character(predict(pf18, iris[1, ])),
  expect = "setosa", needs = "e1071"
)
row("gam() of mgcv", setup = pf19 <- mgcv::gam(mpg ~ s(wt), data = mtcars),
  code = length(predict(pf19, data.frame(wt = 3))), expect = 1L, needs = "mgcv"
)
row("nnet", setup = {
  set.seed(1)
  pf20 <- nnet::nnet(am ~ wt, mtcars, size = 1, trace = FALSE)
}, code = dim(predict(pf20, mtcars[1:2, ])), expect = c(2L, 1L), needs = "nnet")
row("lmer() of lme4", setup = pf21 <- lme4::lmer(Reaction ~ Days + (1 | Subject), lme4::sleepstudy),
  code = round(unname(predict(pf21))[1], 1), expect = 292.2, needs = "lme4"
)
row("coxph() of survival", setup = pf22 <- survival::coxph(survival::Surv(time, status) ~ age, survival::lung),
  code = length(predict(pf22, survival::lung[1:2, ])), expect = 2L, needs = "survival"
)
row("nlme", setup = pf23 <- nlme::lme(distance ~ age, nlme::Orthodont, ~ 1 | Subject),
  code = length(predict(pf23, level = 0)), expect = 108L, needs = "nlme"
)
row("lubridate's periods", setup = pp24 <- lubridate::period(2, "days"),
  code = format(as.Date("2026-01-01") + pp24), expect = "2026-01-03", needs = "lubridate"
)
row("a vctrs list of", setup = pv25 <- vctrs::list_of(1:2, 3L), code = class(pv25[1])[1], expect = "vctrs_list_of",
  needs = "vctrs"
)
row("ggplot2", setup = pg26 <- ggplot2::ggplot(mtcars, ggplot2::aes(wt, mpg)),
  code = class((pg26 + ggplot2::geom_point())$layers[[1]]$geom)[1], expect = "GeomPoint", needs = "ggplot2"
)
row("a recipe", setup = pr27 <- recipes::prep(recipes::step_center(
  recipes::recipe(mpg ~ wt, mtcars), recipes::all_predictors()
)), code = round(mean(recipes::bake(pr27, mtcars)$wt), 6), expect = 0, needs = "recipes")
row("an object in an environment", setup = {
  pe28 <- new.env()
  pe28$z <- zoo::zoo(1:3, as.Date("2026-01-01") + 0:2)
}, code = as.numeric(window(pe28$z, start = as.Date("2026-01-02"))), expect = c(2, 3), needs = "zoo")
row("an object as the default of an argument", setup = {
  pi29 <- bit64::as.integer64("9007199254740993")
  pf29 <- function(x = pi29) as.character(x)
}, code = pf29(), expect = "9007199254740993", needs = "bit64")
row("an object in a closure", setup = {
  pmake30 <- function(x) function() as.character(x + 1L)
  pf30 <- pmake30(bit64::as.integer64("9007199254740993"))
}, code = pf30(), expect = "9007199254740994", needs = "bit64")
row("an object in an attribute", setup = pa31 <- structure(1, when = zoo::as.yearmon("2026-02")),
  code = format(attr(pa31, "when"), "%Y/%m"), expect = "2026/02", needs = "zoo"
)
row("an object in an R6 object", setup = pr32 <- R6::R6Class("Pr32", public = list(h = hms::hms(90)))$new(),
  code = format(pr32$h), expect = "00:01:30", needs = c("R6", "hms")
)
row("yearmon", setup = py33 <- zoo::as.yearmon("2026-02"), code = as.character(py33 + 1 / 12), expect = "Mar 2026",
  needs = "zoo"
)
row("glue's strings", setup = pg34 <- glue::glue("a"), code = class(pg34 + "b")[1], expect = "glue", needs = "glue")
row("forcats without a word of it", setup = {
  ph35 <- function(f) forcats::fct_rev(f)
}, code = levels(ph35(factor(c("a", "b")))), expect = c("b", "a"), needs = "forcats")
