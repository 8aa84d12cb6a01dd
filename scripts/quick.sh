#!/usr/bin/env bash
# Print the files of testthat in which nothing is started: they name no function that starts a process.
cd "$(dirname "$0")/.." || exit 1
starters='processx::|callr::|rscript\(|run_python|run_doors|python_says|ray_init|skip_without_ray'
starters="$starters|local_(run_folder|cluster|plan|backend|aws|git|flow_project)"
grep -LE "$starters" tests/testthat/test-*.R
