#!/usr/bin/env bash
# The R package's source tarball, by R CMD build; with vignettes, where pandoc and rmarkdown are.
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
options=()
if ! command -v pandoc >/dev/null || ! Rscript -e 'quit(status = !nzchar(system.file(package = "rmarkdown")))'; then
    options=(--no-build-vignettes)
fi
R CMD build "${options[@]}" "$source/gangway"
