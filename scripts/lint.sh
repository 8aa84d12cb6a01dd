#!/usr/bin/env bash
# ruff, mypy, lintr and shellcheck, as the project configures them. Every one runs, whatever failed before.
set -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/env.sh
. scripts/env.sh
status=0
run() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then printf '%s: ok\n' "$name"; else printf '%s: FAILED\n' "$name"; status=1; fi
}

python_files=(python scripts)
[ -z "$(find tests -name '*.py' -print -quit)" ] || python_files+=(tests)
run "ruff check" "$GANGWAY_PYTHON" -m ruff check --quiet --config python/pyproject.toml "${python_files[@]}"
run "ruff format" "$GANGWAY_PYTHON" -m ruff format --quiet --check --config python/pyproject.toml "${python_files[@]}"
# From within python/, so that modules get their real names (metaflow_extensions is a namespace package).
# shellcheck disable=SC2016  # the inner shell expands it
run "mypy" bash -c 'cd python && MYPY_CACHE_DIR=../.mypy_cache \
    "$GANGWAY_PYTHON" -m mypy --no-error-summary -p metaflow_extensions.gangway'
if Rscript --vanilla -e 'quit(status = !nzchar(system.file(package = "lintr")))' 2>/dev/null; then
    run "lintr" Rscript --vanilla scripts/lint.R
else
    echo "lintr: skipped (the R package lintr is not installed)"
fi
if command -v shellcheck >/dev/null; then
    run "shellcheck" shellcheck --external-sources --source-path=. scripts/*.sh .ci/run
else
    echo "shellcheck: skipped (not installed)"
fi
exit $status
