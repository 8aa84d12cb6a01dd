#!/usr/bin/env bash
# R CMD build and R CMD check of the package; anything but "Status: OK" fails.
#
# usage: scripts/check.sh FOLDER     the tarball is left in FOLDER
set -eo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
scripts/tarball.sh "$1"
cd "$1"
# The tests have a stage of their own. Suggested packages may be missing, as on a user's machine.
export _R_CHECK_FORCE_SUGGESTS_=false
R CMD check --no-manual --no-build-vignettes --no-tests gangway_*.tar.gz
grep -q '^Status: OK' gangway.Rcheck/00check.log || {
    echo "R CMD check must end with 'Status: OK': no error, warning or note"
    exit 1
}
