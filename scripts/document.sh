#!/usr/bin/env bash
# Write man/ and NAMESPACE from the roxygen comments, by the version of roxygen2 that DESCRIPTION names.
#
# usage: scripts/document.sh            write them
#        scripts/document.sh --check    change nothing; the exit status is 1 if they are not up to date
#
# roxygen2 runs in a copy: it loads the package, which would leave compiled objects in src/.
set -eo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/env.sh
. scripts/env.sh

wanted=$(sed -n 's/^RoxygenNote: //p' DESCRIPTION)
installed=$(Rscript --vanilla -e 'cat(if (nzchar(system.file(package = "roxygen2"))) format(packageVersion("roxygen2")))')
if [ "$installed" != "$wanted" ]; then
    reason="not installed"
    [ -z "$installed" ] || reason="$installed is installed, and DESCRIPTION names $wanted"
    if [ "${1-}" = --check ]; then
        echo "roxygen2: skipped ($reason)"
        exit 0
    fi
    echo "roxygen2 $wanted is needed: $reason" >&2
    exit 1
fi

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# The links in R/ become files, and nothing compiled comes along.
tar --dereference --exclude='*.o' --exclude='*.so' -c DESCRIPTION NAMESPACE R man src | tar -x -C "$copy"
(cd "$copy" && Rscript --vanilla -e 'roxygen2::roxygenise()') >"$copy/log" 2>&1 || {
    cat "$copy/log" >&2
    exit 1
}
# roxygen2 only warns of what it leaves out.
if grep -A2 '^Warning: \[' "$copy/log" >&2; then exit 1; fi

if [ "${1-}" = --check ]; then
    for part in DESCRIPTION NAMESPACE man; do
        diff -ru "$part" "$copy/$part" || stale=true
    done
    if [ -n "${stale-}" ]; then
        echo "man/ and NAMESPACE are not what roxygen2 makes: run scripts/document.sh" >&2
        exit 1
    fi
else
    cp "$copy/NAMESPACE" NAMESPACE
    rm -rf man
    cp -r "$copy/man" man
fi
