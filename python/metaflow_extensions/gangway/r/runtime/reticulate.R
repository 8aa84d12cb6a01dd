# What R code that uses reticulate needs in a process where Python was there first.

guard_reticulate <- function() {
  options( # the threads that reticulate starts, numpy's among them, leave R's signals to R's
    reticulate.python.beforeInitialized = function() decode(py$block_signals(TRUE)),
    reticulate.python.afterInitialized = function() decode(py$block_signals(FALSE))
  )
  setHook("reticulate.onPyInit", function() {
    if (utils::packageVersion("reticulate") < "1.31") {
      decode(py$guard_finalizers(getLoadedDLLs()[["reticulate"]][["path"]]))
    }
  })
}
