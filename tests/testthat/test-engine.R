# One engine: what decides what R code takes along is written once, and whatever a shared file calls exists on every
# side: in the package, in a task and in a worker.

# The files that a task and a worker load, from Python itself.
runtime_files <- function() {
  code <- paste(
    "from metaflow_extensions.gangway.engine import engine",
    "print('\\n'.join(map(str, engine._SOURCES)))", sep = "\n"
  )
  python <- processx::run(client_python(), c("-c", code),
    env = c("current", PYTHONPATH = system.file("python", package = "gangway")), error_on_status = FALSE)
  expect_identical(python$status, 0L, info = python$stderr)
  strsplit(trimws(python$stdout), "\n")[[1L]]
}

load_runtime <- function() {
  runtime <- new.env(parent = baseenv()) # as in a task, where what is attached is not seen
  for (file in runtime_files()) sys.source(file, runtime, keep.source = FALSE)
  runtime
}

# Not those that come from another package, as %>% does.
functions_of <- function(env) {
  own <- function(f) typeof(f) == "closure" && (identical(environment(f), env) || !isNamespace(environment(f)))
  Filter(own, mget(ls(env, all.names = TRUE), envir = env))
}

# The two sides: the functions, and the names that each takes from outside itself.
sides <- function() {
  skip_if_not_installed("codetools")
  lapply(list(session = asNamespace("gangway"), task = load_runtime()), function(env) {
    functions <- functions_of(env)
    list(env = env, functions = functions, uses = lapply(functions, codetools::findGlobals))
  })
}
known <- sides()

test_that("what the package and the runtime use is there", {
  # at_home() binds `home` where the function is called, R binds `.Generic`; Python defines the others.
  given <- list(
    session = c("home", ".Generic"),
    task = c("home", "quick_submit", "read_large", "put_numbers", "is_altrep", "fork", "call_with_gil")
  )
  for (side in names(known)) {
    uses <- known[[side]]$uses
    unknown <- Filter(function(name) !exists(name, known[[side]]$env), setdiff(unlist(uses), given[[side]]))
    users <- vapply(unknown, function(name) names(Filter(function(names) name %in% names, uses))[1L], "")
    expect_identical(sprintf("%s in %s() (%s)", unknown, users, side), character())
  }
})

# The same name for what is done in another way on the two sides.
two_sides <- c("card_render", "current", "describe", "gather_inputs", "merge_artifacts", "ray_driver")

# Without the byte code, and without the text.
code_of <- function(f) c(deparse(args(f)), deparse(body(f)))

test_that("a function that package and runtime both have is one and the same", {
  runtime <- known$task$functions
  package <- known$session$functions
  both <- setdiff(intersect(names(runtime), names(package)), two_sides)
  expect_gt(length(both), 100)
  differ <- Filter(function(name) !identical(code_of(runtime[[name]]), code_of(package[[name]])), both)
  expect_identical(differ, character())
})

# All functions that the R code of the project defines at the top of a file: name, file, code.
defined <- function() {
  root <- normalizePath(test_path("..", ".."))
  skip_if_not(dir.exists(file.path(root, "python", "metaflow_extensions")), "this is a checkout of the project")
  files <- c(
    list.files(file.path(root, "R"), "[.]R$", full.names = TRUE),
    list.files(file.path(root, "python", "metaflow_extensions"), "[.]R$", recursive = TRUE, full.names = TRUE)
  )
  do.call(rbind, lapply(unique(normalizePath(files)), defined_in)) # a file and the links to it once
}

defined_in <- function(file) {
  is_definition <- function(e) is.call(e) && identical(e[[1L]], quote(`<-`)) && is_function_code(e[[3L]])
  is_function_code <- function(e) is.call(e) && identical(e[[1L]], quote(`function`))
  found <- Filter(is_definition, as.list(parse(file, keep.source = FALSE)))
  data.frame(
    name = vapply(found, function(e) as.character(e[[2L]]), ""), file = rep(basename(file), length(found)),
    code = vapply(found, function(e) paste(deparse(e[[3L]]), collapse = "\n"), "")
  )
}

test_that("no function is written twice, under its name or another", {
  all <- defined()
  expect_gt(nrow(all), 500)
  twice <- all$name[duplicated(all$name)]
  expect_identical(setdiff(twice, two_sides), character())
  long <- all[nchar(all$code) > 120, ]
  for (code in unique(long$code[duplicated(long$code)])) {
    same <- long[long$code == code, ]
    # Two entries of one table may look alike.
    expect(length(unique(same$file)) == 1L, paste("the same code twice:", paste(same$file, same$name, collapse = ", ")))
  }
})

# Which functions of the same side each calls.
calls_of <- function(side) {
  Map(function(f, uses) {
    intersect(c(uses, called_at_home(body(f))), names(side$functions))
  }, side$functions, side$uses)
}

# Whatever a function may call, and what that calls in turn.
reached_from <- function(start, calls) {
  reached <- character()
  todo <- start
  while (length(todo)) {
    reached <- c(reached, todo)
    todo <- setdiff(unlist(calls[todo]), reached)
  }
  reached
}

# The f of home$f, as at_home() has it.
called_at_home <- function(code) {
  if (!is.call(code)) {
    return(character())
  }
  if (identical(code[[1L]], quote(`$`)) && identical(code[[2L]], quote(home))) {
    return(as.character(code[[3L]]))
  }
  unlist(lapply(as.list(code), function(part) if (!missing(part)) called_at_home(part)))
}

# The function of the engine that reads code for the names in it.
reader <- "scan_function"
doors <- c("run", "ray_map", "ray_remote", "ray_actor", "registerDoRay", "launch_future")

test_that("every door asks the one engine which names code uses, and nothing else reads it", {
  for (side in names(known)) {
    functions <- known[[side]]$functions
    calls <- calls_of(known[[side]])
    for (door in if (side == "task") setdiff(doors, "run") else doors) {
      expect_true(door %in% names(functions))
      asks <- reader %in% reached_from(door, calls)
      expect(asks, paste0(door, "() decides without ", reader, "() what code takes along (", side, ")"))
    }
    others <- c("findGlobals", "walkCode", "getGlobalsAndPackages", "globalsOf")
    using <- Filter(function(name) any(others %in% all.names(body(functions[[name]]))), names(functions))
    expect_identical(using, character(), info = side)
  }
})
