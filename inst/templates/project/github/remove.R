# For branch-deleted.yml: a flow of the project's names is all that a deployment is removed by. So this needs none of the
# project's packages, and no image of the main branch's newest commit, which may still be building.
library(gangway)

metaflow("{{flow}}", decorator("project", name = "{{project}}")) |>
  step(step = "start", next_step = "end") |>
  step(step = "end") |>
  run()
