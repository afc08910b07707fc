#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing, then builds and tests the library in several ways:
#
#   build-test   warnings are errors; every suite, Python and Go included
#   build-asan   address and undefined behaviour sanitizers (they make gcc warn of what is not there)
#   build-tsan   thread sanitizer, over what is shared between threads
#   build-clang  the other compiler, where it is there
#
#   sh tests/run.sh [SETUP...]     all of them, or those named (test asan tsan clang)
#
# LLMSCHED_DATA names a folder of reference data; tests that want it are skipped
# without it. The last line is "N passed, N failed"; it exits 1 unless all passed.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
if [ -z "${LLMSCHED_DATA:-}" ] && [ -d ../shared/data ]; then LLMSCHED_DATA=$(CDPATH='' cd ../shared/data && pwd); fi # LLMSCHED_DATA
[ -z "${LLMSCHED_DATA:-}" ] || export LLMSCHED_DATA

sh examples/install-deps.sh test

results= # the test logs of every setup that was built
broken=0 # setups that could not be built

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# quietly COMMAND...: shows what it prints only if it fails, without ninja's progress.
quietly() {
    "$@" >"$log" 2>&1 || {
        grep -v '^\[[0-9]*/[0-9]*\]' "$log" || true
        return 1
    }
}

# Sanitizers of older compilers cannot live with the address layouts of newer kernels.
if setarch "$(uname -m)" -R true 2>/dev/null; then
    fixed_layout="setarch $(uname -m) -R"
else
    fixed_layout=
fi

configure() {
    build=$1
    shift
    if [ -f "$build/build.ninja" ] && quietly meson configure "$build" "$@"; then
        return 0
    fi
    rm -rf "$build"
    quietly meson setup "$build" "$@"
}

# setup NAME TARGETS WRAPPER TEST_OPTIONS MESON_OPTIONS...: configures, builds, tests. No TARGETS: all.
setup() {
    build=build-$1
    targets=$2
    wrapper=$3
    test_options=$4
    shift 4
    echo
    echo "== $build: meson setup $*"
    rm -f "$build/meson-logs/testlog.json"
    # shellcheck disable=SC2086 # several words, here and below
    if ! configure "$build" "$@" || ! quietly ninja -C "$build" $targets; then
        echo "$build could not be built"
        broken=$((broken + 1))
        return
    fi
    # shellcheck disable=SC2086
    $wrapper meson test -C "$build" --no-rebuild --print-errorlogs $test_options || true
    results="$results $build/meson-logs/testlog.json"
}

run() {
    case $1 in
    test) setup test "" "" "" -Dbuildtype=release -Dwerror=true ;;
    asan)
        export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:allocator_may_return_null=1
        export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
        setup asan "" "$fixed_layout" "--timeout-multiplier 4" -Dbuildtype=debugoptimized \
            -Db_sanitize=address,undefined
        ;;
    tsan)
        export TSAN_OPTIONS=halt_on_error=1
        setup tsan tests/threads/test_threads "$fixed_layout" "--suite threads" -Dbuildtype=debugoptimized -Db_sanitize=thread
        ;;
    clang)
        if command -v clang >/dev/null 2>&1; then
            export CC=clang
            setup clang "" "" "--suite unit --suite golden --suite abi" -Dbuildtype=release -Dwerror=true
            unset CC
        else
            echo
            echo "== no clang here: the second compiler is left out"
        fi
        ;;
    *)
        echo "run.sh: no setup $1; there are: test asan tsan clang" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] || set -- test asan tsan clang
for name in "$@"; do
    run "$name"
done

# shellcheck disable=SC2086 # several files
python3 tests/count.py "$broken" $results
