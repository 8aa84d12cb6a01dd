# The flow as a script: Rscript flow.R run --folds 10, Rscript flow.R run --with batch, Rscript flow.R --help.
# It reads the functions from R/, so that a run has the code as it is now and an image needs only what it depends on.
library(gangway)

# The image of remote steps that name no other: that of this commit. Only a remote run asks for it.
options(gangway.image = function() ecr_image("{{repository}}"))

for (file in list.files("R", pattern = "[.]R$", full.names = TRUE)) source(file)

result <- run(project_flow())
result$results
