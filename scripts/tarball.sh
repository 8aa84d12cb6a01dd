#!/usr/bin/env bash
# The R package's source tarball, by R CMD build.
#
# usage: scripts/tarball.sh FOLDER
set -eo pipefail
cd "$(dirname "$0")/.."
project=$PWD
cd "$1"
# From a copy without the hidden folders: R CMD build copies all of them before it leaves them out.
mkdir -p source/gangway
(cd "$project" && find . -mindepth 1 -maxdepth 1 ! \( -type d -name '.*' \) -print0 | tar --null -T - -c) |
    tar -x -C source/gangway
R CMD build --no-build-vignettes source/gangway
rm -rf source
