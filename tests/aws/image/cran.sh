#!/usr/bin/env bash
# A CRAN of binary packages, as Posit's is one: Debian's builds of the packages that a lock file names, for the base's R.
#
# usage: cran.sh ROOT FOLDER PACKAGE...      ROOT: the base's root; FOLDER/src/contrib gets PACKAGE_VERSION.tar.gz
#
# Packages that Debian lacks are left out.
set -eo pipefail
root=$1 contrib=$2/src/contrib
shift 2
mkdir -p "$contrib"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

in_root() {
    # shellcheck disable=SC2016  # the inner shells expand it
    unshare --mount --propagation private --pid --fork --kill-child bash -ec '
        mount -t proc proc "$1/proc"
        mount --bind "$2" "$1/srv"
        shift 2
        exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root bash -ec "$1" cran "${@:2}"' \
        "$root" "$root" "$work" "$@"
}
# shellcheck disable=SC2016
in_root 'apt-get -q update >/dev/null
    for package in "$@"; do
        name=r-cran-$(printf %s "$package" | tr "[:upper:]" "[:lower:]")
        if [ -n "$(apt-cache policy "$name" 2>/dev/null | grep "Candidate: [^(]")" ]; then names="$names $name"; fi
    done
    cd /srv && apt-get -q -o APT::Sandbox::User=root download $names >/dev/null
    rm -rf /var/lib/apt/lists/*' "$@"
for deb in "$work"/*.deb; do dpkg-deb --extract "$deb" "$work/all"; done
for folder in "$work"/all/usr/lib/R/*/*/; do
    package=$(basename "$folder")
    version=$(sed -n 's/^Version: *//p' "$folder/DESCRIPTION")
    tar --create --gzip --file "$contrib/${package}_$version.tar.gz" -C "$(dirname "$folder")" "$package"
done
# shellcheck disable=SC2016
Rscript --vanilla -e 'tools::write_PACKAGES(commandArgs(TRUE), type = "source")' "$contrib"
