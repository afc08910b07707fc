#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the library, learns profiles from measured runs, and schedules a mixed
# workload under every policy: prints the table and writes a page with plots.
#
#   sh examples/demo.sh [--runs DIR] [--out DIR] [--jobs N] [--seeds N]
#
# --runs  folder of run files (examples/runs)
# --out   where the results go (demo-out)
# --jobs  jobs of each workload (600)
# --seeds workloads drawn (10)
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
runs=$root/examples/runs
out=demo-out
jobs=600
seeds=10

usage() {
    sed -n '4,13s/^# \{0,1\}//p' "$0"
}

while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
        usage
        exit 0
        ;;
    --runs | --out | --jobs | --seeds)
        if [ $# -lt 2 ]; then
            echo "demo: $1 needs a value" >&2
            exit 2
        fi
        case $1 in
        --runs) runs=$2 ;;
        --out) out=$2 ;;
        --jobs) jobs=$2 ;;
        --seeds) seeds=$2 ;;
        esac
        shift 2
        ;;
    *)
        echo "demo: unknown argument $1 (try --help)" >&2
        exit 2
        ;;
    esac
done
if [ ! -d "$runs" ]; then
    echo "demo: $runs is no folder; --runs takes a folder of run files (*.jsonl)" >&2
    exit 2
fi

sh "$root/examples/install-deps.sh" build

build=$root/build
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Building in $build"
{
    [ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dtests=false
    ninja -C "$build"
} >"$log" 2>&1 || {
    cat "$log" >&2
    exit 1
}

mkdir -p "$out"
"$build/examples/llmsched/llmsched" compare --train "$runs" --mix mixed --cluster small \
    --load 0.95 --policies all --jobs "$jobs" --seeds "$seeds" \
    -o "$out/table.json" --report "$out/report.html"
echo
echo "Plots: $out/report.html   table: $out/table.json"
