#!/usr/bin/env bash
# Run a command of the project inside a fresh root of a Debian or Ubuntu suite, made by debootstrap.
#
# usage: scripts/root.sh SUITE COMMAND...      e.g. scripts/root.sh sid scripts/test.sh core
#
# The root stays in ~/.cache/gangway/roots/SUITE (GANGWAY_ROOTS names another folder), so that the next call is
# quick; not in the project, where R CMD build would copy it, devices and all. It is
# brought up to date when it is older than a week, and made anew with FRESH=1. Inside, /root/gangway is a
# copy of the files that git knows or would add. The set-up is the same as everywhere: scripts/setup.sh.
# With BARE=1 nothing is set up, in a root of its own (SUITE-bare): to try the installation as a user does it.
# Mounts and processes live in namespaces of their own and are gone when the command ends.
set -eo pipefail
cd "$(dirname "$0")/.." || exit 1

suite=${1:?usage: scripts/root.sh SUITE COMMAND...}
shift
roots=${GANGWAY_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/gangway/roots}
root=$roots/$suite${BARE:+-bare}

missing=()
[ "$(id -u)" -eq 0 ] || missing+=("root rights (run it with sudo)")
for tool in debootstrap unshare chroot; do
    command -v $tool >/dev/null || missing+=("the command $tool (apt-get install $tool)")
done
if [ ${#missing[@]} -gt 0 ]; then
    printf 'a %s root needs:\n' "$suite" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
fi

make_root() {
    echo "== $suite root by debootstrap into $root"
    rm -rf "$root" && mkdir -p "$roots"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${MIRROR:+"$MIRROR"} \
        >"$roots/$suite.log" 2>&1 || {
        tail -n 20 "$roots/$suite.log" >&2
        exit 1
    }
}

# What lets this machine reach its registries must let the root reach them: names, certificates, proxies, pip's settings.
copy_network_settings() {
    local file
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    cp -r /etc/apt/auth.conf.d "$root/etc/apt/" 2>/dev/null || true
    for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        if grep -qs '^ *Acquire' "$file"; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi
    done
    mkdir -p "$root/usr/local/share/ca-certificates" "$root/root/.config/pip" "$root/root/.pip"
    find /usr/local/share/ca-certificates -name '*.crt' \
        -exec cp {} "$root/usr/local/share/ca-certificates/" \; 2>/dev/null || true
    if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/"; fi
    for file in .config/pip/pip.conf .pip/pip.conf; do
        if [ -f ~/$file ]; then cp ~/$file "$root/root/$file"; fi
    done
}

copy_project() {
    local inside=$root/root/gangway
    mkdir -p "$inside"
    # All but what the set-up put there the last time.
    find "$inside" -mindepth 1 -maxdepth 1 ! -name .venv ! -name .rlib ! -name .setup -exec rm -rf {} +
    git ls-files --cached --others --exclude-standard -z |
        tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract -C "$inside"
}

# The caller's proxies, certificates and pip settings; nothing else of its environment.
passed=(HOME=/root TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    DEBIAN_FRONTEND=noninteractive)
for name in CI NEWEST PYTHON http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR \
    REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
    if [ -n "${!name-}" ]; then passed+=("$name=${!name}"); fi
done
while IFS= read -r name; do
    if [ "$name" != PIP_FIND_LINKS ]; then passed+=("$name=${!name}"); fi
done < <(compgen -e | grep '^PIP_' || true)

# Runs inside the new namespaces: the kernel's file systems, then the command in the root.
inside() {
    local root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    chroot "$root" /usr/bin/env -i "$@"
}
in_root() {
    # A session of its own: one from outside the namespace would have the number 0 in it, whoever's it is.
    unshare --mount --propagation private --pid --fork --kill-child \
        setsid bash -c "$(declare -f inside); inside \"\$@\"" inside "$root" "${passed[@]}" "$@"
}

[ -z "${FRESH-}" ] || rm -rf "$root"
[ -x "$root/usr/bin/apt-get" ] || make_root
copy_network_settings
if [ -z "$(find "$root/root/.up-to-date" -mtime -7 2>/dev/null)" ]; then
    echo "== $suite root brought up to date"
    in_root bash -ec 'update-ca-certificates >/dev/null 2>&1 || true
        apt-get -q update
        apt-get -q -y dist-upgrade
        apt-get -q -y install --no-install-recommends ca-certificates git make python3
        update-ca-certificates
        touch /root/.up-to-date' >"$roots/$suite-update.log" 2>&1 || {
        tail -n 20 "$roots/$suite-update.log" >&2
        exit 1
    }
fi
copy_project
echo "== in the $suite root: $*"
if [ -n "${BARE-}" ]; then set_up=:; else set_up="scripts/setup.sh dev"; fi
in_root bash -ec "cd /root/gangway && $set_up && exec \"\$@\"" command "$@"
