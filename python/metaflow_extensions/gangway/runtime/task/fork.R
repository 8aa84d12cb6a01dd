# Children that R code forks (mclapply(), mcparallel(), ...). They go on with R code, and leave all that this process
# shares with Metaflow and Ray alone: it would hang, or be done twice.

own_process <- Sys.getpid()

is_forked <- function() Sys.getpid() != own_process

# Functions of Python's, for R in this process and in none of its children.
kept_from_forks <- function(f) {
  force(f)
  function(...) {
    if (is_forked()) refuse_forked()
    f(...)
  }
}

all_kept_from_forks <- function(functions) lapply(functions, kept_from_forks)

refuse_forked <- function() {
  message <- paste(
    "This is a child process that R code has forked (mclapply(), mcparallel(), plan(multicore), ...), and what asks",
    "Metaflow, Ray or Python works only in the step's own process. Read what the child needs before, x <- self$x;",
    "let it return its results, and assign them after."
  )
  stop(structure(
    class = c("gangway_error_forked", "gangway_error", "error", "condition"), list(message = message, call = NULL)
  ))
}

# After code that may have forked: a child that comes out of it has left what it was forked for by a jump.
end_if_forked <- function() {
  if (is_forked()) {
    cat("[gangway] A forked child of R has not ended where it should; it ends here.\n", file = stderr())
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }
}

# parallel's functions, and those of all packages that use them, fork here. `after_parent` and `after_child` are
# Python's own functions (engine/fork.py); what mcfork() calls by .Call() is the fork.
guard_parallel <- function(after_parent, after_child) {
  forked <- function(...) {
    process <- caught(.Call(...))
    in_child <- !inherits(process, "condition") && process[[1L]][1L] == 0L
    .C(if (in_child) after_child else after_parent)
    if (in_child) leave_capture()
    process
  }
  replace_in("parallel", "mcfork", function(mcfork) {
    here <- new.env(parent = environment(mcfork))
    here$.Call <- function(...) result_of(fork(function() suspendInterrupts(forked(...))))
    environment(mcfork) <- here
    mcfork
  })
  replace_in("parallel", "mcexit", function(mcexit) {
    function(...) {
      flush(stdout()) # the process just leaves
      mcexit(...)
    }
  })
}

caught <- function(expr) tryCatch(list(expr), error = identity, interrupt = identity)

# Of what Python has called: list(value), a condition, or NULL.
result_of <- function(outcome) {
  if (is.null(outcome)) stop("R was interrupted while it asked Python.", call. = FALSE)
  if (inherits(outcome, "condition")) stop(outcome)
  outcome[[1L]]
}

# Ray's workers undo what calls unlock (worker-state.R), and not this.
unlock <- unlockBinding

# Puts make(the function that is there) in the place of a package's function, now or when the package is loaded.
replace_in <- function(package, name, make) {
  replace <- function(...) {
    if (is.null(original <- get0(name, asNamespace(package), inherits = FALSE))) {
      return()
    }
    made <- make(original)
    put_in(asNamespace(package), name, made)
    # What is attached are copies.
    attached <- paste0("package:", package)
    if (attached %in% search()) put_in(as.environment(attached), name, made)
  }
  setHook(packageEvent(package, "onLoad"), replace)
  if (isNamespaceLoaded(package)) replace()
}

put_in <- function(place, name, value) {
  if (exists(name, place, inherits = FALSE)) {
    locked <- bindingIsLocked(name, place)
    if (locked) unlock(name, place)
    assign(name, value, place)
    if (locked) lockBinding(name, place)
  }
}
