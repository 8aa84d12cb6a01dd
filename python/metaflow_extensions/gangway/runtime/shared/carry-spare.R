# What no code names may still be used, by get(paste0("cfg_", env)), eval(parse(text = s)), environment(f)$a. So what is
# small travels. Anything else is told when it is asked for.

#' What travels though no code names it
#'
#' @param each,total Bytes: the largest such object, and all of them together.
#' @param globals Whether those of the global environment do, its methods and classes as well; or the names of those
#'   that do.
#' @param named_only Nothing does: what is stored where others can read it.
#'
#' Measured on two cores: a step reads 16 MB in 15 ms, beside 0.5 s that it takes to start; a job of Ray's workers is
#' made, hashed and sent anew for each map, so that it carries less.
#' @noRd
carry_policy <- function(each, total, globals = TRUE, named_only = FALSE) {
  list(each = each, total = total, globals = globals, named_only = named_only)
}

step_policy <- carry_policy(each = 1e6, total = 16e6)
job_policy <- carry_policy(each = 1e5, total = 1e6)
argument_policy <- carry_policy(each = 1e5, total = 1e6, globals = FALSE)

# R's own, and what belongs to one session.
never_spare <- c(
  ".Random.seed", ".Last.value", ".First", ".Last", ".Traceback", ".required", ".Depends", ".packageName",
  ".requireCachedGenerics", ".conflicts.OK", ".noGenerics", "last.warning", "last.dump"
)

#' Add what is small and left over, in frames and in the global environment, and note what stays behind
#' @noRd
collect_spares <- function(bag) {
  collect_frames(bag)
  if (!isFALSE(bag$policy$globals)) collect_frame(globalenv(), bag)
  for (env in bag$search) collect_frame(env, bag)
  collect_queue(bag)
  collect_frames(bag)
}

# Those that are found on the way too.
collect_frames <- function(bag) {
  repeat {
    frames <- waiting_frames(bag)
    if (!length(frames)) break
    for (env in frames) collect_frame(env, bag)
    collect_queue(bag)
  }
}

waiting_frames <- function(bag) {
  frames <- list()
  utils::maphash(bag$frames, function(env, state) {
    if (!identical(state, "done")) frames[[length(frames) + 1L]] <<- env
  })
  frames
}

collect_frame <- function(env, bag) {
  global <- identical(env, globalenv())
  place <- search_name(env)
  if (!global && is.null(place)) utils::sethash(bag$frames, env, "done")
  if (has_key(bag$kept, env)) {
    return(invisible())
  }
  taken <- if (global) names(bag$globals) else if (is.null(place)) need_of(bag, env) else names(bag$searched[[place]])
  some <- global && is.character(bag$policy$globals)
  all <- if (some) bag$policy$globals else ls(env, all.names = TRUE, sorted = FALSE)
  spare <- setdiff(all, c(taken, never_spare, "...", bag$never))
  spare <- spare[!startsWith(spare, ".__")]
  if (global && !bag$policy$named_only) spare <- setdiff(spare, collect_plain(spare, bag))
  via <- list(owner = "What was around", fun = "it", strict = FALSE, soft = TRUE)
  for (name in spare) {
    # environment(f)$a, parent.env(environment())$a
    if (!global && name %in% bag$members && is.null(place)) via$soft <- FALSE
    collect_spare(name, env, global, place, via, bag)
    via$soft <- TRUE
  }
}

# Most of what a session has are plain vectors, taken at once; gives their names.
collect_plain <- function(names, bag) {
  names <- names[!names %in% names(left_here) & !vapply(names, bindingIsActive, NA, globalenv())]
  names <- names[!are_lazy(names, globalenv())]
  values <- mget(names, envir = globalenv())
  plain <- vapply(values, function(value) is.atomic(value) && is.null(attributes(value)), NA)
  sizes <- vapply(values[plain], function(value) as.numeric(utils::object.size(value)), 0)
  sizes <- sizes[sizes <= bag$policy$each]
  taken <- names(sizes)[bag$spent + cumsum(sizes) <= bag$policy$total]
  bag$spent <- bag$spent + sum(sizes[taken])
  bag$globals[taken] <- lapply(values[taken], function(value) list(value = value, soft = TRUE))
  taken
}

need_of <- function(bag, env) c(utils::gethash(bag$need, env), names(utils::gethash(bag$lazy, env)))

collect_spare <- function(name, env, global, place, via, bag) {
  why <- left_behind(name, env)
  if (is.null(why) && bag$policy$named_only && isTRUE(via$soft)) why <- list(reason = "named")
  if (is.null(why) && !global && is_lazy(name, env)) why <- list(reason = "lazy")
  value <- if (is.null(why)) binding_value(name, env, no_value)
  if (is_no_value(value)) {
    if (!global && is_empty(code_of(name, env))) value <- NULL else why <- list(reason = "failed")
  }
  if (is.null(why) && isTRUE(via$soft)) why <- reason_to_stay(value, bag)
  if (!is.null(why)) {
    leave(name, env, global, place, why, bag)
  } else if (global) {
    collect_global(name, value, via, bag)
  } else if (is.null(place)) {
    collect_local(name, env, value, via, bag)
  } else {
    bag$searched[[place]][[name]] <- TRUE
    collect_captured(name, value, via, bag)
  }
}

# What an argument gives that was not given, or a delayed assignment that fails.
no_value <- new.env(parent = emptyenv())

is_no_value <- function(value) is.environment(value) && identical(value, no_value)

leave <- function(name, env, global, place, why, bag) {
  if (global) {
    why$called <- is.function(binding_value(name, env))
    if (name %in% bag$called && !why$called) {
      return(invisible()) # a function of that name is called, and R would ask the error for it
    }
    bag$left[[name]] <- why
  } else if (is.null(place)) {
    left <- utils::gethash(bag$names_left, env)
    left[[name]] <- why
    utils::sethash(bag$names_left, env, left)
  }
}

#' Whether what is of use perhaps is small enough to travel, and can
#' @noRd
is_spare <- function(name, value, env, bag) {
  is.null(left_behind(name, env)) && is.null(reason_to_stay(value, bag))
}

#' Why a value stays behind though it is there: a list of `reason` and what belongs to it, or `NULL`
#' @noRd
reason_to_stay <- function(value, bag) {
  # Of what it was made with only what is named or small travels.
  if (typeof(value) == "closure" && is_script(environment(value))) {
    return(NULL)
  }
  # A function is not missed by those who call it without a word: they find another one of its name.
  room <- if (is.function(value)) 10 * bag$policy$each else min(bag$policy$each, bag$policy$total - bag$spent)
  weight <- weigh(value, room)
  if (!is.null(weight$lost)) {
    list(reason = "lost", class = class(value)[1L])
  } else if (weight$size > room) {
    list(reason = "large", size = weight$size)
  } else {
    if (!is.function(value)) bag$spent <- bag$spent + weight$size
    NULL
  }
}

#' The size of a value with all that hangs on it, up to a limit
#' @return A list of `size` (bytes; some number above the limit if it is larger) and `lost`, if it cannot travel.
#' @noRd
weigh <- function(value, limit) {
  size <- as.numeric(utils::object.size(value))
  if (size > limit || is.null(value) || (is.atomic(value) && is.null(attributes(value)))) {
    return(list(size = size))
  }
  seen <- utils::hashtab("address")
  lost <- NULL
  pointers <- FALSE
  add <- function(reference) {
    if (typeof(reference) != "environment") {
      if (!is_harmless_pointer(reference)) pointers <<- TRUE
    } else if (inherits(reference, c("python.builtin.object", "gangway_python", "gangway_self"))) {
      stop_weighing(TRUE)
    } else if (inherits(reference, "srcfile")) {
      return("")
    } else if (!has_key(seen, reference)) {
      utils::sethash(seen, reference, TRUE)
      size <<- size + size_of_variables(reference)
      if (size > limit) stop_weighing(FALSE)
    }
    NULL
  }
  sink <- file(nullfile(), "wb")
  on.exit(close(sink))
  tryCatch(serialize_watched(value, sink, add),
    gangway_enough = function(e) if (e$lost) lost <<- TRUE,
    error = function(e) lost <<- TRUE
  )
  if (pointers && is.null(lost) && !is.null(find_unserializable(value))) lost <- TRUE
  list(size = size, lost = lost)
}

# Without what would run code to be looked at.
size_of_variables <- function(env) {
  names <- setdiff(ls(env, all.names = TRUE, sorted = FALSE), "...")
  names <- names[!vapply(names, bindingIsActive, NA, env)]
  names <- names[!are_lazy(names, env)]
  values <- tryCatch(mget(names, envir = env), error = function(e) lapply(names, binding_value, env))
  as.numeric(utils::object.size(values))
}

stop_weighing <- function(lost) {
  stop(structure(class = c("gangway_enough", "error", "condition"), list(message = "", call = NULL, lost = lost)))
}

is_harmless_pointer <- function(x) {
  is_kept(x) || (typeof(x) == "externalptr" && (is_empty_pointer(x) || identical(x, data_table_pointer())))
}

# ---- what stays behind, where it would have gone

#' Bind names to errors that say why they are not there
#' @param left What collect_spare() has noted: lists by name.
#' @noRd
bind_left <- function(left, env) {
  for (name in names(left)) {
    if (exists(name, envir = env, inherits = FALSE)) next
    why <- left[[name]]
    # Without a function of ours, which R would tell with its call, and the whole runtime with it.
    code <- if (isTRUE(why$called)) call("stop_left", name, why) else call("stop", left_error(name, why))
    home <- if (isTRUE(why$called)) environment(stop_left) else baseenv()
    eval(call("delayedAssign", name, code, home, env))
    if (identical(env, globalenv())) left_here[[name]] <- why
  }
}

# Of the global environment, where R does not say what stands behind a name.
left_here <- new.env(parent = emptyenv())

left_behind <- function(name, env) {
  if (identical(env, globalenv())) {
    # It may have been given a value since.
    return(if (!is.null(left_here[[name]]) && is_left(name, env)) left_here[[name]])
  }
  code <- code_of(name, env)[[1L]]
  if (!is.call(code) || length(code) < 2L) {
    return(NULL)
  }
  if (identical(code[[1L]], quote(stop_left))) code[[3L]] else if (inherits(code[[2L]], left_class)) code[[2L]]$why
}

is_left <- function(name, env) {
  is.null(tryCatch({
    get(name, envir = env, inherits = FALSE)
    TRUE
  }, gangway_error_left_behind = function(e) NULL, error = function(e) TRUE))
}

is_asked_by_methods <- function() {
  homes <- lapply(sys.frames(), function(frame) topenv(parent.env(frame)))
  any(vapply(homes, identical, NA, asNamespace("methods")))
}

megabytes <- function(size) paste(format(round(size / 1e6, 1), nsmall = 1, trim = TRUE), "MB")

# A function may be looked at by R itself, which asks for the generics of a package's S4 methods when it is loaded.
stop_left <- function(name, why) {
  if (is_asked_by_methods()) {
    return(as.function(c(formals(function(...) NULL), call("stop", left_error(name, why))), baseenv()))
  }
  stop(left_error(name, why))
}

left_class <- "gangway_error_left_behind"

left_error <- function(name, why) {
  what <- switch(why$reason,
    large = paste0("(", megabytes(why$size), ") exists where this code comes from and was not sent, because no code ",
      "names it: write its name in the function"),
    lost = paste0("(of class ", why$class, ") exists where this code comes from and cannot travel to another ",
      "process: make it where it is used"),
    lazy = "is an argument that had not been used where this code comes from: use it there, force(), or write its name",
    failed = "could not be evaluated where this code comes from: look at it there",
    "exists where this code comes from and was not sent, because no code names it: write its name in the function"
  )
  structure(
    class = c(left_class, "gangway_error", "error", "condition"),
    list(message = paste0("`", name, "` ", what, "."), call = NULL, name = name, why = why)
  )
}
