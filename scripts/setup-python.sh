# shellcheck shell=bash disable=SC2046
# The virtual environment .venv with all that the Python core needs. Sourced by setup.sh.
#
# The core itself is not installed into it: R's `run()` puts the copy that the R package carries on
# PYTHONPATH, as it does for a user who has only the R package, and Metaflow refuses to start when it
# finds an extension twice. pytest gets python/ on its path (docs/setup.md).

PYTHON_MINIMUM=$(sed -n 's/^requires-python = ">=\(.*\)"$/\1/p' "$ROOT/python/pyproject.toml")
TORCH_INDEX=https://download.pytorch.org/whl/cpu

# What keeps this Python from being used, one line; nothing if it is fit.
python_lacks() {
    command -v "$1" >/dev/null || { echo "not found"; return; }
    "$1" - "$PYTHON_MINIMUM" 2>/dev/null <<'PY' || echo "does not start"
import os, sys, sysconfig
if sys.version_info < tuple(map(int, sys.argv[1].split("."))):
    print("Python %d.%d is older than %s" % (sys.version_info[:2] + (sys.argv[1],)))
    sys.exit()
try:
    import ensurepip, venv
except ImportError:
    print("has no venv and ensurepip")
get = sysconfig.get_config_var
library = os.path.join(get("LIBDIR") or "", get("LDLIBRARY") or "")
if not (get("Py_ENABLE_SHARED") or get("PYTHONFRAMEWORK") or library.endswith((".so", ".dylib"))):
    print("was built without its shared library, which R's package reticulate needs")
if not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")):
    print("has no Python.h (its development files)")
PY
}

# Sets BASE_PYTHON: the one asked for with PYTHON=, the first fit one on PATH, or the distribution's.
choose_python() {
    local candidate lacks seen=""
    for candidate in ${PYTHON:-python3 $(printf 'python3.%s ' $(seq 14 -1 "${PYTHON_MINIMUM#3.}")) /usr/bin/python3}; do
        lacks=$(python_lacks "$candidate" | paste -s -d , -)
        if [ -z "$lacks" ]; then
            BASE_PYTHON=$(command -v "$candidate")
            return 0
        fi
        [ "$lacks" = "not found" ] || seen="$seen$candidate $lacks; "
    done
    [ -z "${PYTHON-}" ] || fail "PYTHON=$PYTHON cannot be used: $lacks" \
        "Needed: Python >= $PYTHON_MINIMUM with venv, its shared library and its development files."
    if has_apt; then
        has_candidate python3-venv || apt_update_once
        apt_install "Python's venv and development files" python3 python3-venv python3-dev
        BASE_PYTHON=/usr/bin/python3
        lacks=$(python_lacks $BASE_PYTHON | paste -s -d , -)
        [ -z "$lacks" ] && return 0
        seen="$seen$BASE_PYTHON $lacks; "
    fi
    fail "no Python >= $PYTHON_MINIMUM that can be used (${seen:-none was found})" \
        "macOS: brew install python@3.13" \
        "Fedora: sudo dnf install python3-devel" \
        "conda: conda install -c conda-forge python=3.13" \
        "pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install 3.13" \
        "Then run this again, with PYTHON=/path/to/python3 if it is not the first on PATH."
}

# What this R and its reticulate allow (tool.gangway.constraints in python/pyproject.toml).
constraints() {
    local reticulate
    reticulate=$(Rscript --vanilla -e 'cat(as.character(packageVersion("reticulate")))')
    "$VENV/bin/python" "$ROOT/scripts/requirements.py" --constraints "R=$R_VERSION" "reticulate=$reticulate"
}

make_venv() {
    rm -rf "$VENV"
    "$BASE_PYTHON" -m venv "$VENV"
}

pip_install() { "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input -q "$@"; }

# A wheel from pip's cache may have been built against another R, or without R (ABI mode, far slower).
install_rinterface() {
    RPY2_CFFI_MODE=API pip_install --no-cache-dir --force-reinstall --no-deps \
        --no-binary rpy2-rinterface "$(requirement_of rpy2-rinterface)" -c "$STATE/constraints.txt"
    "$VENV/bin/python" -c 'import _rinterface_cffi_api
import rpy2.rinterface as rinterface
rinterface.initr()
print(rinterface.evalr("R.version.string")[0])'
}

requirements() { # EXTRA_OR_GROUP...: a file that lists what python/pyproject.toml wants for them
    local file=$STATE/requirements-$1.txt
    "$VENV/bin/python" "$ROOT/scripts/requirements.py" ${NEWEST:+"--newest=$NEWEST"} "$@" >"$file" || return
    printf '%s' "$file"
}

requirement_of() { grep "^$1[^a-z]" "$(requirements r)"; } # a package of the extra r

# What the examples with Ray Train and Ray Tune need, which the tests run: about 100 MB, in wheels or not at all.
install_example_libraries() {
    pip_install --only-binary :all: -r "$(requirements examples)" -c "$STATE/constraints.txt"
}

# 200 MB. For Linux, PyPI has PyTorch only with several GB of CUDA.
install_torch() {
    local file
    file=$(requirements torch)
    grep '^torch' "$file" >"$STATE/torch-alone.txt"
    pip_install --no-deps --only-binary :all: --retries 1 --extra-index-url "$TORCH_INDEX" -r "$STATE/torch-alone.txt" &&
        pip_install --only-binary :all: -r "$file" -c "$STATE/constraints.txt"
}

# DeepSpeed has no wheels, and its build looks for PyTorch; its extensions are built when they are used.
install_frameworks() {
    pip_install "setuptools>=70.1,<81" # which makes wheels by itself
    DS_BUILD_OPS=0 pip_install --no-build-isolation -r "$(requirements frameworks torch)" -c "$STATE/constraints.txt"
}

setup_frameworks() {
    local inputs
    inputs=$(python_inputs)
    if stamped frameworks dev "$inputs"; then return 0; fi
    step "DeepSpeed, TensorFlow, transformers" "They need PyTorch without CUDA: is $TORCH_INDEX reachable?" \
        install_frameworks
    stamp frameworks dev "$inputs"
}

python_inputs() {
    text_hash "$R_VERSION ${PYTHON-} ${NEWEST-}" \
        "$(hash_of python/pyproject.toml scripts/setup-python.sh scripts/requirements.py)"
}

setup_python() { # LEVEL
    local level=$1 inputs wanted built groups=(ray reticulate)
    inputs=$(python_inputs)
    if [ -x "$VENV/bin/python" ] && stamped python "$level" "$inputs"; then return 0; fi
    [ "$level" = run ] || groups+=(dev aws)
    choose_python
    if ! [ -x "$VENV/bin/python" ] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1 ||
        [ "$(cat "$STATE/base-python" 2>/dev/null)" != "$("$BASE_PYTHON" -VV) $BASE_PYTHON" ]; then
        rm -f "$STATE"/python-* "$STATE"/rinterface-* "$STATE"/frameworks-*
        step "virtual environment .venv ($("$BASE_PYTHON" --version))" \
            "Is there room on the disk, and may this user write here?" make_venv
        printf '%s\n' "$("$BASE_PYTHON" -VV) $BASE_PYTHON" >"$STATE/base-python"
    fi
    constraints >"$STATE/constraints.txt"
    wanted=$(requirements "${groups[@]}")
    step "Python packages: Metaflow, Ray${groups[2]:+, tools for the tests}" \
        "If Ray is what is not found, it has no build for this Python yet: choose another with PYTHON=python3.13." \
        pip_install ${NEWEST:+--upgrade} -r "$wanted" -c "$STATE/constraints.txt" cffi
    rm -f "$STATE/missing-python"
    pip_install --only-binary isal "$(requirement_of isal | cut -d\; -f1)" >"$LOGS/isal.log" 2>&1 ||
        note_optional python "Python package isal: packing artifacts ten times as fast as with Python's gzip"
    if [ "$level" != run ]; then
        optional_step python "Ray Train, Ray Tune, XGBoost" \
            "Python packages of the examples (Ray Train, Ray Tune, XGBoost): their tests are skipped" install_example_libraries
        optional_step python "PyTorch without CUDA" \
            "PyTorch without CUDA ($TORCH_INDEX): the tests of @torchrun's ranks are skipped" install_torch
    fi
    built=$(text_hash "$R_VERSION" "$(command -v R)" "$(requirement_of rpy2-rinterface)")
    if ! stamped rinterface run "$built"; then
        step "rpy2-rinterface, built for R $R_VERSION" \
            "It must be built in API mode, with R's development files (on Debian and Ubuntu: r-base-dev)." \
            install_rinterface
        stamp rinterface run "$built"
    fi
    stamp python "$level" "$inputs"
}
