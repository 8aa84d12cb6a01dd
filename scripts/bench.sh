#!/usr/bin/env bash
# The benchmarks: every tests/bench/bench-*.{R,py,sh}, one after the other; each prints its ratios and
# exits non-zero when one is beyond its limit. At the end, one table of all (scripts/figures.py), whose
# rows stay in .setup/bench.jsonl: `scripts/figures.py fill .setup/bench.jsonl` puts them into vignettes/speed.Rmd
# and README.
# Names of benchmarks as arguments run those alone.
set -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/env.sh
. scripts/env.sh
work=$(mktemp -d /tmp/gwb.XXXXXX)
trap 'rm -rf "$work"' EXIT
export METAFLOW_HOME=$work/metaflow METAFLOW_DATASTORE_SYSROOT_LOCAL=$work/datastore
export GANGWAY_BENCH_TABLE=$PWD/.setup/bench.jsonl
mkdir -p .setup
: >"$GANGWAY_BENCH_TABLE"
status=0
shopt -s nullglob
[ $# -gt 0 ] || set -- tests/bench/bench-*
for file in "$@"; do
    printf '\n== %s\n' "$file"
    case $file in
        *.R) Rscript --vanilla "$file" || status=1 ;;
        *.py) PYTHONPATH=$PWD/python "$GANGWAY_PYTHON" "$file" || status=1 ;;
        *.sh) bash "$file" || status=1 ;;
    esac
done
printf '\n== All figures\n'
"$GANGWAY_PYTHON" scripts/figures.py table "$GANGWAY_BENCH_TABLE"
exit $status
