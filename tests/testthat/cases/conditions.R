# Conditions that the code makes and meets itself.
kind("Conditions")

row("an error of one's own class", setup = ecnd01 <- function(x) structure(
  class = c("my_error", "error", "condition"), list(message = x, call = NULL)
), code = tryCatch(stop(ecnd01("mine")), my_error = conditionMessage), expect = "mine")
row("abort() with a class", setup = efail02 <- function() rlang::abort("x", class = "my_abort"),
  code = tryCatch(efail02(), my_abort = function(e) "caught"), expect = "caught", needs = "rlang"
)
row("a warning that a helper muffles",
  setup = equiet03 <- function(code) withCallingHandlers(code, warning = function(w) {
  enote03 <<- conditionMessage(w)
  invokeRestart("muffleWarning")
}), code = {
  equiet03(as.integer("x"))
  enote03
}, expect = "NAs introduced by coercion")
row("a handler that is a function of the script", setup = {
  ek04 <- "handled: "
  ehandle04 <- function(e) paste0(ek04, conditionMessage(e))
}, code = tryCatch(stop("bad"), error = ehandle04), expect = "handled: bad")
row("a restart", setup = ef05 <- function() withRestarts(
  {
    signalCondition(structure(class = c("ask05", "condition"), list(message = "", call = NULL)))
    "none"
  },
  use = function(v) v
), code = withCallingHandlers(ef05(), ask05 = function(c) invokeRestart("use", "restarted")), expect = "restarted")
row("tryCatch(finally = )", setup = {
  elog06 <- new.env()
  edone06 <- function() elog06$done <- TRUE
}, code = {
  tryCatch(1, finally = edone06())
  elog06$done
}, expect = TRUE)
row("stop() with the call of a helper", setup = ecalled07 <- function(x) stop("inside"),
  code = tryCatch(ecalled07(1), error = function(e) deparse(conditionCall(e))), expect = "ecalled07(1)"
)
row("an object that does not exist", code = tryCatch(enowhere08, error = function(e) "nowhere"), expect = "nowhere")
row("try() and a class that inherits", setup = ef09 <- function() try(stop("x"), silent = TRUE),
  code = inherits(ef09(), "try-error"), expect = TRUE
)
