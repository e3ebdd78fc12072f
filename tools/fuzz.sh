#!/usr/bin/env bash
# Runs fuzz targets (test/fuzz) for some time, beginning with their corpus; `make fuzz` builds first.
#
# usage: fuzz.sh SECONDS [TARGET...]      (no TARGET: each in turn)
#
# What is found new stays in $BUILD/fuzz/corpus/TARGET, so that the next run begins there. An input that fails is
# written to $BUILD/fuzz/found/: mend the program, and add it to test/fuzz/corpus/TARGET with a telling name.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz.sh SECONDS [TARGET...]}
shift
tree=${BUILD:-build}/fuzz
[ $# -gt 0 ] || set -- $(sed -n 's/^FUZZ(\([a-z_]*\))$/\1/p' test/fuzz/fuzz_*.c)
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
mkdir -p "$tree/found"
for target in "$@"; do
    mkdir -p "$tree/corpus/$target"
    echo "==> $target"
    FUZZ_TARGET=$target "$tree/fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$tree/found/$target-" "$tree/corpus/$target" \
        "test/fuzz/corpus/$target" 2>&1 | grep -v '^INFO\|^#\|^"\|^stat::\(slowest\|average\|new_units\)' || exit 1
done
