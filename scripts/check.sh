#!/usr/bin/env bash
# R CMD build and R CMD check of the package; anything but "Status: OK" fails.
#
# usage: scripts/check.sh FOLDER     the tarball is left in FOLDER
set -eo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh
project=$PWD
cd "$1"
# From a copy without the hidden folders: R CMD build copies all of them before it leaves them out.
mkdir -p source/gangway
(cd "$project" && find . -mindepth 1 -maxdepth 1 ! \( -type d -name '.*' \) -print0 | tar --null -T - -c) |
    tar -x -C source/gangway
R CMD build --no-build-vignettes source/gangway
rm -rf source
# The tests have a stage of their own. Suggested packages may be missing, as on a user's machine.
export _R_CHECK_FORCE_SUGGESTS_=false
R CMD check --no-manual --no-build-vignettes --no-tests gangway_*.tar.gz
grep -q '^Status: OK' gangway.Rcheck/00check.log || {
    echo "R CMD check must end with 'Status: OK': no error, warning or note"
    exit 1
}
