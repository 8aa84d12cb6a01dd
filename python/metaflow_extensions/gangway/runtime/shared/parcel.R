# Values as bytes, and back. A plain value is R's own serialization. One that has environments, or code, or a class of a
# package, becomes a parcel: in its bytes each environment is a number (by serialize()'s hook for references), and what
# the environments hold stands before the value. Only the hook of unserialize() sees such numbers, and R writes none by
# itself, so no value can be mistaken for a parcel.

#' @param x What is sent.
#' @param name How it is called in messages.
#' @param policy What functions in it take along; `NULL`: nothing, it is a result, whose names are here.
#' @param to A connection to write to; `NULL`: a raw vector is returned.
#' @noRd
parcel <- function(x, name = "x", policy = argument_policy, to = NULL) {
  # Most arguments and results.
  if (is_bare(x) || (is.null(to) && is_short_list(x))) {
    return(serialize(x, to, xdr = FALSE))
  }
  # Of a large result the bytes are not made but where they go.
  bytes <- NULL
  if (is.null(policy) && !is.null(to)) {
    seen <- references_in(x)
    packages <- packages_of_classes(classes_in(x))
  } else {
    watch <- watch_references()
    bytes <- serialize_watched(x, NULL, watch$hook)
    seen <- watch$seen()
    packages <- packages_in(x, bytes)
  }
  packed <- if (seen$bad && is_lost(x)) pack_inside(x)
  if (length(packed$restore)) x <- packed$value
  code <- !is.null(policy) && (seen$environments > 0 || has_code(bytes))
  if (seen$bad && !code) refuse_to_send(x, name)
  if (!code && !length(packages) && !seen$tables && !length(packed$restore)) {
    return(if (is.null(to)) bytes else if (is.null(bytes)) serialize_watched(x, to, NULL) else writeBin(bytes, to))
  }
  bag <- if (code) carry(list(list(value = x, owner = "A value", fun = name)), policy, options = FALSE)
  write_parcel(x, bag, packages, restore = c(packed$restore, tables_in(x, seen)), to = to)
}

is_bare <- function(x) is.atomic(x) && is.null(attributes(x))

is_short_list <- function(x) is.list(x) && length(x) <= 10L && is.null(attributes(x)) && all(vapply(x, is_bare, NA))

# R writes four bytes for the global environment, to which functions and formulas of a script lead. Other bytes may look
# like it; then a look at the value follows that finds nothing.
has_code <- function(bytes) length(grepRaw(global_mark, bytes, fixed = TRUE)) > 0L
global_mark <- as.raw(c(0xfd, 0, 0, 0))

class_mark <- c(as.raw(c(5, 0, 0, 0)), charToRaw("class"))

packages_in <- function(x, bytes) {
  if (length(grepRaw(class_mark, bytes, fixed = TRUE))) packages_of_classes(classes_in(x)) else character()
}

#' All classes in a value, level by level through lists, attributes and slots
#'
#' With primitive functions alone: there may be millions of plain vectors in a list.
#' @noRd
classes_in <- function(x) {
  found <- character()
  level <- list(x)
  while (length(level)) {
    level <- level[which_may_have_class(level)]
    kept <- lapply(level, attributes)
    has <- lengths(kept) > 0L
    objects <- level[has]
    found <- union(found, unlist(unique(lapply(objects[vapply(objects, is.object, NA)], class))))
    lists <- level[vapply(level, is.list, NA)]
    more <- unlist(kept[has], recursive = FALSE)
    more <- more[!names(more) %in% plain_attributes]
    level <- c(unlist(lapply(lists, unclass), recursive = FALSE, use.names = FALSE), unname(more))
  }
  found
}

# Of many elements those that may have a class, or hold what has one: serialize() goes through a thousand of them in
# the time of a hundred calls. Not through large ones, whose bytes would be in memory once more.
which_may_have_class <- function(level) {
  n <- length(level)
  some <- level[round(seq(1, n, length.out = 10))]
  if (n < 1e4 || any(lengths(lapply(some, attributes)))) {
    return(seq_len(n))
  }
  blocks <- lapply(seq.int(1, n, 1000), function(first) seq.int(first, min(n, first + 999)))
  unlist(Filter(function(block) {
    part <- level[block]
    utils::object.size(part) > 1e7 || may_have_class(part)
  }, blocks))
}

may_have_class <- function(x) {
  found <- FALSE
  hook <- function(reference) { # what is written by name, without its attributes
    if (!is.null(attributes(reference))) found <<- TRUE
    ""
  }
  bytes <- serialize(x, NULL, xdr = FALSE, refhook = hook)
  found || length(grepRaw(class_mark, bytes, fixed = TRUE)) > 0L
}

plain_attributes <- c("names", "class", "dim", "dimnames", "row.names", "levels", "tsp", "tzone", "srcref")

refuse_to_send <- function(x, name, into = function(env) TRUE, skip = function(x) FALSE) {
  lost <- find_unserializable(x, name, skip = skip, into = into)
  if (is.null(lost)) {
    return(invisible())
  }
  ray_stop("argument", "`", lost$path, "` (", paste(lost$class, collapse = "/"), ") cannot travel to or from Ray's ",
    "workers: ", lost$reason, ". ", lost$advice)
}

# ---- writing

parcel_mark <- new.env(parent = emptyenv())

#' @param bag What carry() has found, or `NULL`.
#' @param to A connection, or `NULL` for a raw vector.
#' @param libraries Library paths, which a reader needs before it reads anything else.
#' @noRd
write_parcel <- function(x, bag, packages = character(), restore = NULL, to = NULL, libraries = NULL) {
  numbers <- utils::hashtab("address")
  waiting <- list()
  last <- 0L
  number <- function(env) {
    if (is_shared_environment(env)) {
      return(if (identical(env, globalenv())) "global" else "base")
    }
    place <- search_name(env)
    if (!is.null(place)) {
      return(paste0("search:", place))
    }
    known <- utils::gethash(numbers, env)
    if (is.null(known)) {
      last <<- last + 1L
      utils::sethash(numbers, env, known <- as.character(last))
      waiting[[known]] <<- env
    }
    known
  }
  header <- c("gangway", "", libraries)
  bad <- FALSE
  class_key <- class_key_of(bag)
  hook <- function(reference) {
    if (typeof(reference) != "environment") {
      if (!is_harmless_pointer(reference) && !identical(reference, class_key)) bad <<- TRUE
      return(NULL)
    }
    if (identical(reference, parcel_mark)) header else if (!is.null(bag)) number(reference)
  }
  globals <- if (!is.null(bag)) global_values(bag)
  parcel <- list(
    mark = parcel_mark, packages = packages, environments = list(), globals = globals$values, packed = globals$packed,
    active = globals$active, locked = globals$locked, left = bag$left, registered = unname(bag$registered),
    restore = restore, value = x
  )
  # Where there are environments, what they hold has to be known before the first byte is written.
  if (!is.null(bag)) {
    discover(parcel, hook)
    outlines <- list()
    while (length(waiting)) {
      new <- waiting
      waiting <- list()
      new <- lapply(new, contents_of, bag)
      for (id in names(new)) {
        if (!is.null(new[[id]]$dots)) outlines[[id]] <- dots_outline(new[[id]]$dots, number)
      }
      parcel$environments <- c(parcel$environments, new)
      discover(new, hook)
    }
    if (length(outlines)) header[2L] <- rawToChar(serialize(outlines, NULL, ascii = TRUE))
  }
  bytes <- serialize_watched(parcel, to, hook)
  if (bad && !is.null(bag)) refuse_carried(bag)
  bytes
}

# All classes that a session has defined have the same pointer, which is only ever compared.
class_key_of <- function(bag) {
  classes <- names(bag$globals)[startsWith(as.character(names(bag$globals)), ".__C__")]
  if (length(classes)) attr(bag$globals[[classes[1L]]]$value, "versionKey")
}

# Which environments a value leads to.
discover <- function(x, hook) {
  sink <- file(nullfile(), "wb")
  on.exit(close(sink))
  serialize_watched(x, sink, hook)
}

global_values <- function(bag) {
  names <- as.character(names(bag$globals))
  here <- names %in% names(globalenv())
  active <- here
  active[here] <- vapply(names[here], bindingIsActive, NA, globalenv())
  locked <- names[here][vapply(names[here], bindingIsLocked, NA, globalenv())]
  values <- lapply(bag_globals(bag), without_source)
  c(pack_named(values[!active]), list(active = values[active], locked = locked))
}

# Not all that R's hook shows is lost: a class definition's key is a pointer that is only compared.
refuse_carried <- function(bag) {
  values <- lapply(bag$captured, function(item) item$value)
  names <- vapply(bag$captured, function(item) item$name, "")
  for (i in seq_along(values)) refuse_to_send(values[[i]], names[i], outside_frames(bag), is_packable)
}

# Of a function's environment only what is carried counts, and that is among what the bag has captured.
outside_frames <- function(bag) function(env) !is_script(env) || has_key(bag$kept, env)

# ---- reading

#' Read what parcel() or write_parcel() has written
#'
#' @param data A raw vector.
#' @param read A function of a hook, for what is no raw vector.
#' @return The value. What belongs around it is in `arrived` until arrive() puts it there.
#' @noRd
open_parcel <- function(data, read = function(hook) unserialize(data, refhook = hook)) {
  made <- holders <- list()
  outlines <- NULL
  is_parcel <- FALSE
  env_of <- function(id) {
    if (id == "global") {
      return(globalenv())
    }
    if (id == "base") {
      return(baseenv())
    }
    if (startsWith(id, "search:")) {
      return(searched_environment(substring(id, 8L)))
    }
    if (is.null(made[[id]])) {
      outline <- outlines[[id]]
      if (is.null(outline)) {
        made[[id]] <<- new.env(parent = emptyenv())
      } else {
        holders[[id]] <<- new.env(parent = baseenv())
        envs <- lapply(outline$envs, function(id) if (!is.null(id)) env_of(id))
        if (!length(envs)) envs <- vector("list", length(outline$labels))
        made[[id]] <<- dotted_environment(outline$labels, outline$code, envs, holders[[id]])
      }
    }
    made[[id]]
  }
  x <- from_any_locale(read(function(token) {
    if (token[1L] != "gangway") {
      return(env_of(token))
    }
    is_parcel <<- TRUE
    if (length(token) > 2L) add_libraries(token[-(1:2)])
    if (nzchar(token[2L])) outlines <<- unserialize(charToRaw(token[2L]))
    parcel_mark
  }))
  if (!is_parcel) {
    return(x)
  }
  fill_parcel(x, made, holders)
}

# Strings of a session in the C locale are UTF-8 that R does not know for it, and warns of, and stay as they are.
from_any_locale <- function(expr) {
  withCallingHandlers(expr, warning = function(w) {
    if (grepl("cannot be translated to UTF-8", conditionMessage(w), fixed = TRUE)) tryInvokeRestart("muffleWarning")
  })
}

arrived <- new.env(parent = emptyenv())

fill_parcel <- function(parcel, made, holders) {
  load_packages(parcel$packages)
  parcel$globals <- unpack_named(parcel$globals, parcel$packed)
  for (id in names(parcel$environments)) {
    contents <- parcel$environments[[id]]
    parcel$environments[[id]]$values <- unpack_named(contents$values, contents$packed)
    if (!is.null(made[[id]])) fill_environment(made[[id]], parcel$environments[[id]], holders[[id]])
  }
  around <- parcel[c("globals", "active", "locked", "left", "registered")]
  if (any(lengths(around))) arrived$around <- c(arrived$around, list(around))
  arrived$made <- c(arrived$made, Map(function(id, env) list(env = env, contents = parcel$environments[[id]]),
    names(made), made))
  restore_value(parcel$value, parcel$restore)
}

# In an image its own libraries come first: a folder of the same name there may hold other versions.
add_libraries <- function(libraries) {
  # Packages from load_all() of an earlier job are none of this one's.
  if (!isTRUE(dev_state$unsealing)) use_packages(list())
  # An environment of conda has an R of its own, for which other libraries are not built (engine/embed.py).
  libraries <- if (nzchar(Sys.getenv("GANGWAY_OWN_R"))) character() else libraries[dir.exists(libraries)]
  remote <- nzchar(Sys.getenv("METAFLOW_CODE_URL"))
  all <- if (remote) c(.libPaths(), libraries) else c(libraries, .libPaths())
  .libPaths(unique(c(dev_state$folders, all)))
  if (!is.null(arrived$at_libraries)) arrived$at_libraries()
}

searched_environment <- function(name) {
  if (name %in% search()) as.environment(name) else globalenv()
}

#' Put what has arrived with values where it belongs: into the global environment and the tables of methods
#' @return What arrived, invisibly.
#' @noRd
arrive <- function() {
  around <- arrived$around
  arrived$around <- NULL
  for (part in around) settle(part)
  invisible(around)
}

settle <- function(part) {
  settle_globals(part)
  for (method in part$registered) register_method(method)
  attach_s4(names(part$globals), TRUE)
}

# S4 classes and methods of the script are dispatched on only once R has read their tables; and for a class for which
# another method was found before, as initialize()'s of R, only once it has read them again.
attach_s4 <- function(names, attach) {
  names <- as.character(names)
  if (any(startsWith(names, ".__"))) methods::cacheMetaData(globalenv(), attach)
  if (any(startsWith(names, ".__T__")) && attach) methods::cacheMetaData(globalenv(), TRUE)
}

settle_globals <- function(part) {
  forget_globals(c(names(part$active), names(part$left)))
  put_globals(part$globals)
  for (name in names(part$active)) makeActiveBinding(name, part$active[[name]], globalenv())
  bind_left(part$left, globalenv())
  for (name in part$locked) lockBinding(name, globalenv())
}

# An assignment to an active binding would call its function, to a locked one it would be an error.
put_globals <- function(values) {
  if (!length(values)) {
    return(invisible())
  }
  here <- names(values)[names(values) %in% names(globalenv())]
  forget_globals(here[vapply(here, function(name) {
    bindingIsActive(name, globalenv()) || bindingIsLocked(name, globalenv())
  }, NA)])
  list2env(values, globalenv())
}

forget_globals <- function(names) {
  if (!length(names)) {
    return(invisible())
  }
  names <- unique(names[names %in% names(globalenv())])
  if (length(names)) rm(list = names, envir = globalenv())
}

register_method <- function(method) {
  if (!requireNamespace(method$namespace, quietly = TRUE)) {
    return(invisible())
  }
  if (is.null(method$s7)) {
    assign(method$key, method$method, envir = methods_table(asNamespace(method$namespace)))
  } else {
    register_s7(method)
  }
}
