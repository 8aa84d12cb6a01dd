#!/usr/bin/env bash
# shellcheck shell=bash
# The environment that all of the project's commands run in. Sourced; as a command
# (scripts/env.sh COMMAND...) it runs the command in it.

GANGWAY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ":${R_LIBS-}:" in
    *":$GANGWAY_ROOT/.rlib:"*) ;;
    *) export R_LIBS="$GANGWAY_ROOT/.rlib${R_LIBS:+:$R_LIBS}" ;;
esac
export GANGWAY_PYTHON="$GANGWAY_ROOT/.venv/bin/python"
# Whatever the shell carries over from another project would win over what is set up here.
unset PYTHONHOME VIRTUAL_ENV

# Without a UTF-8 locale (a bare container) R garbles every non-ASCII string.
case "${LC_ALL:-${LC_CTYPE:-${LANG:-C}}}" in
    C | POSIX) unset LC_ALL; export LC_CTYPE=C.UTF-8 ;;
esac

# Metaflow refuses to run as root or without a user's name.
if [ -z "${METAFLOW_USER-}" ]; then
    case "${SUDO_USER:-${USERNAME:-${USER:-root}}}" in
        root) export METAFLOW_USER=gangway ;;
    esac
fi

if [ "${BASH_SOURCE[0]}" = "$0" ]; then exec "$@"; fi
