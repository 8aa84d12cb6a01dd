#!/usr/bin/env bash
# Set up all that the project needs, in the project folder where that can be.
#
# usage: scripts/setup.sh [run|dev|frameworks|image]
#
#   run          the demo and flows
#   dev          also tests, lint, benchmarks
#   frameworks   also DeepSpeed and TensorFlow, for `make test-all`
#   image        also what `make test-image` builds the image with
#
# Each part is skipped while its inputs are what they were (stamps in .setup), so that a second call
# takes no time. docs/setup.md says what is put where, and why.
set -eo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/setup-r.sh
. scripts/setup-r.sh
# shellcheck source=scripts/setup-python.sh
. scripts/setup-python.sh
# shellcheck source=scripts/setup-package.sh
. scripts/setup-package.sh
# shellcheck source=scripts/setup-tools.sh
. scripts/setup-tools.sh

level=${1:-run} more=
case $level in frameworks | image) more=$level level=dev ;; esac
mkdir -p "$RLIB"
setup_r "$level"
setup_python "$level"
setup_package
[ "$level" = run ] || setup_tools
case $more in
    frameworks) setup_frameworks ;;
    image) setup_image_tools ;;
esac

[ -n "$SETUP_DID" ] || exit 0
say "  set up in $SECONDS s"
if compgen -G "$STATE/missing-*" >/dev/null; then
    say "  optional, and not here:"
    sort -u "$STATE"/missing-* | sed 's/^/    /'
fi
