#!/usr/bin/env bash
# Remove what the set-up and the checks made. Runs of flows (.metaflow) are the user's, and stay.
set -eo pipefail
cd "$(dirname "$0")/.."
rm -rf .setup .venv .rlib src/*.o src/*.so ./*.Rcheck gangway_*.tar.gz .mypy_cache .ruff_cache .pytest_cache .hypothesis
find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
