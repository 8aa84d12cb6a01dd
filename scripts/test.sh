#!/usr/bin/env bash
# All that CI checks: linters, R CMD check, pytest, testthat, and that nothing is left behind.
#
# usage: scripts/test.sh [all|core|quick]
#
#   core    only the files named in tests/core.txt, and no linters
#   quick   only what starts no process: pytest's marker `unit`, and the R files that name no starter of one
#
# Every stage runs, whatever failed before it; the last line sums the tests up, the exit status the stages.
set -o pipefail
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=scripts/env.sh
. scripts/env.sh

scope=${1:-all}
work=$PWD/.setup/test
rm -rf "$work" && mkdir -p "$work"
# All temporary files of the tests go into one folder of their own, short for the sake of Unix sockets,
# and all their processes carry one mark: what is there at the end was left behind.
TMPDIR=$(mktemp -d /tmp/gwt.XXXXXX)
CHECKS_MARK=$$.$(date +%s)
export TMPDIR CHECKS_MARK
export METAFLOW_HOME=$work/metaflow METAFLOW_DATASTORE_SYSROOT_LOCAL=$work/datastore
export PYTHONDONTWRITEBYTECODE=1
jobs_begun=()
end() {
    trap - EXIT
    for job in "${jobs_begun[@]}"; do kill "$job" 2>/dev/null; done
    # Interrupted: what the tests started goes with them.
    if [ "$1" -gt 128 ]; then "$GANGWAY_PYTHON" scripts/leftovers.py >/dev/null; fi
    rm -rf "$TMPDIR"
    exit "$1"
}
trap 'end $?' EXIT
trap 'end 130' INT
trap 'end 143' TERM

failed=()
stage() { # NAME COMMAND...
    local name=$1 began=$SECONDS status=0
    shift
    printf '\n== %s\n' "$name"
    "$@" || { status=$?; failed+=("$name"); }
    printf '== %s: %s (%s s)\n' "$name" "$([ $status -eq 0 ] && echo ok || echo FAILED)" $((SECONDS - began))
}

follow() { # JOB LOG: wait for a job in the background, and show what it has printed
    local status=0
    wait "$1" || status=$?
    cat "$2"
    return $status
}

core_files() { # tests/core.txt names the files, one a line
    sed 's/#.*//; s/[[:space:]]*$//' tests/core.txt | grep "^$1/" || true
}

run_pytest() { # NAME FOLDER-of-tests/ MARKERS
    local files=tests/$2 temporary=$TMPDIR/pytest-$1 status=0
    [ "$scope" != core ] || files=$(core_files "tests/$2")
    [ -n "$files" ] || { echo "no file of tests/$2 is named in tests/core.txt"; return 0; }
    # shellcheck disable=SC2086  # one word a file
    # Without GANGWAY_PYTHON: tests look at which variables of that kind a gang leaves set.
    env -u GANGWAY_PYTHON PYTHONPATH="$PWD/python" "$GANGWAY_PYTHON" -m pytest $files -q -rs --durations=5 -m "($3) and not faults and not image" \
        --timeout=600 -o tmp_path_retention_policy=none --basetemp="$temporary" --junit-xml="$work/pytest-$1.xml" || status=$?
    rm -rf "$temporary"
    if [ $status -eq 5 ]; then echo "pytest found no test"; return 0; fi
    return $status
}

run_gangs() { # here, then on an emulated AWS
    local status=0
    run_pytest cluster python cluster || status=$?
    run_pytest aws aws cloud || status=$?
    return $status
}

in_background() { # NAME COMMAND...: its output goes into a log, which `follow` shows; its job is in $job
    "${@:2}" >"$work/$1.log" 2>&1 &
    job=$!
    jobs_begun+=("$job")
}

# The files of testthat that this scope runs, in two lots that take about as long.
ray_files='tests/testthat/test-(ray|cases|examples)'
testthat_files() { # [-v]: those with Ray, or the others
    case $scope in
        all) ls tests/testthat/test-*.R ;;
        core) core_files tests/testthat ;;
        quick) scripts/quick.sh ;;
    esac | grep -E "$@" "$ray_files" || true
}

run_testthat() { # NAME [-v]
    # Snapshots hold the oldest versions' wording: elsewhere testthat skips them, as on CRAN.
    local files not_cran=true result=$work/testthat-$1.txt status=0
    [ "$scope" != core ] || not_cran=false
    files=$(testthat_files "${@:2}")
    [ -n "$files" ] || { echo "0 0 0" >"$result"; return 0; }
    # Ray's own words about workers that tests have killed are not shown; they may follow on testthat's dots.
    local words='(\x1b\[[0-9;]*m)*\(raylet\).*(A worker died|retries remaining).*'
    # shellcheck disable=SC2086
    NOT_CRAN=$not_cran Rscript --vanilla scripts/testthat.R "$result" $files |
        sed -u -E "/^$words/d; s/$words//" || status=$?
    rm -rf tests/testthat/testthat-problems.rds tests/testthat/_problems # copies of what was printed
    [ -e "$result" ] || { echo "R ended before all tests had run"; return 1; }
    return $status
}

results_of() { # STAGE: the files that name its failed tests
    case $1 in
        testthat) echo "$work/testthat-others.txt" ;;
        "testthat, Ray") echo "$work/testthat-ray.txt" ;;
        "pytest, unit and process") echo "$work/pytest-process.xml" ;;
        "pytest, cluster and emulated AWS") echo "$work/pytest-cluster.xml $work/pytest-aws.xml" ;;
        pytest) echo "$work/pytest-quick.xml" ;;
    esac
}

# Beside three other suites on two cores a test may wait longer than it allows. A few that have failed run once more, alone:
# those that pass then are named, and fail nothing. Any other failure stays one.
MOST_AGAIN=4
mended=
again() {
    local name files tests=() more
    for name in "${failed[@]}"; do
        files=$(results_of "$name")
        # shellcheck disable=SC2086  # one word a file
        mapfile -t more < <([ -z "$files" ] || "$GANGWAY_PYTHON" scripts/summary.py --failed $files | grep .)
        [ ${#more[@]} -gt 0 ] || return 0 # not for a test's sake
        tests+=("${more[@]}")
    done
    [ ${#tests[@]} -gt 0 ] && [ ${#tests[@]} -le $MOST_AGAIN ] || return 0
    printf '\n== once more, alone\n'
    for name in "${tests[@]}"; do
        local status=0
        case $name in
            *.py::*) scripts/env.sh env -u GANGWAY_PYTHON PYTHONPATH="$PWD/python" "$GANGWAY_PYTHON" -m pytest "$name" -q \
                --timeout=600 -o tmp_path_retention_policy=none --basetemp="$TMPDIR/pytest-again" || status=$? ;;
            *) NOT_CRAN=true Rscript --vanilla scripts/testthat.R "$work/again.txt" "$name" || status=$? ;;
        esac
        rm -rf "$TMPDIR/pytest-again"
        [ $status -eq 0 ] || return 0
    done
    failed=()
    mended=--mended
}

if [ "$scope" = all ]; then
    # R CMD check and the linters, each on one core, side by side.
    in_background check scripts/check.sh "$work"
    stage "linters" scripts/lint.sh
    stage "R CMD check" follow "$job" "$work/check.log"
    CHECKS_TARBALL=$(compgen -G "$work/gangway_*.tar.gz")
    export CHECKS_TARBALL
fi
# Side by side: all of them wait for tasks and clusters half of the time.
if [ "$scope" = quick ]; then
    in_background pytest run_pytest quick python unit
    stage "testthat" run_testthat others -v
    stage "pytest" follow "$job" "$work/pytest.log"
else
    in_background cluster run_gangs
    cluster=$job
    in_background process run_pytest process python "unit or process"
    process=$job
    in_background ray run_testthat ray
    ray=$job
    stage "testthat" run_testthat others -v
    stage "testthat, Ray" follow "$ray" "$work/ray.log"
    stage "pytest, unit and process" follow "$process" "$work/process.log"
    stage "pytest, cluster and emulated AWS" follow "$cluster" "$work/cluster.log"
fi
again
stage "nothing left behind" "$GANGWAY_PYTHON" scripts/leftovers.py

printf '\n'
for name in "${failed[@]}"; do printf 'failed stage: %s\n' "$name"; done
testthat=("$work/testthat-others.txt")
[ "$scope" = quick ] || testthat+=("$work/testthat-ray.txt")
# shellcheck disable=SC2086  # an option, or none
"$GANGWAY_PYTHON" scripts/summary.py $mended "${testthat[@]}" "$work"/pytest-*.xml
[ ${#failed[@]} -eq 0 ]
