# The flow with a gang as a script: Rscript bootstrap.R run, Rscript bootstrap.R run --with batch. The workflow does not
# deploy it. AWS Step Functions runs no gangs; Argo Workflows does.
library(gangway)

for (file in list.files("R", pattern = "[.]R$", full.names = TRUE)) source(file)

result <- run(bootstrap_flow())
result$interval
