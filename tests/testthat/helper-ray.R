# What the files that use a local Ray cluster share.

skip_without_ray <- function() {
  python <- Sys.getenv("GANGWAY_PYTHON")
  testthat::skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  testthat::skip_if(!nzchar(probe_python(python)$ray), "Ray is not installed")
}
