# What R writes and no reader of artifacts accepts (rds/rules.py): refused here, where the object still is.

#' Why the readers of artifacts would refuse what R writes of an object: `""` if they do not
#' @param most What is larger is not looked at (bytes).
#' @noRd
unreadable <- function(x, most = Inf) decode(do.call(py$problem, c(list(most), write_out(x, NULL)$bytes)))

#' The innermost part of an object that readers would refuse
#' @param reason What [unreadable()] says of it.
#' @return `NULL`, or what [find_unserializable()] gives.
#' @noRd
find_unreadable <- function(x, path, reason = unreadable(x)) {
  if (!nzchar(reason)) {
    return(NULL)
  }
  seen <- utils::hashtab("address")
  repeat {
    parts <- if (!is.language(x)) parts_of(x, path, seen, into = function(env) TRUE)
    part <- Find(function(part) nzchar(unreadable(part$value)), parts)
    if (is.null(part)) break
    x <- part$value
    path <- part$path
  }
  list(
    path = path, class = paste(class(x), collapse = "/"), reason = paste("readers of artifacts refuse", reason),
    advice = "Keep the data that it is made from, and make it again where it is used."
  )
}
