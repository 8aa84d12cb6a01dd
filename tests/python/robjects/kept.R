# The cases of test_r_kept.py, and the steps that assign and use them. A step sources this file into its global
# environment, so that no case takes along what others have left in a frame.

# An object that comes back usable: code that makes it, and that uses it as x.
kept <- function(packages, make, use) list(packages = packages, make = substitute(make), use = substitute(use))

# One that is refused, as self$NAME: where, with which advice; `keep` is what that says to keep of x, `again` makes of
# what was kept the object that `use` uses.
dead <- function(packages, make, path, way, keep = NULL, again = NULL, use = NULL) {
  list(
    packages = packages, make = substitute(make), path = path, way = way, keep = substitute(keep),
    again = substitute(again), use = substitute(use)
  )
}

new_pointer <- function() attr(file(tempfile(), "w"), "conn_id")
pointer <- new_pointer()
in_workflow <- function(x) structure(list(fit = structure(list(fit = x), class = "model_fit")), class = "workflow")
boosted <- function() xgboost::xgboost(as.matrix(mtcars[-1]), mtcars$mpg, nrounds = 3, verbose = 0, nthread = 1)
features <- as.matrix(mtcars[-1])
slopes <- function(fits) vapply(fits, function(fit) stats::coef(fit)[[2]], 0)
heals.engine <- function(x, ...) if (is.raw(x$bytes)) "handle" else FALSE # nolint: object_name_linter.

cases <- list(
  # What the masks of dplyr's grouped verbs leave behind.
  lm_in_summarise = kept("dplyr", summarise(by_cyl, m = list(lm(mpg ~ wt, data = cur_data()))), slopes(x$m)),
  formula_in_summarise = kept("dplyr", summarise(by_cyl, f = list(mpg ~ wt)), coef(lm(x$f[[2]], mtcars))),
  function_in_mutate = kept("dplyr", mutate(by_cyl, f = list(function(a) a + 1)), x$f[[1]](1)),
  quosure_in_summarise = kept("dplyr", summarise(by_cyl, q = list(rlang::quo(mean(wt)))),
    rlang::eval_tidy(x$q[[1]], mtcars)),
  plot_in_summarise = kept("dplyr ggplot2",
    summarise(by_cyl, p = list(ggplot2::ggplot(cur_data(), ggplot2::aes(wt, mpg)) + ggplot2::geom_point())),
    nrow(ggplot2::layer_data(x$p[[1]]))),
  rowwise_mutate = kept("dplyr tidyr",
    mutate(rowwise(tidyr::nest(mtcars, data = -cyl)), m = list(lm(mpg ~ wt, data = data))), slopes(x$m)),
  nest_by_mutate = kept("dplyr", mutate(nest_by(mtcars, cyl), m = list(lm(mpg ~ wt, data = data))), slopes(x$m)),
  # Pointers that their packages make anew.
  lmer = kept("lme4", lme4::lmer(Reaction ~ Days + (Days | Subject), lme4::sleepstudy), predict(x)[1:3]),
  glmmTMB = kept("glmmTMB", glmmTMB::glmmTMB(mpg ~ wt + (1 | cyl), data = mtcars), predict(x, se.fit = TRUE)),
  igraph = kept("igraph", igraph::make_ring(5), igraph::degree(x)),
  stan_glm = kept("rstanarm",
    suppressWarnings(rstanarm::stan_glm(mpg ~ wt, data = mtcars, chains = 1, iter = 50, refresh = 0, seed = 1)),
    c(coef(x), sum(rstanarm::posterior_predict(x, seed = 1)))),
  memoised = kept("memoise", local({ f <- memoise::memoise(function(x) x + 1); f(1); f }), x(2)),
  table_function = kept("data.table",
    data.table::data.table(a = 1:3, b = c(1, 1, 2))[, .(f = list(function(z) z + 1)), by = b], x$f[[1]](1)),
  xgboost = kept("xgboost", boosted(), predict(x, features)),
  xgboost_deep = kept("xgboost", in_workflow(boosted()), predict(x$fit$fit, features)),
  lightgbm = kept("lightgbm",
    lightgbm::lightgbm(features, mtcars$mpg, nrounds = 3, verbose = -1, num_threads = 1), predict(x, features)),
  # A class with a method of the script's, and one object that the user vouches for.
  engine = kept("", structure(list(bytes = raw(3), handle = pointer), class = "engine"), x$bytes),
  vouched = kept("", keep_pointers(list(p = list(new_pointer()), n = 7)), x$n),
  # Bytes that end as a stored artifact, and as a value on Ray, do.
  like_an_artifact = kept("", c(as.raw(1:9), charToRaw("gangwayR")), x),
  like_a_value = kept("", list(c(as.raw(1:9), charToRaw("gangwayC"))), x),
  # What comes back as nothing.
  document = dead("xml2", xml2::read_xml("<a><b/></a>"), "self$document$node",
    "Keep as.character(self$document), and xml2::read_xml()", as.character(x), xml2::read_xml(x), xml2::xml_name(x)),
  documents = dead("xml2", list(a = xml2::xml_children(xml2::read_xml("<a><b/></a>"))), "self$documents$a[[1]]$node",
    "Keep as.character(self$documents$a), and xml2::read_xml() each",
    as.character(x$a), list(a = lapply(x, xml2::read_xml)), xml2::xml_name(x$a[[1]])),
  database = dead("DBI RSQLite", list(con = DBI::dbConnect(RSQLite::SQLite())), "self$database$con@ptr",
    "Keep the arguments of DBI::dbConnect()",
    list(":memory:"), list(con = do.call(DBI::dbConnect, c(RSQLite::SQLite(), x))),
    DBI::dbGetQuery(x$con, "select 7")[[1]]),
  raster = dead("terra", terra::rast(nrows = 2, ncols = 2, vals = 1:4), "self$raster@",
    "Keep terra::wrap(self$raster), and terra::unwrap()", terra::wrap(x), terra::unwrap(x), terra::values(x)[, 1]),
  booster = dead("xgboost", replace(boosted(), "raw", list(NULL)), "self$booster$handle",
    "Keep xgboost::xgb.save.raw(self$booster), a raw vector",
    xgboost::xgb.save.raw(x), xgboost::xgb.load.raw(x, as_booster = TRUE), predict(x, features)),
  fitted = dead("", in_workflow(structure(list(handle = pointer), class = "xgb.Booster")),
    "self$fitted$fit$fit$handle", "It is a part of `self$fitted` (workflow)"),
  unknown = dead("", list(a = structure(list(p = pointer), class = "nobody_knows")), "self$unknown$a$p",
    "keep_pointers()")
)

# Their packages take seconds to load or to fit, and are tried with GANGWAY_EXAMPLES=all.
slow <- c("glmmTMB", "igraph", "rstanarm", "terra", "xgboost", "lightgbm")
is_left_out <- function(package) {
  !nzchar(system.file(package = package)) || (package %in% slow && Sys.getenv("GANGWAY_EXAMPLES") != "all")
}

say <- function(name, ...) message("CASE ", name, ": ", gsub("[[:space:]]+", " ", paste0(..., collapse = "")))

outcome <- function(code, env) paste(as.character(unlist(eval(code, env))), collapse = " ")

# Also tells of each case what is missing for it here.
for_each_case <- function(act) {
  if (requireNamespace("dplyr", quietly = TRUE)) suppressPackageStartupMessages(library(dplyr))
  if (exists("group_by")) assign("by_cyl", group_by(mtcars, cyl), globalenv())
  for (name in names(cases)) {
    packages <- strsplit(cases[[name]]$packages, " ")[[1]]
    missing <- Filter(is_left_out, packages)
    tryCatch(
      if (length(missing)) say(name, "needs ", missing[1]) else act(name, cases[[name]]),
      error = function(e) say(name, "FAILED ", conditionMessage(e))
    )
  }
}

assign_all <- function(self, crafted) {
  for_each_case(function(name, case) {
    env <- new.env(parent = globalenv())
    env$x <- eval(case$make, env)
    if (is.null(case$path)) {
      self[[name]] <- env$x
      return(say(name, "gave ", outcome(case$use, env)))
    }
    refused <- tryCatch({ self[[name]] <- env$x; NULL }, error = conditionMessage)
    if (is.null(refused) && requireNamespace("marshal", quietly = TRUE)) {
      return(say(name, "marshalled"))
    }
    as_said <- startsWith(refused, paste0("`", case$path)) && grepl(case$way, refused, fixed = TRUE)
    say(name, if (as_said) "refused " else "FAILED ", refused)
    if (!is.null(case$keep)) {
      self[[name]] <- eval(case$keep, env)
      say(name, "gave ", outcome(case$use, env))
    }
  })
  # In frames of its own: what the cases have made keeps this one.
  lapply(list.files(crafted, full.names = TRUE), assign_crafted, self)
}

assign_crafted <- function(file, self) {
  x <- list(1, deep = unserialize(readBin(file, "raw", 1e7)))
  say(basename(file), "refused ", tryCatch({ self$crafted <- x; "nothing" }, error = conditionMessage))
}

use_all <- function(self) {
  for_each_case(function(name, case) {
    env <- new.env(parent = globalenv())
    if (!is.null(case$path) && is.null(case$keep)) {
      return()
    }
    env$x <- self[[name]]
    if (!is.null(case$again)) env$x <- eval(case$again, env)
    say(name, "gives ", outcome(case$use, env))
  })
}
