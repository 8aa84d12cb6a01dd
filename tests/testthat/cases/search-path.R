# What is attached, what masks what, and what the script puts before R's own.
kind("The search path and masks", group = "attached")

row("an attached package", code = nrow(filter(tibble(a = 1:3), a > 1)), expect = 2L,
  attach = c("MASS", "tibble", "dplyr"))
row("the later of two packages wins", code = environmentName(environment(select)), expect = "dplyr",
  attach = c("MASS", "dplyr")
)
row("a masked function of base R", code = environmentName(environment(filter)), expect = "dplyr", attach = "dplyr")
row("a pipe of a package", setup = hh04 <- function(x) x + 1, code = 1 %>% hh04() %>% hh04(), expect = 3,
  attach = "magrittr")
row("data of an attached package", code = nrow(Boston), expect = 506L, attach = "MASS")
row("attach() of a list", setup = attach(list(hatt06 = 6), name = "hsettings"), code = hatt06, expect = 6)
row("attach() of a list of functions", setup = {
  hk07 <- 3
  attach(list(hfun07 = function(x) x * hk07), name = "htools")
}, code = hfun07(2), expect = 6)
row("attach() of a data frame", setup = attach(data.frame(hcol08 = 1:3)), code = sum(hcol08), expect = 6L)
row("a function of the script that masks R's", setup = median <- function(x) "mine", code = median(1:3),
  expect = "mine")
row("a mask that calls what it masks", setup = toupper <- function(x) paste0(base::toupper(x), "!"),
  code = toupper("a"),
  expect = "A!"
)
row("a mask of an attached package's function", setup = n_distinct <- function(x) -1,
  code = dplyr::summarise(data.frame(a = 1), n = n_distinct(a))$n, expect = -1, attach = "dplyr"
)
row("a mask that is not called as a function", setup = var <- 5, code = var + var(c(1, 3)), expect = 7)
row("an operator of R masked", setup = `%in%` <- function(x, table) "masked", code = 1 %in% 2, expect = "masked")
row("sys.source() into an attached environment", setup = {
  hfile14 <- tempfile(fileext = ".R")
  writeLines("hsrc14 <- function() 'sourced'", hfile14)
  sys.source(hfile14, attach(NULL, name = "hsourced"))
}, code = hsrc14(), expect = "sourced")
row("source() at the top", setup = {
  hfile15 <- tempfile(fileext = ".R")
  writeLines(c("hk15 <- 4", "hsrc15 <- function() hk15 * 2"), hfile15)
  source(hfile15)
}, code = hsrc15(), expect = 8)
row("source(local = an environment)", setup = {
  henv16 <- new.env()
  source(hfile15, local = henv16)
}, code = henv16$hsrc15(), expect = 8)
row("library() in the code", code = {
  library(splines)
  ncol(bs(1:10, df = 4))
}, expect = 4L)
row("a tidyverse chain with a helper and a lambda", setup = {
  hk18 <- 2
  hh18 <- function(x) x * hk18
}, code = {
  mtcars %>% group_by(cyl) %>% summarise(m = hh18(max(mpg)), .groups = "drop") %>% pull(m) %>%
    purrr::map_dbl(~ .x / hk18)
},
expect = c(33.9, 21.4, 19.2), attach = c("dplyr", "magrittr"), needs = "purrr")
row("import::from()", setup = import::from(tools, title_case = toTitleCase), code = title_case("abc def"),
  expect = "Abc Def", needs = "import")
row("library() in code, where the script masks one of the package's functions", setup = xyVector <- function() "mine",
  code = {
    library(splines)
    n <- ncol(bs(1:10, df = 4))
    detach("package:splines")
    n
  }, expect = 4L)
