#!/usr/bin/env bash
# A root file system that stands in for rocker/r-ver where Docker Hub is not reachable: Debian trixie with R 4.5.0, by debootstrap.
#
# usage: base.sh FOLDER        FOLDER/base becomes the root, unless it is there already
#
# What lets this machine reach its registries (names, certificates, pip's settings) goes into this root, and so
# stays out of the project's Dockerfile. Python and its venv are there for the stand-in of conda (conda.sh) only.
set -eo pipefail
folder=${1:?usage: base.sh FOLDER}
root=$folder/base
[ -e "$root/.complete" ] && exit 0

rm -rf "$root" && mkdir -p "$folder"
debootstrap --variant=minbase --include=ca-certificates trixie "$root" ${MIRROR:+"$MIRROR"}

cp /etc/resolv.conf /etc/hosts "$root/etc/"
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
    if grep -qs '^ *Acquire' "$file"; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi
done
mkdir -p "$root/usr/local/share/ca-certificates"
find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \; 2>/dev/null || true
if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/"; fi
for file in .config/pip/pip.conf .pip/pip.conf; do
    if [ -f ~/$file ]; then mkdir -p "$root/root/$(dirname $file)" && cp ~/$file "$root/root/$file"; fi
done

# As in rocker's image: R with its compilers, a UTF-8 locale, curl's certificates; nothing of what R was built with.
# shellcheck disable=SC2016  # the inner shell expands it
unshare --mount --propagation private --pid --fork --kill-child bash -ec '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive bash -ec "
        update-ca-certificates
        apt-get -q update
        apt-get -q -y install --no-install-recommends r-base-core g++ gfortran make curl locales tzdata \
            python3-venv python3-dev
        echo en_US.UTF-8 UTF-8 >/etc/locale.gen
        locale-gen
        apt-get clean
        rm -rf /var/lib/apt/lists/*"' base "$root"
touch "$root/.complete"
