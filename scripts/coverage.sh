#!/usr/bin/env bash
# How many lines the tests run: of the Python core by room, of the R package by group of files.
#
# usage: scripts/coverage.sh [quick|all]     the tests of `make quick` (the default), or all but the longest
#
# Python's count holds for processes that tests start, too, if these get the environment; R's for testthat's own.
set -eo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
scope=${1:-quick}
work=$PWD/.setup/coverage
rm -rf "$work" && mkdir -p "$work"
export COVERAGE_FILE=$work/data COVERAGE_RCFILE=$PWD/scripts/coverage.ini GANGWAY_ROOT=$PWD
# A failed test is told and spoils no count.
case $scope in
    quick) marked="unit and not faults" ;;
    all) marked="not faults and not image" ;;
    *) echo "usage: scripts/coverage.sh [quick|all]" >&2; exit 2 ;;
esac
env -u GANGWAY_PYTHON PYTHONPATH="$PWD/python" "$GANGWAY_PYTHON" -m coverage run -m pytest tests/python tests/aws \
    -q --no-header -m "$marked" --timeout=900 || true
"$GANGWAY_PYTHON" -m coverage combine --quiet
"$GANGWAY_PYTHON" -m coverage json --quiet -o "$work/python.json"
if Rscript --vanilla -e 'quit(status = !requireNamespace("covr", quietly = TRUE))' 2>/dev/null; then
    Rscript --vanilla scripts/coverage.R "$work/r.csv" "$scope"
fi
"$GANGWAY_PYTHON" scripts/coverage.py "$work/python.json" "$work/r.csv"
