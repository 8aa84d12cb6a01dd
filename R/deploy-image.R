# The image that remote tasks run in when no other is named.

#' The container image for remote tasks
#'
#' @details
#' rocker's images hold R and no Python, so tasks cannot run in them as they are: this is the base that an image of
#' gangway is built on (`docker build --build-arg BASE_IMAGE=...` with gangway's Dockerfile). [ecr_image()] names the
#' image that the build has pushed.
#'
#' @return The image of the R that runs now, `"rocker/r-ver:<version>"`: the same R reads what it
#'   wrote. `"rocker/r-ver:devel"` for an R that is not released yet. For [batch()] and Metaflow's `@kubernetes`.
#' @seealso [ecr_image()]
#' @examples
#' container_image()
#' @export
container_image <- function() {
  paste0("rocker/r-ver:", rocker_tag(getRversion(), R.version$status))
}

# A patched R ("Patched") has its release's number; what is to become a release has no image under its number yet.
rocker_tag <- function(version, status) {
  if (status %in% c("", "Patched")) format(version) else "devel"
}
