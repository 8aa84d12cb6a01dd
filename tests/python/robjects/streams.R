# Writes objects as R's serialization does, in both byte orders: Rscript streams.R <folder of this file> <output>
arguments <- commandArgs(TRUE)
source(file.path(arguments[1], "zoo.R"))
package <- ifelse(grepl(":", names(zoo)), sub(":.*", "", names(zoo)), "base")
installed <- vapply(package, requireNamespace, NA, quietly = TRUE)
objects <- lapply(zoo[installed], function(make) make())

# What artifacts seldom are, and R's serialization can hold.
compiled <- compiler::cmpfun(function(a, b = 2, ...) {
  if (a > b) a + b else tryCatch(stop("x"), error = function(e) switch(a, x = 1, 2))
})
cycle <- new.env()
cycle$self <- cycle
attr(cycle, "note") <- "itself"
lockBinding("self", cycle)
closed <- new.env(hash = FALSE)
delayedAssign("later", 1 + 1, assign.env = closed)
makeActiveBinding("now", function() 5, closed)
lockEnvironment(closed)
long_call <- quote(a)
for (i in 1:2000) long_call <- call("+", long_call, as.name(paste0("v", i)))
deep <- NULL
for (i in 1:1000) deep <- list(deep)
objects <- c(objects, list(
  compiled = compiled, cycle = cycle, closed = closed, long_call = long_call, deep = deep,
  dots = (function(...) environment())(a = stop("no"), 2),
  missing_argument = alist(a = , b = 1), weird_names = `names<-`(1:3, c("a", NA, "\u00e9")),
  source_references = eval(parse(text = "function(x) {\n x + 1 # text\n}", keep.source = TRUE)),
  environments = list(globalenv(), baseenv(), emptyenv(), asNamespace("stats"), as.environment("package:stats")),
  deferred = as.character(c(0.1, 1e5, 123456, 1e-5, NA, NaN, -Inf, 1 / 3, 1e15, 1e300)),
  pointer = methods::new("externalptr")
))
for (namespace in c("base", "stats", "utils", "methods")) {
  for (name in head(ls(asNamespace(namespace)), 100)) {
    objects[[paste0(namespace, "::", name)]] <- get(name, asNamespace(namespace))
  }
}
for (i in seq_along(objects)) {
  for (xdr in c(TRUE, FALSE)) {
    bytes <- suppressWarnings(serialize(objects[[i]], NULL, xdr = xdr, version = 3))
    writeBin(bytes, file.path(arguments[2], paste0(i, if (xdr) ".xdr" else ".native")))
  }
}
writeLines(names(objects), file.path(arguments[2], "names"))
