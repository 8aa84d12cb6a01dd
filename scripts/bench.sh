#!/usr/bin/env bash
# The benchmarks: every tests/bench/bench-*.{R,py,sh}, one after the other; each prints its ratios and
# exits non-zero when one is beyond its limit.
set -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/env.sh
. scripts/env.sh
work=$(mktemp -d /tmp/gwb.XXXXXX)
trap 'rm -rf "$work"' EXIT
export METAFLOW_HOME=$work/metaflow METAFLOW_DATASTORE_SYSROOT_LOCAL=$work/datastore
status=0
shopt -s nullglob
for file in tests/bench/bench-*; do
    printf '\n== %s\n' "$file"
    case $file in
        *.R) Rscript --vanilla "$file" || status=1 ;;
        *.py) PYTHONPATH=$PWD/python "$GANGWAY_PYTHON" "$file" || status=1 ;;
        *.sh) bash "$file" || status=1 ;;
    esac
done
exit $status
