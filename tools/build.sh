#!/usr/bin/env bash
# Sets up a build tree if need be and builds it.
#
# usage: build.sh release|check|clang|fuzz [--install PREFIX] [NINJA ARGUMENTS...]
#
#   release  gcc -O2, DuckDB linked in: what is shipped; also at $BUILD/tote
#   check    gcc, address and undefined behaviour sanitizers, coverage, fault injection: what the tests run
#   clang    compiles everything with clang and links nothing
#   fuzz     clang, libFuzzer and the sanitizers: only $BUILD/fuzz/fuzz, which tools/fuzz.sh runs
#
# BUILD (build) is the folder of the trees. Files that were added or taken away are noticed by themselves.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=${1:?usage: build.sh release|check|clang|fuzz [NINJA ARGUMENTS...]}
shift
build=${BUILD:-build}
dir=$build/$tree

case $tree in
release) options=(--buildtype=debugoptimized) ;;
check) options=(--buildtype=debug --optimization=1 -Dduckdb=shared -Dtests=true -Dfaults=true -Db_coverage=true
    -Db_sanitize=address,undefined) ;;
clang) options=(--buildtype=debugoptimized -Dduckdb=shared -Dtests=true -Dlink=false) ;;
fuzz) options=(--buildtype=debugoptimized -Dduckdb=shared -Dfuzz=true -Db_sanitize=address,undefined
    -Db_lundef=false) ;;
*)
    echo "build: unknown tree '$tree', use release, check, clang or fuzz" >&2
    exit 2
    ;;
esac
export CC=gcc CC_LD=gold # gold links DuckDB in half the time and into a smaller image
case $tree in clang | fuzz) export CC=clang ;; esac

mkdir -p "$build"
exec 9>"$build/$tree.lock"
flock 9 # two ninjas in one tree would trample on each other

meson_setup() { meson setup "$@" >"$build/$tree.log" || { tail -5 "$build/$tree.log" >&2; return 1; }; }

tools/pack_page.sh
files=$(tools/list_sources.py)
if [ ! -e "$dir/build.ninja" ]; then
    rm -rf "$dir"
    meson_setup "$dir" "${options[@]}" || { rm -rf "$dir"; exit 1; }
elif [ "$files" != "$(cat "$dir/sources.txt" 2>/dev/null)" ] ||
    [ meson.build -nt "$dir/build.ninja" ] || [ meson_options.txt -nt "$dir/build.ninja" ]; then
    meson_setup --reconfigure "$dir"
fi
echo "$files" >"$dir/sources.txt"

if [ "${1:-}" = --install ]; then
    meson configure "$dir" --prefix="$2"
    exec meson install -C "$dir"
fi
# ninja would use two jobs more than there are cores
# and shows the whole command of what fails, which hides the message
ninja -C "$dir" -j "$(nproc)" --quiet "$@" 2>&1 | sed -e "/^\\(gcc\\|clang\\) /d" -e "/^ninja: no work to do/d"
[ "$tree" != release ] || ln -sfn release/tote "$build/tote"
