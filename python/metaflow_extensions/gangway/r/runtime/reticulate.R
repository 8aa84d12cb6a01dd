# What R code that uses reticulate needs in a process where Python was there first.

guard_reticulate <- function() {
  options( # the threads that reticulate starts, numpy's among them, leave R's signals to R's
    reticulate.python.beforeInitialized = function() decode(py$block_signals(TRUE)),
    reticulate.python.afterInitialized = function() decode(py$block_signals(FALSE))
  )
  # Before 1.31 R's garbage collection ends the process if it finds an object of reticulate's while R runs without
  # Python's lock. So reticulate starts with the lock held, until its finalizers take it themselves.
  replace_in("reticulate", "ensure_python_initialized", function(initialize) {
    reticulate <- environment(initialize)
    if (utils::packageVersion("reticulate") >= "1.31") {
      return(initialize)
    }
    function(...) {
      if (!reticulate$is_python_initialized()) result_of(call_with_gil(function() caught(initialize(...))))
    }
  })
  setHook("reticulate.onPyInit", function() {
    if (utils::packageVersion("reticulate") < "1.31") {
      decode(py$guard_finalizers(getLoadedDLLs()[["reticulate"]][["path"]]))
    }
  })
}
