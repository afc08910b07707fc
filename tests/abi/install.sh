#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs into an empty folder and builds an example against what is there,
# by pkg-config alone: install.sh MESON BUILD_DIR SOURCE_DIR COMPILER...
set -eu

meson=$1
build=$2
source=$3
shift 3

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

$meson install -C "$build" --no-rebuild --quiet --destdir "$stage"
for file in libllmsched.so llmsched.pc llmsched.h; do
    if [ -z "$(find "$stage" -name "$file")" ]; then
        echo "$file was not installed"
        exit 1
    fi
done
if [ -n "$(find "$stage" -path '*include*' -name '*internal*')" ]; then
    echo "a private header was installed"
    exit 1
fi

pc=$(dirname "$(find "$stage" -name llmsched.pc)")
libdir=$(dirname "$(find "$stage" -name libllmsched.so)")
export PKG_CONFIG_PATH="$pc" PKG_CONFIG_SYSROOT_DIR="$stage"
# shellcheck disable=SC2046 # several flags
"$@" -std=c11 -Wall -Wextra -Werror "$source/examples/quickstart.c" -o "$stage/quickstart" \
    $(pkg-config --cflags --libs llmsched)
LD_LIBRARY_PATH="$libdir" "$stage/quickstart" >"$stage/printed"
diff "$source/examples/quickstart.expected" "$stage/printed"
