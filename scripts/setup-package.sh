# shellcheck shell=bash
# The R package gangway into the project's own library .rlib. Sourced by setup.sh.

install_package() {
    R CMD INSTALL --preclean --clean --no-docs --no-test-load --library="$RLIB" "$ROOT"
}

setup_package() {
    local inputs
    # inst/ holds the Python core, by a link.
    inputs=$(text_hash "$R_VERSION" "$(hash_of R src inst DESCRIPTION NAMESPACE .Rinstignore)")
    if [ -d "$RLIB/gangway" ] && stamped package run "$inputs"; then return 0; fi
    step "R package gangway into .rlib" "R's own message above says which file is at fault." install_package
    stamp package run "$inputs"
}
