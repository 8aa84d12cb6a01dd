# shellcheck shell=bash disable=SC2034
# (SC2034: the variables are for the scripts that source this one.)
# What the set-up scripts share: progress lines, logs, stamps, root rights. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE=$ROOT/.setup
LOGS=$STATE/logs
VENV=$ROOT/.venv
RLIB=$ROOT/.rlib
mkdir -p "$LOGS"

# Every later command must see R packages and Python as the project's own commands do.
# shellcheck source=scripts/env.sh
. "$ROOT/scripts/env.sh"

say() { printf '%s\n' "$*"; }

# fail WHAT [WHAT TO DO ...]: one line each, then stop.
fail() {
    printf '\nset-up stopped: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

# Set by the first step that had something to do.
SETUP_DID=

# step LABEL ADVICE COMMAND...: runs the command with its output in a log, prints one line with the
# time it took; on failure the log's tail and the advice.
step() {
    local label=$1 advice=$2
    shift 2
    run_logged "$label" "$@" && return 0
    printf ' failed\n\n'
    tail -n 25 "$(log_of "$label")" >&2
    fail "$label" "$advice" "The whole log: $(log_of "$label")"
}

log_of() { printf '%s/%s.log' "$LOGS" "$(printf '%s' "$1" | tr -cs 'A-Za-z0-9.' '-')"; }

run_logged() { # LABEL COMMAND...
    local label=$1 began=$SECONDS
    shift
    SETUP_DID=1
    printf '  %-64s' "$label ..."
    "$@" >"$(log_of "$label")" 2>&1 </dev/null || return
    printf ' %4s s\n' "$((SECONDS - began))"
}

# optional_step PART LABEL TEXT COMMAND...: a step that may fail; the text is then listed at the end.
optional_step() {
    local part=$1 label=$2 text=$3
    shift 3
    run_logged "$label" "$@" && return 0
    printf ' not here\n'
    note_optional "$part" "$text"
}

# note_optional PART TEXT: something optional that is not there; listed at the end of every set-up.
note_optional() { printf '%s\n' "$2" >>"$STATE/missing-$1"; }

digest() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

# hash_of PATH...: one hash of the names and contents of all files below the paths (compiled files left out).
hash_of() {
    (
        cd "$ROOT" || exit 1
        find -L "$@" -type f ! -path '*__pycache__*' ! -name '*.pyc' -print0 2>/dev/null |
            LC_ALL=C sort -z | xargs -0 cat -- | digest
        find -L "$@" -type f ! -path '*__pycache__*' ! -name '*.pyc' 2>/dev/null | LC_ALL=C sort
    ) | digest | cut -c1-64
}

text_hash() { printf '%s' "$*" | digest | cut -c1-64; }

# The stamp of a part holds the hash of its inputs. "dev" includes all that "run" has.
stamped() { # PART LEVEL HASH
    [ "$(cat "$STATE/$1-dev" 2>/dev/null)" = "$3" ] ||
        [ "$(cat "$STATE/$1-$2" 2>/dev/null)" = "$3" ]
}
stamp() { printf '%s\n' "$3" >"$STATE/$1-$2"; }

# The packages that a field of DESCRIPTION names, one a line: the only list of them there is.
description_field() {
    awk -v f="$1:" 'index($0, f) == 1 {on = 1; print substr($0, length(f) + 1); next}
                    /^[^ \t]/ {on = 0} on' "$ROOT/DESCRIPTION" |
        tr ',' '\n' | sed -E 's/\(.*//; s/[[:space:]]//g' | grep -v -E '^(R)?$' || true
}

has_apt() { command -v apt-get >/dev/null && [ -d /var/lib/dpkg ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 77
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confold "$@"
}

# (No `grep -q` behind a pipe: it stops reading, and pipefail takes the writer's SIGPIPE for a failure.)
has_candidate() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '/^ *Candidate: [^(]/ {found = 1} END {exit !found}'
}

is_installed() { [[ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" == *"ok installed" ]]; }

# The package lists are fetched once a set-up, and only when a package is not in them or cannot be had.
apt_update_once() {
    [ -n "${APT_UPDATED-}" ] && return 0
    step "package lists of the distribution" \
        "Is this machine online, and are its apt sources right?" apt_get update
    APT_UPDATED=1
}

# apt_install LABEL PACKAGE...: what is not installed yet, with the package lists renewed when they are stale.
apt_install() {
    local label=$1 wanted=()
    shift
    for package in "$@"; do is_installed "$package" || wanted+=("$package"); done
    [ ${#wanted[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        fail "packages of the distribution are missing, and this is neither root nor is there sudo" \
            "As root: apt-get install --no-install-recommends ${wanted[*]}"
    fi
    if [ -z "${APT_UPDATED-}" ]; then
        # A download that is gone from the mirror means old lists; anything else fails again below, with its log.
        if apt_get install --no-install-recommends --download-only "${wanted[@]}" \
            >"$LOGS/download.log" 2>&1 </dev/null; then :; else apt_update_once; fi
    fi
    step "$label (${#wanted[@]})" \
        "Try by hand: apt-get install --no-install-recommends ${wanted[*]}" \
        apt_get install --no-install-recommends "${wanted[@]}"
}
