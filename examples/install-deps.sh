#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is needed to build libllmsched and is not there yet.
#
#   sh examples/install-deps.sh [build|test]
#
# build: compiler, Meson, GSL, cJSON and zlib. test: also CMocka, GLPK, a C++ compiler,
# clang, Python with PyYAML, and Go. Debian and Ubuntu only (apt), as root or through sudo; where
# nothing is missing it changes nothing and needs no network.
set -eu

missing=
asked=no # whether apt-get has run

need() { # package, command that succeeds when it is there
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

# As need, of what tests are skipped without: it is asked for once, and may stay away (a python3
# that is not Debian's sees no Debian modules).
want() {
    [ "$asked" = yes ] || need "$@"
}

# True when Meson is there and new enough for meson.build.
meson_is_recent() {
    version=$(meson --version 2>/dev/null) || return 1
    major=${version%%.*}
    rest=${version#*.}
    minor=${rest%%.*}
    [ "$major" -ge 1 ] || [ "$minor" -ge 61 ]
}

# A compiler without the C library's headers is of no use.
compiles() {
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        "$1" -x "$2" -fsyntax-only -
}

has_header() {
    printf '#include <%s>\n' "$1" | cc -x c -fsyntax-only -
}

find_missing() {
    missing=
    need gcc compiles cc c
    need libc6-dev compiles cc c
    need pkg-config pkg-config --version
    need ninja-build ninja --version
    need meson meson_is_recent
    need libgsl-dev pkg-config --exists gsl
    need libcjson-dev pkg-config --exists libcjson
    need zlib1g-dev pkg-config --exists zlib
    if [ "$1" = test ]; then
        need libcmocka-dev pkg-config --exists cmocka
        want libglpk-dev has_header glpk.h
        need g++ compiles c++ c++
        need clang clang --version
        need python3 python3 -c 'import ctypes, json, sys; assert sys.version_info >= (3, 9)'
        want python3-yaml python3 -c 'import yaml'
        need golang-go go version
    fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "install-deps: to install$missing run this as root, or install sudo" >&2
        exit 1
    fi
}

what=${1:-build}
case $what in
build | test) ;;
*)
    echo "usage: sh examples/install-deps.sh [build|test]" >&2
    exit 2
    ;;
esac

find_missing "$what"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-deps: no apt-get here. Install what these Debian packages hold, then run again:$missing" >&2
    exit 1
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
# shellcheck disable=SC2086 # one word a package
as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null

asked=yes
find_missing "$what"
if [ -n "$missing" ]; then
    echo "install-deps: still missing or too old after apt-get:$missing" >&2
    exit 1
fi
