#!/usr/bin/env bash
# The R package's source tarball, by R CMD build.
#
# usage: scripts/tarball.sh FOLDER
set -eo pipefail
cd "$(dirname "$0")/.."
folder=$(cd "$1" && pwd)
# From a copy without the hidden folders: R CMD build copies all of them before it leaves them out.
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
mkdir "$source/gangway"
find . -mindepth 1 -maxdepth 1 ! \( -type d -name '.*' \) -print0 | tar --null -T - -c |
    tar -x -C "$source/gangway"
cd "$folder"
R CMD build --no-build-vignettes "$source/gangway"
