# What to do instead of keeping an object that comes back dead. Base R alone, as serializable.R; R/dead.R is a link to
# this file.

# By class, of the object itself or of what it is a part of, in whose place stands {x}. Those whose packages could be
# had are tried by test_r_kept.py.
ways <- c(
  xml_document = "Keep as.character({x}), and xml2::read_xml() it where it is used.",
  xml_node = "Keep as.character({x}), and xml2::read_xml() it where it is used.",
  xml_nodeset = "Keep as.character({x}), and xml2::read_xml() each where it is used.",
  tbl_lazy = "Keep dplyr::collect({x}), a data frame.",
  DBIResult = "Keep DBI::dbFetch({x}), a data frame.",
  DBIConnection = "Keep the arguments of DBI::dbConnect(), and connect where it is used.",
  DBIDriver = "Keep the arguments of DBI::dbConnect(), and connect where it is used.",
  SpatRaster = "Keep terra::wrap({x}), and terra::unwrap() it where it is used.",
  SpatVector = "Keep terra::wrap({x}), and terra::unwrap() it where it is used.",
  SpatExtent = "Keep as.vector({x}), and terra::ext() it where it is used.",
  torch_tensor = "Keep torch::torch_serialize({x}), a raw vector, and torch::torch_load() it where it is used.",
  nn_module = "Keep torch::torch_serialize({x}), a raw vector, and torch::torch_load() it where it is used.",
  ArrowTabular = "Keep as.data.frame({x}).",
  ArrowObject = "Convert it to R's own types, for example with as.vector(), or write it to a file.",
  xgb.Booster = paste(
    "Keep xgboost::xgb.save.raw({x}), a raw vector, and xgboost::xgb.load.raw(, as_booster = TRUE) it where it is used."
  ),
  xgb.Booster.handle = "Keep xgboost::xgb.save.raw({x}), a raw vector, and xgboost::xgb.load.raw() it there.",
  xgb.DMatrix = "Keep the matrix that it is made from, and call xgboost::xgb.DMatrix() where it is used.",
  lgb.Booster = "Call lightgbm::lgb.make_serializable({x}) before: it then keeps its own bytes.",
  lgb.Dataset = "Keep the matrix that it is made from, and call lightgbm::lgb.Dataset() where it is used.",
  `magick-image` = "Keep magick::image_write({x}), a raw vector, and magick::image_read() it where it is used.",
  jobjRef = "Keep rJava::.jserialize({x}), a raw vector, and rJava::.junserialize() it where it is used.",
  cluster = "Make the cluster where it is used, with parallel::makeCluster().",
  process = "Start the process where it is used: it runs on one machine.",
  NativeSymbolInfo = "Compile the function where it is used (Rcpp::sourceCpp()), or put it into a package."
)

#' What to do instead of keeping an object
#'
#' @param x What cannot be kept.
#' @param path R code for it.
#' @param around What it is in, a list of nodes (`value`, `path`), the innermost first.
#' @noRd
unserializable_advice <- function(x, path, around = list()) {
  if (grepl("^(parent[.]env|environment)[(]", path)) {
    return(paste(
      "It came along with a function or an environment, which keeps all that was there when it was made: remove it",
      "with rm() before, or make the function elsewhere, for example outside of the step's function."
    ))
  }
  chain <- c(list(list(value = x, path = path)), around)
  place <- Position(function(node) !is.null(way_for(node$value)), chain, right = TRUE)
  if (is.na(place)) {
    return(paste("Keep the data that it is made from, and make it again where it is used.", unknown_class))
  }
  owner <- chain[[place]]
  whole <- outermost_model(chain[-seq_len(place)])
  if (is.null(whole)) {
    return(gsub("{x}", owner$path, way_for(owner$value), fixed = TRUE))
  }
  paste0(
    "It is a part of `", whole$path, "` (", class(whole$value)[1L], "), which is kept as a whole: where the package ",
    "bundle or marshal is installed and knows that class, gangway packs it with that. Or keep what it is made from, ",
    "and make it again where it is used."
  )
}

unknown_class <- paste(
  "Models: where the package bundle or marshal is installed and knows the class, gangway uses it. If its package makes",
  "it anew after readRDS(), say so: keep_pointers() of it, or a method of heals() for its class."
)

way_for <- function(x) {
  if (inherits(x, "connection")) {
    "Keep its path or address, and open it where it is used."
  } else if (inherits(x, "gangway_python")) {
    "Assign it by itself, self$name <- object, and Python gets it back as it was."
  } else if (inherits(x, "python.builtin.object")) {
    paste(
      "Convert it with reticulate::py_to_r(), keep the bytes of Python's pickle.dumps(), or make it in a step that",
      "is written in Python: step(py_function = \"module:function\")."
    )
  } else if (is.object(x)) {
    known <- intersect(.class2(x), names(ways))
    if (length(known)) ways[[known[1L]]]
  }
}

# The largest object around whose parts are not the user's to replace: no plain list, no data frame.
outermost_model <- function(chain) {
  models <- Filter(function(node) is.object(node$value) && !is.data.frame(node$value), chain)
  if (length(models)) models[[length(models)]]
}
