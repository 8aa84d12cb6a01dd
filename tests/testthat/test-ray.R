# Ray from an R session of its own: one local cluster of two cores for the whole file.

local_cluster <- function() {
  skip_without_ray()
  ray_init(cpus = 2)
}

on_ray <- function(kind) paste0("gangway_error_ray_", kind)

test_that("without a cluster it says what to do", {
  ray_shutdown() # of the files before
  expect_error(ray_put(1), "call ray_init\\(\\) first", class = on_ray("argument"))
  expect_error(ray_map(1:2, identity), "ray_init", class = "gangway_error")
})

test_that("large vectors go from R's own memory and back unharmed", {
  local_cluster()
  same <- function(x, y) expect_true(identical(x, y, num.eq = FALSE, single.NA = FALSE))
  there <- ray_remote(function(x) x)
  inside <- ray_remote(function(x) ray_get(ray_put(x)))
  numbers <- c(NA, NaN, Inf, -0, runif(1.5e6))
  for (x in list(numbers, rep(c(1L, NA), 2e6), rep(c(TRUE, NA), 2e6), as.raw(rep(0:255, 4e4)), 1:3e6)) {
    ref <- ray_put(x)
    same(ray_get(ref), x)
    same(ray_get(there(ref)), x)
    same(ray_get(there(x)), x)
    same(ray_get(inside(ref)), x)
  }
  # What Ray has is a copy.
  ref <- ray_put(numbers)
  numbers[1] <- 1
  expect_identical(ray_get(ref)[1], NA_real_)
  table <- data.frame(a = runif(1e6), b = rep(c("x", NA), 5e5))
  expect_identical(ray_get(there(ray_put(table))), table)
  expect_true(ray_get(ray_remote(identical)(numbers, numbers)))
  expect_identical(ray_map(list(a = numbers, b = 1, c = numbers), length), list(a = 1500004L, b = 1L, c = 1500004L))
  actor <- ray_actor(function() {
    x <- NULL
    set <- function(new) x <<- new
    get <- function() x
    environment()
  })
  actor$set(numbers)
  for (i in 1:3) actor$get()
  same(ray_get(actor$get()), numbers)
})

test_that("a large argument is forgotten with its call", {
  skip_if_not(file.exists("/proc/self/status"), "only Linux tells a process's own memory")
  local_cluster()
  own_memory <- ray_remote(function(x) {
    as.numeric(gsub("[^0-9]", "", grep("^RssAnon", readLines("/proc/self/status"), value = TRUE))) / 1024
  })
  x <- runif(1.5e6)
  few <- max(unlist(ray_get(lapply(1:6, function(i) own_memory(x)))))
  many <- max(unlist(ray_get(lapply(1:40, function(i) own_memory(x)))))
  expect_lt(many, few + 100) # 20 of them are 240 MB
})

test_that("a large vector is in memory twice, here and in Ray's store", {
  skip_if_not(file.exists("/proc/self/clear_refs"), "only Linux tells the peak")
  local_cluster()
  memory <- function(field) {
    line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
    as.numeric(gsub("[^0-9]", "", line)) / 1024
  }
  # In sizes of the vector, over what the process had before it.
  peak <- function(expr, before) {
    writeLines("5", "/proc/self/clear_refs")
    force(expr)
    (memory("VmHWM") - before) / 152.6
  }
  ray_get(ray_put(runif(1.5e6)))
  invisible(gc())
  before <- memory("VmRSS")
  x <- runif(2e7)
  expect_lt(peak(ref <- ray_put(x), before), 2.1)
  rm(x)
  invisible(gc())
  kept <- memory("VmRSS") # with Ray's copy
  expect_lt(peak(y <- ray_get(ref), kept), 1.1)
  expect_length(y, 2e7)
})

test_that("values go there and back unharmed", {
  local_cluster()
  values <- list(
    NULL, NA, 1:3, c(a = 1.5, b = NA), "gr\u00fcn", factor(c("x", NA)), Sys.Date(), iris, list(1, list("a", NULL)),
    as.raw(0:255), quote(x + y), structure(y ~ x, .Environment = globalenv()), array(1:8, c(2, 2, 2)),
    complex(real = 1, imaginary = NaN), runif(2e5)
  )
  refs <- lapply(values, ray_put)
  expect_identical(ray_get(refs), values)
  same <- ray_remote(function(x) x)
  expect_identical(ray_get(lapply(values, same)), values)
  expect_identical(ray_get(lapply(refs, same)), values)
  expect_identical(ray_get(list(a = refs[[3]], b = refs[[1]])), list(a = 1:3, b = NULL))
  expect_identical(ray_get(list()), list())
  large <- list(numbers = matrix(runif(2e6), 2), names = c(a = "b"))
  refs <- list(ray_put(large), ray_put(large))
  expect_match(format(refs[[1]]), "15.3 M")
  expect_identical(ray_get(refs), list(large, large))
  expect_identical(ray_map(1:2, function(i, d) d$names, d = large), rep(list(large$names), 2))
  expect_identical(ray_map(large[c(1, 1)], ncol), list(numbers = 1000000L, numbers = 1000000L))
})

test_that("the package may be attached in a task, which then numbers its references on", {
  local_cluster()
  seen <- expect_silent(ray_map(1, function(i) {
    first <- ray_put("first")
    suppressPackageStartupMessages(library(gangway))
    second <- gangway::ray_put("second")
    ray_get(list(first, second, ray_put("third")))
  }))
  expect_identical(seen, list(list("first", "second", "third")))
})

test_that("what has pointers is kept or refused by one rule: stored, as global, argument, element and result", {
  local_cluster()
  con <- file(tempfile(), "w")
  withr::defer(close(con))
  withr::defer(rm("heals.engine", envir = globalenv()))
  assign("heals.engine", function(x, ...) if (is.raw(x$bytes)) "handle" else FALSE, globalenv())
  made <- function(bytes) structure(list(bytes = bytes, handle = attr(con, "conn_id")), class = "engine")
  good <- made(raw(3))
  size <- ray_remote(function(x) length(x$bytes))
  returned <- ray_remote(function(x) x)
  expect_length(ray_get(ray_put(good))$bytes, 3)
  expect_equal(ray_map(1, function(i) length(good$bytes)), list(3L))
  expect_equal(ray_get(size(good)), 3L)
  expect_equal(ray_map(list(good), function(x) length(x$bytes)), list(3L))
  expect_length(ray_get(returned(ray_put(good)))$bytes, 3)
  bad <- made(NULL)
  refused <- function(expr, path) {
    error <- expect_error(expr, class = "gangway_error_ray")
    expect_match(conditionMessage(error), paste0("`", path, "` (externalptr) cannot travel"), fixed = TRUE)
    expect_match(conditionMessage(error), "keep_pointers()", fixed = TRUE)
  }
  refused(ray_put(bad), "x$handle")
  refused(ray_map(1, function(i) bad$bytes), "bad$handle")
  refused(size(bad), "argument[[1]]$handle")
  refused(ray_map(list(bad), function(x) 1), "elements[[2]][[1]][[1]]$handle")
  refused(ray_get(ray_remote(function() {
    con <- file(tempfile(), "w")
    on.exit(close(con))
    list(handle = attr(con, "conn_id"))
  })()), "result$handle")
  keep_pointers(bad)
  withr::defer(forget_kept())
  expect_null(ray_get(ray_put(bad))$bytes)
  expect_equal(ray_map(1, function(i) length(bad$bytes)), list(0L))
  expect_equal(ray_get(size(bad)), 0L)
})

test_that("no value looks like what goes with values", {
  local_cluster()
  like <- c(as.raw(1:9), charToRaw("gangwayC"))
  values <- list(like, list(like), c(raw(4), like), rep(like, 5e3), list(runif(1.2e6), like), as.raw(c(1, 0, 0, 0)))
  told <- ray_remote(function(x) {
    message("told")
    x
  })
  expect_identical(ray_get(lapply(values, ray_put)), values)
  expect_identical(suppressMessages(ray_get(lapply(values, told))), values)
  expect_identical(suppressMessages(ray_get(lapply(lapply(values, ray_put), told))), values)
})

test_that("references print what they are, and those of another session are refused", {
  local_cluster()
  ref <- ray_put(mtcars)
  expect_output(print(ref), "<reference [0-9]+ to a data.frame, [0-9.]+ Kb>")
  expect_output(print(ray_remote(identity, cpus = 0.5)), "<remote function: cpus = 0.5, max_retries = 3>")
  inside <- ray_remote(function(l) ray_get(l$ref))
  expect_error(ray_get(inside(list(ref = ref))), "known only where it was made", class = on_ray("task"))
  expect_error(ray_get(1), "takes a reference", class = on_ray("argument"))
})

test_that("what a function uses travels with it", {
  local_cluster()
  k <- 10
  helper <- function(x) x * k
  f <- ray_remote(function(x) helper(x) + 1)
  expect_identical(ray_get(f(4)), 41)
  again <- function(n) if (n > 0) again(n - 1) else "end"
  expect_identical(ray_map(3, again), list("end"))
  g <- ray_remote(function(x) ray_get(f(x)) + 1)
  expect_identical(ray_get(g(4)), 42)
  nested <- ray_map(1:2, function(i) ray_map(1:3, function(j) i * j))
  expect_identical(nested, list(list(1L, 2L, 3L), list(2L, 4L, 6L)))
})

test_that("a function that asks its caller's frame finds the script's variables there", {
  local_cluster()
  asks <- function(x, ...) eval.parent(quote(c(get0("x"), get0("f"), get0("of_mine"), get0("x1"), get0("constant1"))))
  environment(asks) <- globalenv()
  expect_null(ray_map(1, asks, 2, of_mine = 3)[[1]])
  expect_null(ray_get(ray_remote(asks)(1, of_mine = 3)))
})

test_that("a function does not take the script's text along", {
  f <- eval(parse(text = c(rep("# a long script", 5000), "function(x) x"), keep.source = TRUE))
  expect_lt(length(job_bytes(f, ray_driver())), 20000) # of 80000
})

test_that("jobs on one worker do not mix", {
  local_cluster()
  make <- function(k) ray_remote(function(x) c(k, x))
  one <- make(1)
  two <- make(2)
  refs <- lapply(1:20, function(i) if (i %% 2) one(i) else two(i))
  expect_identical(ray_get(refs), lapply(1:20, function(i) c(if (i %% 2) 1 else 2, i)))
})

test_that("what changes where it is, or is registered again, is sent again", {
  skip_without_ray()
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 2)
    on.exit(ray_shutdown())
    calls <- list(
      slot = function(i) new("Held")@p, method = function(i) counter$new(n = 1)$go(),
      lock = function(i) {
        one <- counter$new(n = 4)
        tryCatch({
          one$n <- 5
          "changed"
        }, error = function(e) "locked")
      },
      registered = function(i) format(structure(1, class = "noted")),
      coerced = function(i) methods::as(new("Held"), "character"),
      constant = function(i) {
        tryCatch({
          constant <<- 6
          "changed"
        }, error = function(e) "locked")
      }
    )
    set <- function(expr) eval(substitute(expr), globalenv())
    set({
      setClass("Held", slots = c(p = "ANY"))
      counter <- setRefClass("counter", fields = list(n = "numeric"), methods = list(go = function() "v1"))
      registerS3method("format", "noted", function(x, ...) "first")
      setAs("Held", "character", function(from) "first")
      constant <- 5
    })
    for (name in names(calls)) environment(calls[[name]]) <- globalenv()
    everywhere <- function() {
      lapply(calls, function(call) list(call(1), ray_map(1:3, call)[[3]], ray_get(ray_remote(call)(1))))
    }
    before <- everywhere()
    set({
      # nolint start: object_name_linter. S4's own name.
      setMethod("initialize", "Held", function(.Object, ...) {
        .Object <- callNextMethod()
        .Object@p <- 77
        .Object
      })
      # nolint end
      counter$methods(go = function() "v2")
      counter$lock("n")
      registerS3method("format", "noted", function(x, ...) "second")
      setAs("Held", "character", function(from) "second")
      constant <- 5
      lockBinding("constant", globalenv())
    })
    list(before, everywhere())
  })
  first <- list(slot = NULL, method = "v1", lock = "changed", registered = "first", coerced = "first",
    constant = "changed")
  second <- list(slot = 77, method = "v2", lock = "locked", registered = "second", coerced = "second",
    constant = "locked")
  expect_identical(seen[[1]], lapply(first, function(value) list(value, value, value)))
  expect_identical(seen[[2]], lapply(second, function(value) list(value, value, value)))
})

test_that("a task that closes all connections ends, and its worker goes on", {
  local_cluster()
  closes <- ray_remote(function(i) {
    closeAllConnections()
    i
  })
  expect_identical(ray_get(lapply(1:4, closes)), as.list(1:4))
  expect_output(ray_get(lapply(1:4, ray_remote(function(i) cat("shown", i, "\n")))), "shown 4")
})

test_that("methods of S7 that a call registers go with it", {
  skip_if_not_installed("S7")
  local_cluster()
  an_age <- S7::new_class("Age", properties = list(age = S7::class_numeric))
  register <- function(i) {
    registered <- S7::`method<-`(`+`, list(an_age, S7::class_numeric), function(e1, e2) "kept")
    an_age(age = 1) + i
  }
  plus <- function(i) tryCatch(an_age(age = 1) + i, error = function(e) "no method")
  expect_equal(ray_get(list(ray_remote(register)(1), ray_remote(plus)(1))), list("kept", "no method"))
})

test_that("a worker that has loaded S7 ends a job of a session without anything of its own", {
  skip_without_ray()
  skip_if_not_installed("S7")
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    load <- ray_remote(function(i) isNamespaceLoaded("S7") || is.environment(loadNamespace("S7")))
    list(ray_get(load(1)), ray_get(load(2)))
  })
  expect_identical(seen, list(TRUE, TRUE))
})

# In a session that has not loaded data.table, which would send its options.
test_that("options that a call sets go with it, and those of a package that it has loaded stay", {
  skip_without_ray()
  skip_if_not_installed("data.table")
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    ray_get(ray_remote(function() NULL)())
    lapply(1:6, function(i) {
      # All that jobs share is sent anew for a function that has changed.
      if (i > 2) assign("shared", eval(bquote(function() .(i))), globalenv())
      ray_get(ray_remote(function() {
        before <- getOption("datatable.mine")
        loadNamespace("data.table")
        seen <- list(before, getOption("datatable.verbose"), nrow(data.table::as.data.table(mtcars)[1:2, ]))
        options(datatable.mine = i, datatable.verbose = TRUE)
        seen
      })())
    })
  })
  expect_identical(seen, rep(list(list(NULL, FALSE, 2L)), 6))
})

# To read all code of each package takes longer than to load it.
test_that("what a call has set is looked for in all code of the first package alone that it loads", {
  skip_without_ray()
  skip_if_not_installed("data.table")
  skip_if_not_installed("zip")
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    look <- ray_remote(function() {
      worker <- environment(getHook(packageEvent("zip", "onLoad"))[[1]])$worker
      before <- c(getOption("mine.of.call"), worker$options_seen)
      options(mine.of.call = 1)
      loadNamespace("zip")
      loadNamespace("data.table")
      list(before, "mine.of.call" %in% worker$options_seen, getOption("datatable.verbose"))
    })
    lapply(1:2, function(i) ray_get(look()))
  })
  expect_identical(seen, list(list(NULL, TRUE, FALSE), list(NULL, FALSE, FALSE)))
})

test_that("an option of a package that the session takes back is gone on workers, too", {
  skip_without_ray()
  skip_if_not_installed("data.table")
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    look <- function() {
      loadNamespace("data.table")
      list(getOption("datatable.mine"), getOption("datatable.verbose"))
    }
    options(datatable.mine = "x")
    first <- ray_get(ray_remote(look)())
    options(datatable.mine = NULL)
    list(first, ray_get(ray_remote(look)()))
  })
  expect_identical(seen, list(list("x", FALSE), list(NULL, FALSE)))
})

test_that("environment variables, time zone and folder are those of the session at the call", {
  local_cluster()
  withr::local_envvar(MINE_OF_TEST = "before")
  here <- function() c(Sys.getenv("MINE_OF_TEST", NA), Sys.getenv("TZ", NA), basename(getwd()))
  again <- function() ray_get(ray_remote(here)())
  first <- again()
  withr::with_envvar(c(TZ = "Asia/Tokyo", MINE_OF_TEST = "after"), withr::with_dir(tempdir(), {
    expect_identical(again(), here())
    expect_identical(ray_map(1, function(i) ray_map(1, function(j) here()))[[1]][[1]], here())
    expect_identical(ray_map(0, function(x) format(as.POSIXct(x, origin = "1970-01-01"))), list("1970-01-01 09:00:00"))
  }))
  withr::with_envvar(c(MINE_OF_TEST = NA), expect_identical(again()[[1]], NA_character_))
  expect_identical(again(), first)
})

test_that("only variables that code names go to other machines, and the time zone", {
  before <- settings$process
  withr::defer(settings$process <- before)
  note_process()
  withr::local_envvar(OF_NO_ONE = "secret", NAMED = "n", TZ = "Asia/Tokyo")
  withr::local_dir(tempdir())
  far <- changed_process(TRUE, c("NAMED", "x"))
  expect_identical(far$variables[c("TZ", "NAMED")], c(TZ = "Asia/Tokyo", NAMED = "n"))
  expect_length(far$variables, 2)
  expect_null(far$folder)
  near <- changed_process(FALSE, character())
  expect_setequal(names(near$variables), c("OF_NO_ONE", "NAMED", "TZ"))
  expect_identical(near$folder, getwd())
})

test_that("the locale that a call sets goes with it", {
  local_cluster()
  here <- ray_get(ray_remote(Sys.getlocale)())
  told <- ray_get(ray_remote(function() Sys.setlocale("LC_ALL", "C"))())
  expect_match(told, "C", fixed = TRUE)
  expect_identical(ray_get(ray_remote(Sys.getlocale)()), here)
})

test_that("references as arguments are resolved on the worker, and give an order", {
  local_cluster()
  add <- ray_remote(function(x, y = 0) x + y)
  slow <- ray_remote(function(x) {
    Sys.sleep(0.3)
    x
  })
  expect_identical(ray_get(add(slow(1), y = add(slow(2), 3))), 6)
  bad <- ray_remote(function() stop("the first one"))
  error <- expect_error(ray_get(add(bad(), 1)), "the first one", class = on_ray("task"))
  expect_identical(error$traceback, ".f()")
})

test_that("ray_wait() splits, and times out", {
  local_cluster()
  sleep <- ray_remote(function(s) {
    Sys.sleep(s)
    s
  })
  refs <- list(a = sleep(200), b = sleep(0))
  split <- ray_wait(refs, n = 1, timeout = 150)
  expect_named(split$ready, "b")
  expect_named(split$waiting, "a")
  expect_length(ray_wait(refs, n = 2, timeout = 0.2)$ready, 1)
  expect_error(ray_get(refs$a, timeout = 0.2), "not ready after 0.2 s", class = on_ray("timeout"))
  ray_cancel(refs$a)
  expect_error(ray_get(refs$a, timeout = 150), "cancelled", class = on_ray("cancelled"))
})

test_that("what tasks say is said here, in order", {
  local_cluster()
  talk <- function(i) {
    cat("out", i, "\n")
    message("message ", i)
    warning("warning ", i)
    cat("last", i, "\n")
    i
  }
  said <- character()
  value <- withCallingHandlers(
    out <- capture.output(got <- ray_map(1:3, talk, .chunk = 1)),
    message = function(m) {
      said <<- c(said, conditionMessage(m))
      invokeRestart("muffleMessage")
    },
    warning = function(w) {
      said <<- c(said, conditionMessage(w))
      invokeRestart("muffleWarning")
    }
  )
  expect_identical(got, list(1L, 2L, 3L))
  expect_identical(out, c("out 1 ", "last 1 ", "out 2 ", "last 2 ", "out 3 ", "last 3 "))
  expect_identical(said, paste0(c("message ", "warning "), rep(1:3, each = 2), c("\n", "")))
  loud <- ray_remote(function() {
    message("before")
    stop("then")
  })
  expect_error(expect_message(ray_get(loud()), "before"), "then", class = on_ray("task"))
})

test_that("what tasks write to stderr() themselves, as package logger does, is written to this session's", {
  local_cluster()
  log <- withr::local_tempfile()
  con <- file(log, "w")
  sink(con, type = "message")
  out <- tryCatch(
    capture.output(kept <- ray_map(1:2, function(i) {
      cat("ERR", i, "\n", file = stderr())
      cat("OUT", i, "\n")
      capture.output(cat("own\n", file = stderr()), type = "message")
    })),
    finally = {
      sink(type = "message")
      close(con)
    }
  )
  expect_identical(kept, list("own", "own"))
  expect_identical(out, c("OUT 1 ", "OUT 2 "))
  expect_identical(readLines(log), c("ERR 1 ", "ERR 2 "))
})

test_that("an R error names element, node and traceback, and carries the condition", {
  local_cluster()
  custom <- structure(class = c("custom", "error", "condition"), list(message = "negative", call = NULL))
  inner <- function(x) if (x < 0) stop(custom)
  error <- expect_error(
    ray_map(c(p = 1, q = -1, r = 4), function(x) inner(x)),
    "ray_map\\(\\): element 2 \\(q\\) failed on node-0", class = on_ray("map")
  )
  expect_identical(error$index, 2L)
  expect_match(error$node, "^node-0 ")
  expect_identical(error$traceback[1:2], c(".f(.x)", "inner(x)"))
  expect_s3_class(error$parent, "custom")
  expect_s3_class(error, "gangway_error")

  all <- ray_map(c(1, -1, 4, -2), function(x) {
    inner(x)
    sqrt(x)
  }, .errors = "collect", .chunk = 2)
  expect_identical(all[c(1, 3)], list(1, 2))
  expect_s3_class(all[[2]], on_ray("map"))
  expect_identical(c(all[[2]]$index, all[[4]]$index), c(2L, 4L))
  expect_error(ray_map(1:2, function(x) nosuchpackage::f(x)), "nosuchpackage")
})

test_that("a condition of R code keeps its classes and fields, whatever it was signalled through", {
  local_cluster()
  fails <- function() {
    parent <- structure(class = c("first_err", "error", "condition"), list(message = "first", call = NULL))
    rlang::abort(c("{it}", i = "a hint"), class = c("my_err", "my_errors"), data = 1:3, index = "mine", parent = parent)
  }
  fail <- function(...) fails()
  remote <- ray_remote(fail)
  actor <- ray_actor(function() list(fail = fail))
  broken <- ray_actor(fail)
  loop <- function() {
    skip_if_not_installed("foreach")
    registerDoRay()
    `%dopar%` <- foreach::`%dopar%`
    foreach::foreach(i = 1:2) %dopar% fail(i)
  }
  doors <- list(
    map = function() ray_map(1:2, fail), map = function() ray_map2(1:2, 1:2, fail),
    map = function() ray_pmap(list(1:2, 1:2), fail), task = function() ray_get(remote(1)),
    task = function() ray_get(list(remote(1))), task = function() ray_get(ray_remote(identity)(remote(1))),
    task = function() ray_get(actor$fail()), task = function() ray_get(broken$fail()), map = loop,
    map = function() stop(ray_map(1:2, fail, .errors = "collect")[[1L]])
  )
  for (i in seq_along(doors)) {
    e <- tryCatch(doors[[i]](), my_err = identity)
    expect_s3_class(e, c(on_ray(names(doors)[i]), "gangway_error_ray", "gangway_error", "my_err", "my_errors",
      "rlang_error", "error", "condition"), exact = TRUE)
    expect_identical(e$data, 1:3)
    expect_match(e$node, "^node-0 ")
    expect_identical(e$traceback[length(e$traceback)], "fails()")
    expect_false(any(grepl("abort|signal|Handlers", e$traceback)))
    expect_s3_class(e$parent, c("my_err", "my_errors", "rlang_error", "error", "condition"), exact = TRUE)
    expect_identical(e$parent$index, "mine")
    expect_identical(class(e$parent$parent), c("first_err", "error", "condition"))
    if (names(doors)[i] == "map") expect_true(e$index %in% 1:2) # both fail, at the same time
    expect_match(conditionMessage(e), "failed on node-0 .*\\{it\\}\n.*a hint\nCaused by error:\n! first\n  in ")
    expect_match(rlang::cnd_message(e), "node-0.*Caused by error in `.*`:\n! \\{it\\}.*Caused by error:\n! first")
  }
  large <- function(i) {
    stop(structure(class = c("large_err", "error", "condition"),
      list(message = "large", call = NULL, small = i, large = runif(1e6))))
  }
  e <- tryCatch(ray_map(1, large), large_err = identity)
  expect_identical(e$small, 1)
  expect_null(e$large)
  told <- list(
    function(i) rlang::warn("told", class = "my_class"), function(i) rlang::inform("told", class = "my_class"),
    function(i) warning(structure(class = c("my_class", "warning", "condition"), list(message = "told", call = NULL))),
    function(i) message(structure(class = c("my_class", "message", "condition"), list(message = "told", call = NULL)))
  )
  for (tell in told) expect_condition(ray_map(1, tell), "told", class = "my_class")
})

test_that("a worker that dies is tried again, and then it is said", {
  local_cluster()
  died <- withr::local_tempfile()
  once <- function(x) {
    if (x == 3 && !file.exists(died)) {
      file.create(died)
      tools::pskill(Sys.getpid(), 9)
    }
    x
  }
  expect_identical(ray_map(1:4, once, .chunk = 1), list(1L, 2L, 3L, 4L))

  killed <- ray_remote(function() tools::pskill(Sys.getpid(), 9), max_retries = 0)
  expect_error(ray_get(killed()), "its worker process died", class = on_ray("died"))
  crash <- function(x) {
    if (x == 2) tools::pskill(Sys.getpid(), 11L) # a segfault
    x
  }
  error <- expect_error(
    ray_map(1:3, ray_remote(crash, max_retries = 1), .chunk = 1), "element 2: its worker process died",
    class = on_ray("died")
  )
  expect_identical(error$index, 2L)
  all <- ray_map(1:3, ray_remote(crash, max_retries = 0), .chunk = 1, .errors = "collect")
  expect_identical(all[c(1, 3)], list(1L, 3L))
  expect_s3_class(all[[2]], on_ray("died"))
  expect_identical(ray_map(1:2, identity), list(1L, 2L))
})

test_that("ray_map(), ray_map2(), ray_pmap() are lapply() and its relatives", {
  local_cluster()
  expect_identical(ray_map(c(a = 1, b = 2), function(x, y) x + y, y = 1), list(a = 2, b = 3))
  expect_identical(ray_map(list(), identity), list())
  expect_identical(ray_map(c(a = 1)[0], identity), lapply(c(a = 1)[0], identity))
  expect_identical(ray_map(list2env(list(a = 1, b = 2)), identity)[c("a", "b")], list(a = 1, b = 2))
  expect_identical(ray_map(1:3, function(i) if (i == 2) NULL else i), list(1L, NULL, 3L))
  expect_identical(ray_map(as.Date("2024-01-01") + 0:1, format), list("2024-01-01", "2024-01-02"))
  expect_identical(ray_map(mtcars[1:3], mean), lapply(mtcars[1:3], mean))
  expect_identical(ray_map2(1:3, 4:6, function(x, y) x + y), list(5L, 7L, 9L))
  expect_identical(ray_map2(1:3, 10, `+`), list(11, 12, 13))
  expect_identical(ray_pmap(list(a = 1:2, b = 3:4), function(b, a) c(a, b)), list(c(1L, 3L), c(2L, 4L)))
  expect_identical(ray_pmap(data.frame(n = 1:2, value = c("x", "y")), function(n, value) rep(value, n)),
    list("x", c("y", "y")))
  data <- ray_put(1:10)
  expect_identical(ray_map(1:2, function(i, data) sum(data) + i, data = data), list(56L, 57L))
  expect_identical(ray_map(list(data, ray_put(1)), sum), list(55L, 1))
  expect_error(ray_map2(1:2, 1:3, `+`), "lengths 2, 3", class = on_ray("argument"))
  expect_error(ray_map(1:2, identity, .chunk = 0), "`.chunk` is the number", class = on_ray("argument"))
})

test_that("with a seed the result depends on nothing else", {
  local_cluster()
  draw <- function(i) rnorm(2)
  first <- ray_map(1:7, draw, .seed = 42)
  expect_identical(ray_map(1:7, draw, .seed = 42, .chunk = 1), first)
  expect_identical(ray_map(1:7, draw, .seed = 42, .chunk = 7), first)
  expect_identical(ray_map2(1:7, 1, function(i, j) rnorm(2), .seed = 42), first)
  died <- withr::local_tempfile()
  once <- function(i) {
    x <- rnorm(1)
    if (i == 4 && !file.exists(died)) {
      file.create(died)
      tools::pskill(Sys.getpid(), 9)
    }
    c(x, rnorm(1))
  }
  expect_identical(ray_map(1:7, once, .seed = 42), first)
  expect_false(anyDuplicated(unlist(first)) > 0)

  skip_if_not_installed("future.apply")
  future::plan(future::sequential)
  same <- function(seed, ...) {
    withr::with_seed(1, mine <- ray_map(1:3, draw, .seed = seed), ...)
    withr::with_seed(1, theirs <- future.apply::future_lapply(1:3, draw, future.seed = seed), ...)
    expect_identical(mine, theirs)
  }
  same(42)
  same(TRUE)
  same(TRUE, .rng_kind = "L'Ecuyer-CMRG")
})

test_that("a seed leaves the session's own numbers alone", {
  local_cluster()
  set.seed(3)
  before <- .Random.seed
  ray_map(1:2, function(i) runif(1), .seed = 1)
  expect_identical(.Random.seed, before)
  set.seed(3)
  a <- ray_map(1:2, function(i) runif(1), .seed = TRUE)
  b <- ray_map(1:2, function(i) runif(1), .seed = TRUE)
  set.seed(3)
  expect_identical(ray_map(1:2, function(i) runif(1), .seed = TRUE), a)
  expect_false(identical(a, b))
})

test_that("an object put once is deserialized once a worker", {
  local_cluster()
  # Deserializing an environment makes a new one, so it counts.
  big <- list2env(list(x = runif(1e5)))
  ref <- ray_put(big)
  who <- function(i, big) {
    Sys.sleep(0.02)
    c(Sys.getpid(), format(big))
  }
  seen <- unique(ray_map(1:40, who, big = ref, .chunk = 1))
  pids <- vapply(seen, `[`, "", 1)
  expect_identical(anyDuplicated(pids), 0L)
  f <- ray_remote(who)
  seen <- unique(ray_get(lapply(1:40, f, ref)))
  expect_identical(anyDuplicated(vapply(seen, `[`, "", 1)), 0L)
})

test_that("a worker keeps jobs, and not what they were called with", {
  local_cluster()
  ray_map(c(77.5, 77.5), function(x, y) x + y, y = ray_put(78.5))
  held <- ray_remote(function() {
    jobs <- environment(get("ray_put", as.environment("gangway:task")))$worker$jobs
    intersect(unlist(lapply(jobs, function(job) Filter(is.double, as.list(job$env)))), c(77.5, 78.5))
  })
  expect_length(unlist(ray_get(list(held(), held()))), 0)
})

test_that("progress is told in lines where there is no console", {
  local_cluster()
  expect_message(ray_map(1:4, identity, .progress = TRUE), "ray_map\\(\\): 4 of 4 elements")
})

test_that("an actor keeps its state, and answers in order", {
  local_cluster()
  step_by <- 2
  counter <- function(n) {
    add <- function(by = step_by) n <<- n + by
    environment()
  }
  actor <- ray_actor(counter, 10)
  expect_output(print(actor), "<actor [0-9]+: made by a function>")
  refs <- lapply(1:50, function(i) actor$add(i))
  expect_identical(ray_get(refs), as.list(10 + cumsum(1:50)))
  expect_identical(ray_get(actor$add()), 10 + sum(1:50) + 2)
  expect_identical(ray_get(actor$n()), 10 + sum(1:50) + 2)
  expect_error(ray_get(actor$nosuch()), "has no `nosuch`; it has: add, n", class = on_ray("task"))
  # Tasks can be given an actor.
  tell <- ray_remote(function(actor) ray_get(actor$add(0)))
  expect_identical(ray_get(tell(actor)), ray_get(actor$n()))
  expect_identical(ray_get(actor$add(ray_put(1))), ray_get(actor$n()))
})

test_that("an R6 object or class lives on the cluster", {
  local_cluster()
  helper <- function(x) x * 2
  stack_class <- R6::R6Class("Stack", public = list(
    items = NULL,
    initialize = function(...) self$items <- list(...),
    push = function(x) {
      private$count <- private$count + 1
      self$items <- c(self$items, helper(x))
      invisible(self)
    },
    size = function() length(self$items), pushed = function() private$count
  ), private = list(count = 0))
  made <- ray_actor(stack_class, 1, 2)
  sent <- ray_actor(stack_class$new(1, 2))
  for (actor in list(made, sent)) {
    for (i in 1:3) actor$push(i)
    expect_identical(ray_get(list(actor$size(), actor$pushed())), list(5L, 3))
    expect_identical(ray_get(actor$items()), list(1, 2, 2, 4, 6))
  }
})

test_that("an actor's errors and its death are told", {
  local_cluster()
  make <- function() {
    fail <- function(x) stop("no ", x)
    die <- function() tools::pskill(Sys.getpid(), 9)
    fine <- function() TRUE
    environment()
  }
  actor <- ray_actor(make)
  error <- expect_error(ray_get(actor$fail("way")), "no way", class = on_ray("task"))
  expect_identical(error$traceback, "fail(.x1)")
  expect_true(ray_get(actor$fine()))
  expect_error(ray_get(actor$die()), "actor's process has died", class = on_ray("died"))
  expect_error(ray_get(actor$fine()), class = on_ray("died"))
  again <- ray_actor(make, max_restarts = 1, max_task_retries = 1)
  expect_error(ray_get(again$die()), class = on_ray("died"))
  broken <- ray_actor(function() stop("cannot be made"))
  expect_error(ray_get(broken$fine()), "cannot be made")
  stopped <- ray_actor(make)
  expect_true(ray_get(stopped$fine()))
  ray_cancel(stopped)
  expect_error(ray_get(stopped$fine()), class = on_ray("died"))
})

test_that("what shall run first in a worker has run before any call, or each call says that it failed", {
  local_cluster()
  withr::defer(ray_state$everywhere <- NULL)
  ray_state$everywhere <- function() stop("no licence")
  for (i in 1:2) expect_error(ray_map(1, function(x) x), "no licence\n  in everywhere()", fixed = TRUE)
  ray_state$everywhere <- function() options(mine.everywhere = 42)
  expect_identical(ray_map(1:4, function(i) getOption("mine.everywhere")), rep(list(42), 4))
})

test_that("a variable that each process sets first is its own, also where a worker maps on", {
  local_cluster()
  withr::defer(ray_state$everywhere <- NULL)
  ray_state$everywhere <- function() Sys.setenv(MINE_OF_PROCESS = Sys.getpid())
  look <- function(i) c(Sys.getpid(), Sys.getenv("MINE_OF_PROCESS"))
  inner <- ray_map(1, function(i) list(look(i), ray_map(1, look)[[1L]]))[[1L]]
  expect_false(identical(inner[[1L]], inner[[2L]]))
  for (seen in inner) expect_identical(seen[1L], seen[2L])
})

test_that("a variable that a call adds or removes is as it was for the next", {
  local_cluster()
  withr::local_envvar(MINE_OF_TEST = "kept")
  look <- ray_remote(function(change) {
    seen <- Sys.getenv(c("MINE_OF_TEST", "MINE_OF_CALL"), NA, names = FALSE)
    if (change) Sys.unsetenv("MINE_OF_TEST")
    if (change) Sys.setenv(MINE_OF_CALL = "new")
    seen
  })
  seen <- ray_get(lapply(c(TRUE, FALSE, TRUE, TRUE, FALSE, FALSE), look))
  expect_identical(seen, rep(list(c("kept", NA)), 6))
})

test_that("resources are asked for, and shown", {
  local_cluster()
  nodes <- ray_nodes()
  expect_identical(nodes$cpus, 2)
  expect_true(nodes$alive)
  expect_identical(nodes$group, NA_character_)
  resources <- ray_resources()
  expect_identical(resources$total[resources$resource == "cpus"], 2)
  expect_error(ray_remote(identity, cpus = "two"), "`cpus` is one number", class = on_ray("argument"))
  expect_error(ray_remote(identity, resources = 1), "named list", class = on_ray("argument"))
  expect_error(ray_remote(identity, cpus = 3)(1), "no node has that: cpus = 3", class = on_ray("resources"))
  expect_error(ray_map(1, ray_remote(identity, resources = list(wings = 2))), "wings = 2", class = on_ray("resources"))
  expect_error(ray_actor(new.env(), gpus = 64), "gpus = 64", class = on_ray("resources"))
  both <- ray_remote(function() Sys.sleep(0.5), cpus = 2)
  took <- system.time(ray_get(list(both(), both())))[["elapsed"]]
  expect_gt(took, 1)
  small <- ray_remote(function() TRUE, memory = 100)
  expect_true(ray_get(small()))
})

if (nzchar(Sys.getenv("GANGWAY_PYTHON"))) ray_shutdown()
