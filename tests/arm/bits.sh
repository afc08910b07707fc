#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Inference on another machine: builds what it consists of for this one and for 64-bit ARM, runs the
# latter in an emulator, and compares what both answer bit by bit (bits.c).
#
#   sh tests/arm/bits.sh [FOLDER]
#
# CC, ARM_CC and ARM_RUN say with what; FOLDER keeps the programs. Exits with 77, "skipped", where the
# cross compiler or the emulator is missing. Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross,
# qemu-user-static.
set -eu

cc=${CC:-cc}
arm_cc=${ARM_CC:-aarch64-linux-gnu-gcc}
arm_run=${ARM_RUN:-qemu-aarch64-static}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)

for tool in "${arm_cc%% *}" "${arm_run%% *}"; do
    command -v "$tool" >/dev/null 2>&1 || {
        echo "no $tool here: skipped"
        exit 77
    }
done

if [ $# -gt 0 ]; then
    folder=$1
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi

# Networks are told as tables: neither JSON nor GSL is needed.
sources="$root/tests/arm/bits.c"
for name in context cpu heap map memory random status sums text; do sources="$sources $root/lib/base/$name.c"; done
for name in batch batch_groups batch_job batch_memos compile elimination factor inference information joint joint_run kernels network \
    path posterior posterior_compile posterior_evidence posterior_kept posterior_up propagate pruned relevance sliced wide; do sources="$sources $root/lib/bayes/$name.c"; done

build() {
    # shellcheck disable=SC2086 # several words
    $1 -std=c11 -O3 -Wall -Wextra -ffp-contract=off -I"$root/include" -I"$root/lib" $sources -o "$2" -lm
}

build "$cc" "$folder/bits-here"
build "$arm_cc -static" "$folder/bits-arm"
"$folder/bits-here" >"$folder/here"
$arm_run "$folder/bits-arm" >"$folder/arm"
sed 's/^/here  /' "$folder/here"
sed 's/^/arm64 /' "$folder/arm"

if [ "$(awk '{ print $2, $3 }' "$folder/here" "$folder/arm" | sort -u | wc -l)" -ne 1 ]; then
    echo "the answers differ"
    exit 1
fi
