# What R code that uses reticulate needs in a process where Python was there first.

guard_reticulate <- function() {
  setHook("reticulate.onPyInit", function() {
    if (utils::packageVersion("reticulate") < "1.31") {
      decode(py$guard_finalizers(getLoadedDLLs()[["reticulate"]][["path"]]))
    }
  })
}
