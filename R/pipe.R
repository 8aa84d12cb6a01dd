#' Pipe operator
#'
#' `%>%` of the magrittr package, so that a script needs only `library(gangway)`. R's own `|>` works
#' as well.
#'
#' @param lhs A value.
#' @param rhs A call that gets the value as its first argument.
#' @return The value of the call.
#' @name pipe
#' @rdname pipe
#' @export
#' @importFrom magrittr %>%
#' @usage lhs \%>\% rhs
#' @examples
#' metaflow("PipeFlow") %>%
#'   step(step = "start", next_step = "end") %>%
#'   step(step = "end")
`%>%` <- magrittr::`%>%`
