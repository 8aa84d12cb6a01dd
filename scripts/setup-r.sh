# shellcheck shell=bash disable=SC2046,SC2086
# (SC2046, SC2086: names of packages are single words, and lists of them are split on purpose.)
# R and the R packages: the distribution's binaries first, then CRAN. Sourced by setup.sh.

R_MINIMUM=$(sed -n 's/^Depends: R (>= \(.*\))$/\1/p' "$ROOT/DESCRIPTION")

# What a missing optional package takes away; DESCRIPTION's Suggests and Config/Needs/* are optional.
r_package_adds() {
    case "$1" in
        ggplot2) echo "the demo's plot and data set" ;;
        ranger) echo "the demo's random forests" ;;
        codetools) echo "a test of what the runtime's files call" ;;
        lintr) echo "the lint of the R code in 'make lint' and 'make test'" ;;
        roxygen2) echo "the check of man/ and NAMESPACE in 'make lint', and scripts/document.sh" ;;
        testthat | withr | callr) echo "the R tests" ;;
        foreach | iterators) echo "registerDoRay()" ;;
        future) echo "plan(ray)" ;;
        mirai | crew | carrier) echo "the tests of ray_daemons() and crew_controller_ray()" ;;
        furrr) echo "a comparison in 'make bench'" ;;
        *) echo "the tests and examples that use it" ;;
    esac
}

r_version() { { R --version 2>/dev/null || true; } | sed -n '1s/^R version \([0-9.]*\).*/\1/p'; }

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Where the distribution's own R is used, its r-cran-* binaries fit; elsewhere (R from source, conda, rig) they do not.
r_is_from_apt() { has_apt && dpkg -S "$(readlink -f "$(command -v R)")" >/dev/null 2>&1; }

install_r() {
    if ! command -v R >/dev/null; then
        has_apt || fail "R is not installed (needed: R >= $R_MINIMUM)" \
            "macOS: install it from the R project's download page, or 'brew install r'." \
            "Fedora: sudo dnf install R-core R-core-devel" \
            "conda: conda install -c conda-forge r-base" \
            "Then run this again."
        has_candidate r-base-core || apt_update_once
        has_candidate r-base-core || fail "this distribution offers no R (package r-base-core)" \
            "On Ubuntu, switch the component 'universe' on: sudo add-apt-repository universe"
        apt_install "R from the distribution" r-base-core r-base-dev
    fi
    R_VERSION=$(r_version)
    version_at_least "$R_VERSION" "$R_MINIMUM" ||
        fail "R $R_VERSION is too old (needed: R >= $R_MINIMUM)" \
            "$(command -v R) is the one found first on PATH." \
            "The R project's download page has current builds for Debian, Ubuntu, Fedora and macOS."
}

words() { printf '%s' "$*"; }

missing_r_packages() {
    [ $# -eq 0 ] || Rscript --vanilla -e \
        'for (p in commandArgs(TRUE)) if (!nzchar(system.file(package = p))) cat(p, "\n", sep = "")' "$@"
}

# The mirror that R is configured for, or the first of R's own list of mirrors.
install_from_cran() {
    Rscript --vanilla -e 'packages <- commandArgs(TRUE); lib <- packages[1]; packages <- packages[-1]
        options(timeout = 300)
        if (identical(getOption("repos")[["CRAN"]], "@CRAN@"))
            chooseCRANmirror(graphics = FALSE, ind = 1, local.only = TRUE)
        known <- rownames(available.packages(filters = c("R_version", "duplicates")))
        if (!length(known)) stop("CRAN (", getOption("repos")[["CRAN"]], ") cannot be reached")
        install.packages(intersect(packages, known), lib = lib, Ncpus = 2)' "$RLIB" "$@"
}

# One word a package; what is in $1 must be there at the end, what is in $2 may be missing.
install_r_packages() {
    local required=$1 optional=$2 missing package debs=()
    missing=$(missing_r_packages $required $optional)
    if [ -n "$missing" ] && r_is_from_apt; then
        has_candidate r-cran-rlang || apt_update_once
        for package in $missing; do
            package=r-cran-$(printf '%s' "$package" | tr '[:upper:]' '[:lower:]')
            if has_candidate "$package"; then debs+=("$package"); fi
        done
        [ ${#debs[@]} -eq 0 ] || apt_install "R packages from the distribution" "${debs[@]}"
        missing=$(missing_r_packages $missing)
    fi
    if [ -n "$missing" ]; then
        say "  from CRAN, since the distribution lacks them: $(words $missing)"
        install_from_cran $missing >"$LOGS/cran.log" 2>&1 </dev/null || true
    fi
    missing=$(missing_r_packages $required)
    [ -z "$missing" ] || fail "R packages are missing: $(words $missing)" \
        "Neither the distribution nor CRAN gave them (log: $LOGS/cran.log)." \
        "In R: install.packages(c($(printf '"%s", ' $missing | sed 's/, $//')))"
    for package in $(missing_r_packages $optional); do
        note_optional r "R package $package: $(r_package_adds "$package")"
    done
}

# rpy2's extension module is linked with everything that R itself was linked with.
install_r_headers() {
    local missing=() flag
    if ! command -v cc >/dev/null || [ -z "$(R CMD config --ldflags 2>/dev/null)" ]; then
        r_is_from_apt || fail "a C compiler or R's development files are missing" \
            "macOS: xcode-select --install" \
            "Fedora: sudo dnf install gcc R-core-devel" \
            "conda: conda install -c conda-forge c-compiler r-base"
        apt_install "R's development files" r-base-dev
    fi
    for flag in $(R CMD config --ldflags); do
        case $flag in -l*) ;; *) continue ;; esac
        [ "$flag" = -lR ] && continue
        echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null "$flag" 2>/dev/null ||
            missing+=("${flag#-l}")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    r_is_from_apt || fail "libraries that R is linked with lack their development files: ${missing[*]}" \
        "Install the development packages of these libraries, then run this again."
    apt_install "libraries that R is linked with" $(library_packages "${missing[@]}")
}

library_packages() {
    for library in "$@"; do
        case $library in
            z) echo zlib1g-dev ;;
            bz2) echo libbz2-dev ;;
            pcre2-8) echo libpcre2-dev ;;
            icu*) echo libicu-dev ;;
            blas | lapack | tirpc | deflate | zstd | lzma | readline) echo "lib$library-dev" ;;
            tinfo | ncurses*) echo libncurses-dev ;;
            gomp) echo gcc ;;
            *) echo "lib$library-dev" ;;
        esac
    done | sort -u
}

r_inputs() {
    text_hash "$(for field in Imports Suggests Config/Needs/check Config/Needs/bench; do
        description_field $field
    done)" "$(command -v R)" "$(r_version)" "$(cat /etc/os-release 2>/dev/null)"
}

setup_r() { # LEVEL
    local level=$1 inputs optional
    inputs=$(r_inputs)
    R_VERSION=$(r_version)
    if [ -n "$R_VERSION" ] && stamped r "$level" "$inputs"; then return 0; fi
    install_r
    optional=$(description_field Suggests)
    if [ "$level" = run ]; then
        # They bring pandoc, of 190 MB, for the vignettes.
        optional=$(printf '%s\n' $optional | grep -vxE 'knitr|rmarkdown')
    else
        optional="$optional $(description_field Config/Needs/check) $(description_field Config/Needs/bench)"
    fi
    rm -f "$STATE/missing-r"
    install_r_packages "$(description_field Imports)" "$optional"
    install_r_headers
    # Computed again: R itself may have been installed just now.
    stamp r "$level" "$(r_inputs)"
}
