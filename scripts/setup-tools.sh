# shellcheck shell=bash
# Tools that only `make lint` uses. Sourced by setup.sh.

setup_tools() {
    rm -f "$STATE/missing-tools"
    command -v shellcheck >/dev/null && return 0
    if has_apt && has_candidate shellcheck && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }; then
        apt_install "shellcheck" shellcheck
    else
        note_optional tools "shellcheck: the lint of scripts/*.sh in 'make lint' and 'make test'"
    fi
}
