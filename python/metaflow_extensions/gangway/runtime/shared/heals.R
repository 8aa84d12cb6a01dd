# What comes back usable though R writes its pointers as nothing: what its package makes anew, and what the user vouches
# for. Base R alone, as serializable.R; R/heals.R is a link to this file. Its help is in R/heals-docs.R.

heals <- function(x, ...) UseMethod("heals")

heals.default <- function(x, ...) FALSE

#' The parts of an object whose pointers are made anew where it is read
#' @param methods An environment that keeps the methods of classes that were met before.
#' @return `TRUE`: all of them; else names of elements, variables or slots.
#' @noRd
healed_parts <- function(x, methods) {
  known <- if (is.object(x)) healed_by_class(x, methods)
  if (isTRUE(known)) {
    return(TRUE)
  }
  known <- if (is.character(known)) known
  more <- if (is.environment(x)) healed_in(x) else if (is_tmb_function(x)) "ptr"
  if (isTRUE(more)) TRUE else c(known, more)
}

healed_by_class <- function(x, methods) {
  for (class in .class2(x)) {
    if (is.null(methods[[class]])) methods[[class]] <- list(heals_method(class))
    method <- methods[[class]][[1L]]
    if (!is.null(method)) {
      return(tryCatch(method(x), error = function(e) stop_heals(class, e)))
    }
  }
}

stop_heals <- function(class, error) {
  stop("heals.", class, "(), which says what of an object of class ", class, " is made anew where it is read, failed: ",
    conditionMessage(error), call. = FALSE)
}

# The script's, one that a package has or has registered, or what is known here. Not by UseMethod(): where a task runs,
# the package gangway, with which other packages register, may be missing.
heals_method <- function(class) {
  name <- paste0("heals.", class)
  if (exists(name, envir = globalenv(), mode = "function")) {
    return(get(name, envir = globalenv(), mode = "function"))
  }
  for (namespace in loadedNamespaces()) {
    namespace <- asNamespace(namespace)
    method <- namespace[[name]]
    if (is.null(method)) method <- namespace[[".__S3MethodsTable__."]][[name]]
    if (is.function(method)) {
      return(method)
    }
  }
  healers[[class, exact = TRUE]]
}

# Of what is serialized beside the pointer, the next call of its package makes the pointer again.
healers <- list(
  xgb.Booster = function(x) if (is.raw(unclass(x)[["raw"]])) c("handle", "ptr"),
  lgb.Booster = function(x) is.environment(x) && is.raw(get0("raw", x, inherits = FALSE)),
  catboost.Model = function(x) {
    parts <- if (is.environment(x)) as.list.environment(x) else unclass(x)
    own <- parts[["cpp_obj"]]
    is.raw(parts[["raw"]]) || (is.environment(own) && is.raw(get0("raw", own, inherits = FALSE)))
  },
  # What only sampling anew needs.
  stanfit = function(x) c(".MISC", "stanmodel"),
  stanmodel = function(x) c("dso", "mk_cppmodule")
)

# Variables of environments that have no class: those of fastmap, and so of memoised functions, of lme4's models, TMB's
# functions, igraph's graphs, and of functions that are made within data.table's `[`.
healed_in <- function(env) {
  has <- function(name) exists(name, envir = env, inherits = FALSE)
  if (has(".__igraph_version__.")) {
    TRUE
  } else if (has("ensure_restore_map")) {
    "key_idx_map"
  } else if (inherits(get0(".self", env, inherits = FALSE), c("merPredD", "lmResp"))) {
    c("Ptr", ".->Ptr")
  } else if (has(".SDall")) {
    "Cfastmean"
  }
}

is_tmb_function <- function(x) is.list(x) && identical(names(x), c("ptr", "DLL"))

keep_pointers <- function(x) {
  # Within a task the runtime, which writes, is another copy of this code than the package.
  home <- if ("gangway:task" %in% search()) environment(get("ray_put", as.environment("gangway:task")))
  if (is.null(home)) vouch_for(x) else home$vouch_for(x)
  invisible(x)
}

vouch_for <- function(x) {
  if (is.null(pointers$kept)) pointers$kept <- utils::hashtab("identical")
  walk_unserializable(x, each = function(found) {
    utils::sethash(pointers$kept, key_of_pointer(found), TRUE)
    FALSE
  })
}

is_kept <- function(x) !is.null(pointers$kept) && !is.null(utils::gethash(pointers$kept, key_of_pointer(x)))

key_of_pointer <- function(x) if (inherits(x, "connection")) attr(x, "conn_id") else x

forget_kept <- function() pointers$kept <- NULL
