#!/usr/bin/env bash
# Make vignettes/NAME.Rmd from vignettes/NAME.Rmd.orig: run its code here, with real flows and clusters, and write down
# what it prints and draws. So that building the package needs neither Python nor the time.
#
# usage: scripts/vignettes.sh [NAME.Rmd.orig...]     all without a name
set -eo pipefail
cd "$(dirname "$0")/../vignettes"
# shellcheck source=scripts/env.sh
. ../scripts/env.sh
[ $# -gt 0 ] || set -- *.orig
work=$(mktemp -d /tmp/gwv.XXXXXX)
trap 'rm -rf "$work"' EXIT
for source in "$@"; do
    mkdir -p "$work/${source%%.*}"
    TMPDIR=$work METAFLOW_HOME=$work METAFLOW_USER=jane VIGNETTE_WORK=$work/${source%%.*} \
        Rscript --vanilla ../scripts/vignettes.R "${source##*/}"
done
