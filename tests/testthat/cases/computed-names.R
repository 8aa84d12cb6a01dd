# Names that the code makes while it runs.
kind("Computed names")

row("get() with a pasted name", setup = {
  cfg01_dev <- list(n = 1)
  cenv01 <- "dev"
}, code = get(paste0("cfg01_", cenv01))$n, expect = 1, named = FALSE)
row("exists() with a pasted name", setup = {
  cfg02_dev <- 1
  cenv02 <- "dev"
}, code = exists(paste0("cfg02_", cenv02)), expect = TRUE)
row("exists() of what is nowhere", code = exists("cnothing03"), expect = FALSE)
row("mget() with names from sprintf()", setup = {
  cv04_1 <- 10
  cv04_2 <- 20
}, code = unname(unlist(mget(sprintf("cv04_%d", 1:2), envir = globalenv()))), expect = c(10, 20), named = FALSE)
row("mget() of what ls() finds", setup = {
  cset05_a <- 1
  cset05_b <- 2
}, code = unlist(mget(ls(globalenv(), pattern = "^cset05_"), envir = globalenv())),
  expect = c(cset05_a = 1, cset05_b = 2), named = FALSE)
row("get0() with a default that is not needed", setup = cv06x <- 5, code = get0(paste0("cv06", "x"), ifnotfound = 0),
  expect = 5,
  named = FALSE
)
row("get0() with a default that is needed", code = get0("cv07x", ifnotfound = 0), expect = 0)
row("eval(parse()) of a string in a variable", setup = {
  cs08 <- "CVAR08 * 2"
  CVAR08 <- 4
}, code = eval(parse(text = cs08)), expect = 8, named = FALSE)
row("eval(parse()) of a pasted string", setup = cv09_b <- 6,
  code = eval(parse(text = paste0("cv09_", "b"))), expect = 6, named = FALSE)
row("str2lang()", setup = {
  cv10 <- 2
  ch10 <- function(x) x * cv10
}, code = eval(str2lang("ch10(5)")), expect = 10)
row("as.name() of a pasted string", setup = cv11_z <- 2,
  code = eval(as.name(paste("cv11", "z", sep = "_"))), expect = 2, named = FALSE)
row("do.call() with a pasted name", setup = cf12_fast <- function(x) x * 2,
  code = do.call(paste0("cf12_", "fast"), list(4)),
  expect = 8,
  named = FALSE
)
row("match.fun() with a pasted name", setup = {
  ck13 <- 3
  cf13_one <- function(x) x * ck13
}, code = match.fun(paste("cf13", "one", sep = "_"))(2), expect = 6, named = FALSE)
row("sapply() with get()", setup = {
  ca14 <- 1
  cb14 <- 2
}, code = sapply(paste0(c("ca", "cb"), 14), get), expect = c(ca14 = 1, cb14 = 2), named = FALSE)
row("get() in an environment of the script", setup = {
  ce15 <- new.env()
  ce15$dev <- 7
}, code = get("dev", envir = ce15), expect = 7)
row("globalenv()$name", setup = cv16 <- 5, code = globalenv()$cv16, expect = 5)
row(".GlobalEnv[[pasted]]", setup = cv17_a <- 5, code = .GlobalEnv[[paste0("cv17_", "a")]], expect = 5, named = FALSE)
row("environment(f)$a", setup = {
  cmake18 <- function() {
    a <- 9
    function() NULL
  }
  cf18 <- cmake18()
}, code = environment(cf18)$a, expect = 9)
row("parent.env(environment()) of a closure", setup = {
  cmake19 <- function() {
    hidden <- 9
    function() get("hidden", parent.env(environment()))
  }
  cf19 <- cmake19()
}, code = cf19(), expect = 9)
row("as.list(parent.env(environment())) of a closure", setup = {
  cmake20 <- function() {
    one <- 1
    two <- 2
    function() sort(unlist(as.list(parent.env(environment()))))
  }
  cf20 <- cmake20()
}, code = cf20(), expect = c(one = 1, two = 2), named = FALSE)
row("get() with a pasted name in a closure", setup = {
  cmake21 <- function() {
    part_a <- 3
    function(x) get(paste0("part_", x))
  }
  cf21 <- cmake21()
}, code = cf21("a"), expect = 3, named = FALSE)
row("dynGet() and sys.function()", setup = cf22 <- function() {
  cdyn22 <- 4
  (function() dynGet("cdyn22"))()
}, code = cf22(), expect = 4)
row("assign() and get() of the same pasted name", code = {
  assign(paste0("cv", "23"), 5)
  get("cv23")
}, expect = 5)
row("with(globalenv(), )", setup = cv24 <- 3, code = with(globalenv(), cv24 + 1), expect = 4)
row("a name from a data frame's column", setup = {
  crule25 <- function(x) x > 2
  ct25 <- data.frame(rule = "crule25")
}, code = get(ct25$rule[1], mode = "function")(3), expect = TRUE, named = FALSE)
row("eval() in a list with the script behind it", setup = ck26 <- 5, code = eval(parse(text = "a + ck26"), list(a = 1)),
  expect = 6
)
row("a function from a switch of pasted names", setup = {
  cload27_csv <- function() "csv"
  cload27_json <- function() "json"
}, code = vapply(c("csv", "json"), function(x) get(paste0("cload27_", x))(), "", USE.NAMES = FALSE),
expect = c("csv", "json"), named = FALSE)
row("a helper of a helper by a pasted name", setup = {
  ck28 <- 2
  cinner28_a <- function(x) x * ck28
  couter28 <- function(x, how) get(paste0("cinner28_", how))(x)
}, code = couter28(4, "a"), expect = 8, named = FALSE)
row("large, in code that is parsed", setup = hbig40 <- numeric(3e5), code = eval(parse(text = "length(hbig40)")),
  expect = 300000L)
row("large, by .GlobalEnv$", setup = hbig41 <- numeric(3e5), code = length(.GlobalEnv$hbig41), expect = 300000L)
row("large, by globalenv()[[]], where a local has its name", setup = hbig42 <- numeric(3e5), code = {
  hbig42 <- 1
  length(globalenv()[["hbig42"]])
}, expect = 300000L)
row("large, by the pronoun .env", setup = hbig43 <- numeric(3e5),
  code = dplyr::pull(dplyr::summarise(mtcars, n = length(.env$hbig43))), expect = 300000L, needs = "dplyr")
row("large, in a call that a variable is", setup = {
  hbig44 <- numeric(3e5)
  hcall44 <- quote(length(hbig44))
}, code = eval(hcall44), expect = 300000L)
row("large, in a list of calls", setup = {
  hbig45 <- numeric(3e5)
  hcalls45 <- list(quote(length(hbig45)))
}, code = eval(hcalls45[[1]]), expect = 300000L)
row("large, by data.table's ..", setup = hbig46 <- structure(c("mpg", "cyl"), big = numeric(3e5)), code = {
  library(data.table)
  ncol(as.data.table(mtcars)[, ..hbig46])
}, expect = 2L, needs = "data.table")
row("large, in an active binding", setup = {
  hbig47 <- numeric(3e5)
  makeActiveBinding("hact47", function() length(hbig47), globalenv())
}, code = hact47, expect = 300000L)
