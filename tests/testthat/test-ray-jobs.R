# What of the session reaches a worker, when, and what of a job is there afterwards.

test_that("a function of ray_remote() is sent again when what it uses has changed", {
  skip_without_ray()
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 2)
    on.exit(ray_shutdown())
    global <- globalenv()
    evaluated <- function(code) eval(code, global)
    evaluated(quote({
      a <- 1
      state <- new.env()
      state$v <- 1
      helper <- function(x) x + a
      of_helper <- ray_remote(function(x) helper(x) * 10 + state$v)
      makes <- function(n) {
        k <- 5
        list(call = ray_remote(function(x) x + n + k), set = function(v) k <<- v)
      }
      made <- makes(100)
      shown <- ray_remote(function(x) format(x))
      area <- function(x) UseMethod("area")
      area.default <- function(x) "any" # nolint: object_name_linter. An S3 method.
      of_class <- ray_remote(function(x) area(x))
      cfg_a <- 1
      by_name <- ray_remote(function(name) get(paste0("cfg_", name)))
      variable <- ray_remote(function() Sys.getenv("MINE_OF_TEST"))
      absent <- ray_remote(function() not_there_yet)
      listed <- ray_remote(function() sapply(functions, function(f) f()))
      functions <- list(local({
        n <- 0
        function() n
      }))
      setClass("Held", representation(v = "numeric")) # nolint: object_name_linter.
      setGeneric("worth", function(x) standardGeneric("worth"))
      setMethod("worth", "Held", function(x) x@v)
      of_s4 <- ray_remote(function(v) worth(new("Held", v = v)))
      zero <- 0
      of_zero <- ray_remote(function() 1 / zero)
      around <- new.env(parent = list2env(list(q = 1), parent = globalenv()))
      of_parent <- ray_remote(function() get("q", around))
      makeActiveBinding("active", function() 1, globalenv())
      of_active <- ray_remote(function() active)
      of_class_defined <- ray_remote(function() names(getSlots("Held"))) # nolint: object_name_linter.
      held <- list2env(list(v = 1))
      options(of_test = held, of_test_too = function() helper(1))
      of_option <- ray_remote(function() c(getOption("of_test")$v, getOption("of_test_too")()))
      template <- "a + 1"
      of_text <- ray_remote(function() eval(parse(text = template)))
      of_name <- ray_remote(function(f) sapply(1, f))
      fast <- Vectorize(function(x) x)
      of_operator <- ray_remote(function() fast(1))
      of_program <- ray_remote(function() system("echo $MINE_OF_TEST", intern = TRUE))
    }))
    calls <- quote(list(
      helper = of_helper(1), frame = made$call(1), option = shown(pi), method = of_class(structure(1, class = "sq")),
      by_name = by_name("a"), variable = variable(), absent = absent(), listed = listed(), s4 = of_s4(2),
      zero = of_zero(), parent = of_parent(), active = of_active(), slots = of_class_defined(), options = of_option(),
      text = of_text(), name = of_name("helper"), operator = of_operator(), program = of_program()
    ))
    ask <- function() lapply(evaluated(calls), function(ref) tryCatch(ray_get(ref), error = class))
    jobs <- function() gangway:::ray_sent[[environment(global$of_helper)$remote$key]]$job
    before <- ask()
    sent <- jobs()
    again <- ask()
    kept <- identical(sent, jobs()) && identical(again, before)
    evaluated(quote({
      a <- 2
      state$v <- 3
      made$set(7)
      options(digits = 3)
      area.sq <- function(x) "square" # nolint: object_name_linter. An S3 method.
      cfg_a <- 2
      Sys.setenv(MINE_OF_TEST = "set")
      not_there_yet <- "there"
      assign("n", 1, environment(functions[[1]]))
      setClass("Held", representation(v = "numeric", w = "numeric")) # nolint: object_name_linter.
      setMethod("worth", "Held", function(x) -x@v)
      zero <- -0
      parent.env(around) <- list2env(list(q = 2), parent = globalenv())
      rm(active)
      makeActiveBinding("active", function() 2, globalenv())
      held$v <- 2
      assign("FUN", function(x) 10, environment(fast))
    }))
    # What a loop counts with is named by no code.
    after <- ask()
    once <- evaluated(quote({
      options(of_test = NULL, of_test_too = NULL)
      job_of <- function(remote) gangway:::ray_sent[[environment(remote)$remote$key]]$job
      vapply(list(ray_remote(function(x) x + 1), ray_remote(function(x) x)), function(remote) {
        refs <<- list(remote(0))
        sent <- job_of(remote)
        for (i in 1:5) {
          refs[[i]] <<- remote(i)
          assign("turn", i, globalenv())
        }
        identical(sent, job_of(remote))
      }, NA)
    }))
    list(before = before, kept = kept, after = after, once = once)
  })
  expect_true(seen$kept)
  expect_identical(seen$once, c(TRUE, TRUE))
  expect_true("gangway_error_ray_task" %in% seen$before$absent)
  seen$before$absent <- NULL
  expect_identical(seen$before, list(
    helper = 21, frame = 106, option = "3.141593", method = "any", by_name = 1, variable = "", listed = 0, s4 = 2,
    zero = Inf, parent = 1, active = 1, slots = "v", options = c(1, 2), text = 2, name = 2, operator = 1, program = ""
  ))
  expect_identical(seen$after, list(
    helper = 33, frame = 108, option = "3.14", method = "square", by_name = 2, variable = "set", absent = "there",
    listed = 1, s4 = -2, zero = -Inf, parent = 2, active = 2, slots = c("v", "w"), options = c(2, 3), text = 3,
    name = 3, operator = 10, program = "set"
  ))
})

test_that("conditions of one's own reach the session's handlers, through every door", {
  skip_without_ray()
  skip_if_not_installed("foreach")
  heard <- callr::r(function() {
    library(gangway)
    library(foreach)
    ray_init(cpus = 2)
    on.exit(ray_shutdown())
    registerDoRay()
    tells <- function(i) {
      tryCatch(signalCondition(structure(class = c("inner", "condition"), list(message = "", call = NULL))),
        inner = identity
      )
      cat("before", i, "\n")
      signalCondition(structure(class = c("mine", "condition"), list(message = paste("mine", i), call = NULL, i = i)))
      if (requireNamespace("cli", quietly = TRUE)) cli::cli_text("text")
      i
    }
    actor <- ray_actor(function() list(tells = tells))
    doors <- list(
      ray_map = function() ray_map(1:2, tells), ray_remote = function() ray_get(ray_remote(tells)(1)),
      ray_actor = function() ray_get(actor$tells(1)), foreach = function() foreach(i = 1:2) %dopar% tells(i),
      within = function() ray_map(1, function(i) ray_map(1, tells))
    )
    lapply(doors, function(door) {
      said <- character()
      note <- function(c) said <<- c(said, paste(class(c)[1], c$i))
      out <- capture.output(suppressMessages(withCallingHandlers(invisible(door()),
        mine = note, inner = note, cli_message = note
      )))
      list(said, length(out), tryCatch(door(), mine = function(c) "left"))
    })
  }, stdout = NULL, stderr = NULL)
  one <- list("mine 1", 1L, "left")
  two <- list(c("mine 1", "mine 2"), 2L, "left")
  expect_identical(heard, list(ray_map = two, ray_remote = one, ray_actor = one, foreach = two, within = one))
})

test_that("what a job does to its process is undone: bindings of packages, masks, limits, hooks, the palette", {
  skip_without_ray()
  after <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    doors <- list(
      ray_remote = function(f) ray_get(ray_remote(f)()), ray_map = function(f) ray_map(1, function(i) f())[[1]]
    )
    look <- function() {
      list(
        class(stats::sd), class(stats::sd(c(1, 3))), base::pi, Sys.umask(NA), getHook("mine"), grDevices::palette()[1],
        is.null(getS3method("print", "lm")(structure(list(call = 1), class = "lm"))), bindingIsLocked("pi", baseenv()),
        {
          Sys.sleep(1.2)
          "goes on"
        }
      )
    }
    lapply(doors, function(door) {
      before <- door(look)
      changed <- door(function() {
        trace("sd", quote(cat("traced")), print = FALSE, where = asNamespace("stats"))
        unlockBinding("pi", baseenv())
        assign("pi", 3, baseenv())
        for (where in list(asNamespace("stats"), as.environment("package:stats"))) { # after trace()
          unlockBinding("sd", where)
          assign("sd", function(x) "mine", where)
        }
        Sys.umask("077")
        setHook("mine", function(...) NULL)
        grDevices::palette(c("red", "green"))
        setTimeLimit(elapsed = 1)
        list(stats::sd(1), pi)
      })
      list(changed = changed, same = identical(door(look), before))
    })
  }, stdout = NULL, stderr = NULL)
  one <- list(changed = list("mine", 3), same = TRUE)
  expect_identical(after, list(ray_remote = one, ray_map = one))
})

test_that("methods, classes, devices and what functions bring do not reach the next job", {
  skip_without_ray()
  found <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    job <- function(f) ray_get(ray_remote(f)())
    eval(quote({
      setClass("Point", representation(a = "numeric"), prototype = list(a = 1)) # nolint: object_name_linter.
      setGeneric("worth", function(x) standardGeneric("worth"))
      setMethod("worth", "Point", function(x) "session's")
      k <- 1
      stored <- ray_put(function() k)
      actor <- ray_actor(function() list(get = function() k, go = function(f) f()))
      first <- ray_get(actor$get())
      k <- 2
      look <- function() {
        fitted <- class(predict(lm(mpg ~ wt, mtcars)))
        list(new("Point")@a, worth(new("Point")), class(summary(mtcars)), fitted, search())
      }
      both <- function(h) c(k, h(), k)
    }), globalenv())
    global <- globalenv()
    before <- job(global$look)
    changes <- list(
      function() setClass("Point", representation(a = "numeric"), prototype = list(a = 99)),
      function() setValidity("Point", function(object) "never"), function() removeClass("Point"),
      function() setMethod("worth", "Point", function(x) "job's"),
      function() {
        registerS3method("summary", "data.frame", function(object, ...) "mine")
        registerS3method("predict", "lm", function(object, ...) 99, envir = asNamespace("stats"))
        registerS3method("format", "of_test", function(x, ...) 1)
      },
      function() detach("package:graphics")
    )
    same <- vapply(changes, function(change) {
      job(function() {
        change()
        NULL
      })
      identical(job(global$look), before)
    }, NA)
    global$v <- 1
    f <- function() v
    environment(f) <- global
    value <- ray_map(1, function(i) f())
    rm("v", envir = global)
    makeActiveBinding("v", function() 2, global)
    Sys.setenv(R_CONFIG_ACTIVE = "production")
    options(knitr.kable.NA = "-", str = utils::strOptions(vec.len = 1))
    list(
      same = same, devices = unlist(ray_map(1:3, function(i) {
        grDevices::pdf(NULL)
        length(grDevices::dev.list())
      }, .chunk = 1)), message = job(function() utils::capture.output(message("m"), type = "message")),
      stored = ray_get(ray_remote(global$both)(global$stored)),
      actor = c(global$first, ray_get(global$actor$go(local(function() k, global))), ray_get(global$actor$get())),
      active = c(value[[1]], ray_map(1, function(i) f())[[1]]),
      settings = job(function() {
        c(Sys.getenv("R_CONFIG_ACTIVE"), getOption("knitr.kable.NA"), utils::capture.output(utils::str(1:9)))
      }),
      lock = tryCatch(job(function() lockEnvironment(globalenv())), error = function(e) class(e)[1]),
      after = identical(job(global$look), before)
    )
  }, stdout = NULL, stderr = NULL)
  expect_identical(found, list(
    same = rep(TRUE, 6), devices = c(1L, 1L, 1L), message = "m", stored = c(2, 2, 2), actor = c(1, 2, 1),
    active = c(1, 2), settings = c("production", "-", " int [1:9] 1 2 ..."), lock = "gangway_error_ray_task",
    after = TRUE
  ))
})

test_that("functions among arguments bring what they name, whatever else leads to them", {
  skip_without_ray()
  skip_if_not_installed("future")
  seen <- callr::r(function() {
    library(gangway)
    ray_init(cpus = 1)
    on.exit(ray_shutdown())
    future::plan(ray)
    global <- globalenv()
    global$large <- structure(1:2, big = numeric(3e4))
    global$named <- structure(1:3, big = numeric(3e4))
    g <- function() length(get("named"))
    environment(g) <- global
    global$g <- g
    apply <- function(f, ...) f()
    environment(apply) <- global
    calls <- function() {
      kept <- tryCatch(stop("e"), error = function(e) sys.calls())
      list(size = length(serialize(kept, NULL)) < 1e5, heads = any(vapply(kept, function(x) is.function(x[[1]]), NA)))
    }
    said <- function(expr) tryCatch(expr, error = conditionMessage)
    list(
      argument = ray_get(ray_remote(apply)(g)), behind_code = ray_get(ray_remote(apply)(g, list(quote(g()), list(g)))),
      code_first = ray_get(ray_remote(function(code, f) f[[1]]())(quote(g()), list(g))),
      future = future::value(future::future(g(), envir = global)),
      left = said(future::value(future::future(get(paste0("lar", "ge")), globals = FALSE))),
      calls = ray_get(ray_remote(calls)()), of_future = future::value(future::future(sys.calls()[[1]]))
    )
  }, stdout = NULL, stderr = NULL)
  expect_identical(seen[c("argument", "behind_code", "code_first", "future")], list(
    argument = 3L, behind_code = 3L, code_first = 3L, future = 3L
  ))
  expect_match(seen$left, "`large` (0.2 MB) exists where this code comes from", fixed = TRUE)
  expect_identical(seen$calls, list(size = TRUE, heads = FALSE))
  expect_identical(seen$of_future, quote(run_task(.bytes)))
})
