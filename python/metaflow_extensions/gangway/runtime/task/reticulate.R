# What R code that uses reticulate needs in a process where Python was there first.

guard_reticulate <- function() {
  replace_in("reticulate", "ensure_python_initialized", function(initialize) {
    reticulate <- environment(initialize)
    # Before 1.31 R's garbage collection ends the process if it finds an object of reticulate's while R runs without
    # Python's lock. So reticulate starts with the lock held, until its finalizers take it themselves.
    old <- utils::packageVersion("reticulate") < "1.31"
    function(...) {
      if (reticulate$is_python_initialized()) {
        return()
      }
      # The threads that start now, numpy's among them, leave R's signals to R's.
      decode(py$block_signals(TRUE))
      on.exit(decode(py$block_signals(FALSE)))
      if (old) result_of(call_with_gil(function() caught(initialize(...)))) else initialize(...)
    }
  })
  setHook("reticulate.onPyInit", function() {
    decode(py$take_sigint_back())
    if (utils::packageVersion("reticulate") < "1.31") {
      decode(py$guard_finalizers(getLoadedDLLs()[["reticulate"]][["path"]]))
    }
  })
}
