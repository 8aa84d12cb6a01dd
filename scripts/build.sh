#!/usr/bin/env bash
# The R package's source tarball and the Python core's wheel.
#
# usage: scripts/build.sh FOLDER
set -eo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
folder=$(cd "$1" && pwd)
scripts/tarball.sh "$folder"
# From a copy: setuptools leaves its build folder beside what it builds.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R python "$copy/python"
"${PYTHON:-python3}" -m pip wheel --quiet --no-deps --wheel-dir "$folder" "$copy/python"
