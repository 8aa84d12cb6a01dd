# Rscript main.R KIND ROWS.rds RESULTS.rds: a script that sets the rows up in its global environment, as a user's does,
# and then takes them through the doors of one kind. Nothing of the harness lies in the global environment.
local({
  arguments <- commandArgs(TRUE)
  options(gangway.command_line = FALSE)
  harness <- new.env(parent = .BaseNamespaceEnv) # R's own functions, whatever the rows mask
  folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
  for (file in c("common.R", "session.R", "flow.R")) sys.source(file.path(folder, file), harness)
  harness$main(arguments[[1]], arguments[[2]], arguments[[3]])
})
