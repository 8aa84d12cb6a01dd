# What cannot leave its process. A plain session has it; every door says which it is, before anything has run.
kind("What cannot travel", group = "refused")

nowhere <- function(name) differs(
  c("step", "gang", "ray_map()", "ray_remote()", "ray_actor()", "%dopar%", "future_lapply()", "future_map()"),
  sprintf("an error that names `%s`: it is bound to this process", name), error = paste0(name, ".*cannot travel")
)

row("a document of xml2", setup = udoc01 <- xml2::read_xml("<a/>"), code = xml2::xml_name(udoc01), expect = "a",
  needs = "xml2", except = nowhere("udoc01")
)
row("a file that is open", setup = ucon02 <- file(tempfile(), "w"), code = {
  writeLines("x", ucon02)
  TRUE
}, expect = TRUE, except = nowhere("ucon02"))
row("a connection to text", setup = ucon03 <- textConnection("a"), code = isOpen(ucon03), expect = TRUE,
  except = nowhere("ucon03")
)
row("a database", setup = udb04 <- DBI::dbConnect(RSQLite::SQLite(), ":memory:"),
  code = DBI::dbGetQuery(udb04, "select 1 as a")$a, expect = 1L, needs = c("DBI", "RSQLite"), except = nowhere("udb04")
)
row("a document in a list", setup = ulist05 <- list(a = 1, doc = xml2::read_xml("<b/>")),
  code = xml2::xml_name(ulist05$doc), expect = "b", needs = "xml2", except = nowhere("ulist05")
)
row("a document in an R6 object",
  setup = uobj06 <- R6::R6Class("Uobj06", public = list(doc = xml2::read_xml("<c/>")))$new(),
  code = xml2::xml_name(uobj06$doc), expect = "c", needs = c("xml2", "R6"), except = nowhere("uobj06")
)
row("a document in a closure", setup = {
  umake07 <- function(doc) function() xml2::xml_name(doc)
  ufun07 <- umake07(xml2::read_xml("<d/>"))
}, code = ufun07(), expect = "d", needs = "xml2", except = nowhere("doc"))
