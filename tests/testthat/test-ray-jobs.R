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
    }))
    calls <- quote(list(
      helper = of_helper(1), frame = made$call(1), option = shown(pi), method = of_class(structure(1, class = "sq")),
      by_name = by_name("a"), variable = variable(), absent = absent(), listed = listed(), s4 = of_s4(2)
    ))
    ask <- function() lapply(evaluated(calls), function(ref) tryCatch(ray_get(ref), error = class))
    jobs <- function() environment(global$of_helper)$remote$job
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
      setMethod("worth", "Held", function(x) -x@v)
    }))
    # What a loop counts with is named by no code.
    once <- evaluated(quote({
      plus <- ray_remote(function(x) x + 1)
      refs <- list(plus(0))
      sent <- environment(plus)$remote$job
      for (i in 1:5) refs[[i]] <- plus(i)
      identical(sent, environment(plus)$remote$job)
    }))
    list(before = before, kept = kept, after = ask(), once = once)
  })
  expect_true(seen$kept)
  expect_true(seen$once)
  expect_true("gangway_error_ray_task" %in% seen$before$absent)
  seen$before$absent <- NULL
  expect_identical(seen$before, list(
    helper = 21, frame = 106, option = "3.141593", method = "any", by_name = 1, variable = "", listed = 0, s4 = 2
  ))
  expect_identical(seen$after, list(
    helper = 33, frame = 108, option = "3.14", method = "square", by_name = 2, variable = "set", absent = "there",
    listed = 1, s4 = -2
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
