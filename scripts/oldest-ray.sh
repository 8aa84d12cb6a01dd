#!/usr/bin/env bash
# Ray's tests with the oldest Ray that gangway supports (python/pyproject.toml). `make test` has the newest.
#
# usage: scripts/oldest-ray.sh [FILE...]      of tests/python and tests/testthat; all of Ray's without
#
# The old Ray lies in a virtual environment of its own, above .venv, which has all else; both it and what the tests leave
# are gone at the end.
set -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/env.sh
. scripts/env.sh

oldest=$(sed -n 's/^ray = \["ray>=\([0-9.]*\),.*/\1/p' python/pyproject.toml)
TMPDIR=$(mktemp -d /tmp/gwt.XXXXXX)
export TMPDIR PYTHONDONTWRITEBYTECODE=1
trap 'rm -rf "$TMPDIR"' EXIT

venv=$TMPDIR/venv
"$GANGWAY_PYTHON" -m venv --without-pip "$venv" || exit
folder() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }
folder "$GANGWAY_PYTHON" >"$(folder "$venv/bin/python")/project.pth"
echo "== Ray $oldest into a virtual environment of its own"
"$GANGWAY_PYTHON" -m pip --disable-pip-version-check install -q --no-deps --target "$(folder "$venv/bin/python")" \
    "ray==$oldest" || exit
export GANGWAY_PYTHON=$venv/bin/python
echo "== $("$GANGWAY_PYTHON" -c 'import ray; print("Ray", ray.__version__)')"

if [ $# -gt 0 ]; then files=("$@"); else files=(tests/python/test_ray_*.py tests/testthat/test-ray*.R); fi
mapfile -t python < <(printf '%s\n' "${files[@]}" | grep '\.py')
mapfile -t r < <(printf '%s\n' "${files[@]}" | grep '\.R$')
status=0
if [ ${#python[@]} -gt 0 ]; then
    env -u GANGWAY_PYTHON PYTHONPATH="$PWD/python" "$venv/bin/python" -m pytest "${python[@]}" -q -rs -m "not faults" \
        --timeout=600 -o tmp_path_retention_policy=none --basetemp="$TMPDIR/pytest" -p no:cacheprovider || status=$?
fi
if [ ${#r[@]} -gt 0 ]; then
    NOT_CRAN=true Rscript --vanilla scripts/testthat.R "$TMPDIR/testthat.txt" "${r[@]}" || status=$?
fi
exit $status
