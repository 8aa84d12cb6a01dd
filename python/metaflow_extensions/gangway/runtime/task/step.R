# Running a step's function, and what it may call. Base R only: the package gangway need not be
# installed where a task runs.

bundle <- NULL

# What the user's code sees of the runtime.
exported <- c(
  "current", "card_render", "gather_inputs", "merge_artifacts", "heals", "keep_pointers", "quit", "q", ray_exported
)

current <- function(value) if (identical(value, "card")) card() else python_proxy(decode(py$current(value)))

gather_inputs <- function(inputs, input) {
  inputs <- unname(unclass(inputs))
  # The workers of a gang that run no code of the step hold none of its artifacts.
  control <- unlist(decode(py$are_control(vapply(inputs, handle_of, 0))))
  if (any(control)) {
    inputs <- inputs[control | vapply(inputs, function(i) input %in% self_names(i), NA)]
  }
  on.exit(decode(py$read_ahead()))
  decode(py$read_ahead(vapply(inputs, handle_of, 0), input))
  lapply(inputs, self_get, input)
}

merge_artifacts <- function(flow, inputs, exclude = list(), include = list()) {
  self_flush(flow, goes_on = TRUE)
  handles <- vapply(unclass(inputs), handle_of, 0, USE.NAMES = FALSE)
  decode(py$merge(
    handle_of(flow), handles, as.character(unlist(exclude)),
    as.character(unlist(include))
  ))
  invisible(flow)
}

quit <- q <- function(...) {
  stop("quit() would end the task without its artifacts; leave with return() or stop().", call. = FALSE)
}

guarded_open <- function(path) for_python(guarded(open_bundle(path)))

open_bundle <- function(path) {
  options(r_defaults)
  options(warn = 1, keep.source = FALSE)
  bundle <<- unseal(open_parcel(read = function(hook) readRDS(path, refhook = hook)))
  use_settings(bundle$settings)
  # The other functions of the package gangway, for steps that use them and machines that have it.
  here <- as.environment("gangway:task")
  for (name in setdiff(bundle$exports, names(here))) {
    local({
      export <- name
      delayedAssign(export, exported_value(export), assign.env = here)
    })
  }
  bundle$globals <<- unlist(lapply(arrived$around, function(part) part$globals), recursive = FALSE)
  follow_plan(bundle$search)
  arrive()
  arrived$made <- NULL
  ray_state$everywhere <- bundle$everywhere
  if (!is.null(bundle$everywhere)) bundle$everywhere()
  note_process() # what that has set, workers have from it, too
}

# Where the package is missing, step() is that of stats; else gangway's hands on to it.
exported_value <- function(name) {
  hidden <- get0(name, envir = parent.env(as.environment("gangway:task")), mode = "function")
  if (is.null(hidden) || nzchar(system.file(package = "gangway"))) getExportedValue("gangway", name) else hidden
}

run_step <- function(step, handle, input_handles = NULL, input_names = NULL) {
  self <- new_self(handle)
  inputs <- if (!is.null(input_handles)) new_inputs(input_handles, input_names)
  arguments <- c(list(self = self), if (!is.null(inputs)) list(inputs = inputs))
  if (!is.null(bundle$seed)) use_stream(decode(py$task_stream(handle, bundle$seed)))
  f <- bundle$functions[[step]]
  began <- proc.time()
  warned <- warning_record()
  answer <- withCallingHandlers(
    guarded({
      check_reports(f)
      call_as(step, f, arguments)
    }),
    warning = warned$note
  )
  took <- proc.time() - began
  end_carriage()
  warned$tell(step)
  # Also after an error: @catch keeps what was assigned before it.
  flushed <- guarded(self_flush(self))
  failed <- Find(function(one) length(one) > 1L, list(answer, flushed))
  end_cards(self, f, if (!is.null(failed)) failed[[2L]], took, warned)
  forget(c(handle, input_handles))
  if (is.null(bundle$seed) && isTRUE(bundle$seeded)) tell_of_seed(step)
  for_python(if (length(answer) > 1L) answer else flushed)
}

# A state of L'Ecuyer-CMRG, with the other kinds of random numbers as they are.
use_stream <- function(state) {
  state <- unlist(state)
  RNGkind("L'Ecuyer-CMRG")
  use_seed(c(get(".Random.seed", globalenv())[1L], as.integer(ifelse(state >= 2^31, state - 2^32, state))))
}

# Once a run: the session's seed is not the task's.
tell_of_seed <- function(step) {
  folder <- Sys.getenv("GANGWAY_TMP")
  drew <- exists(".Random.seed", envir = globalenv(), inherits = FALSE)
  if (drew && (!nzchar(folder) || dir.create(file.path(folder, "told-of-seed"), showWarnings = FALSE))) {
    message("[gangway] Step ", dQuote(step, FALSE), " has drawn random numbers, and no seed of the session reaches a ",
      "task: run(flow, seed = 1) gives each task a stream of its own that is the same in every run."
    )
  }
}

run_default <- function(parameter, context) {
  on.exit(end_carriage())
  for_python(guarded(as_given(call_as(parameter, bundle$defaults[[parameter]], list(.context = context)))))
}

# An exit hook gets what is known of the run as a list, if it has an argument.
run_hook <- function(name, about) {
  on.exit(end_carriage())
  for_python(guarded({
    call_as(name, bundle$hooks[[name]], list(.run = about))
    TRUE
  }))
}

# As a value of run() would be given.
as_given <- function(x) {
  refuse <- function(wanted) stop("The default has to be ", wanted, ".", call. = FALSE)
  if (inherits(x, "Date")) {
    text_of_date(x, refuse)
  } else if (inherits(x, "POSIXt")) {
    text_of_time(x, refuse)
  } else if (is.data.frame(x)) {
    frame_lists(x, refuse)
  } else {
    x
  }
}

# Calls f with as many of the arguments as it has formals, under the name that a traceback shows.
call_as <- function(name, f, arguments) {
  arguments <- arguments[seq_len(min(length(formals(f)), length(arguments)))]
  env <- list2env(c(arguments, structure(list(f), names = name)), parent = globalenv())
  eval(as.call(lapply(c(name, names(arguments)), as.name)), env)
}

# An answer of guarded() for Python, which keeps the condition as it keeps an artifact.
for_python <- function(answer) {
  if (length(answer) == 1L || is.null(answer[[2L]])) {
    return(answer)
  }
  failure <- answer[[2L]]
  condition <- tryCatch(encode(failure$error, "the error"), error = function(e) {
    encode(storable(failure$error), "the error")
  })
  list(NULL, c(failure[c("message", "call", "class", "traceback", "index", "node")], list(condition = condition)))
}

# A condition without the fields that nothing can store, such as an open connection.
storable <- function(e) {
  fields <- if (is.list(e)) unclass(e) else list(message = text_of(e))
  kept <- vapply(fields, function(field) is.null(find_unserializable(field, "x")), NA)
  structure(fields[kept], class = class(e))
}
