#!/usr/bin/env bash
# Builds what AWS Lambda runs: $BUILD/lambda/{ingest,tote}-{x86_64,arm64}.zip.
#
# usage: lambda_build.sh [x86_64] [arm64]      (nothing named: both)
#
# The same source gives the same bytes: no path, no time and no order of a folder gets into them. What is shipped is
# checked by tools/lambda_check.py.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- x86_64 arm64
build=${BUILD:-build}
out=$build/lambda
export SOURCE_DATE_EPOCH=1704067200 LC_ALL=C TZ=UTC PKG_CONFIG_PATH=
mkdir -p "$out"
exec 9>"$out/lock"
flock 9
tools/pack_page.sh

# machine ARCH DEBIAN TRIPLET FAMILY: how meson is to build for it
machine() {
    local compiler=$3-gcc-11 wrapper=
    if [ "$2" = "$(dpkg --print-architecture)" ]; then
        compiler=gcc-11
    else
        wrapper="exe_wrapper = ['qemu-$4-static', '-L', '/usr/$3']"
    fi
    cat <<MACHINE
[binaries]
c = '$compiler'
c_ld = 'gold'
ar = '$3-gcc-ar-11'
strip = '$3-strip'
pkgconfig = 'pkg-config'
$wrapper
[properties]
pkg_config_libdir = '$PWD/.cache/lambda/$2/lib/pkgconfig'
needs_exe_wrapper = $([ -n "$wrapper" ] && echo true || echo false)
[host_machine]
system = 'linux'
cpu_family = '$4'
cpu = '$4'
endian = 'little'
MACHINE
}

# python's zipfile forgets that a program can be run
unzip_to() {
    python3 -m zipfile -e "$1" "$2"
    chmod 755 "$2/bootstrap"
}

build_one() {
    local arch=$1 debian triplet family tree=$out/$1 files
    case $arch in
    x86_64) debian=amd64 triplet=x86_64-linux-gnu family=x86_64 ;;
    arm64) debian=arm64 triplet=aarch64-linux-gnu family=aarch64 ;;
    *)
        echo "lambda: no '$arch', only x86_64 and arm64" >&2
        exit 2
        ;;
    esac
    machine "$arch" $debian $triplet $family >"$out/$arch.ini.new"
    files=$(tools/list_sources.py && cat ".cache/lambda/$debian/stamp") # ninja does not look at the libraries
    if ! cmp -s "$out/$arch.ini.new" "$out/$arch.ini" || [ ! -e "$tree/build.ninja" ] ||
        [ "$files" != "$(cat "$tree/sources.txt" 2>/dev/null)" ] || [ meson.build -nt "$tree/build.ninja" ]; then
        rm -rf "$tree"
        mv "$out/$arch.ini.new" "$out/$arch.ini"
        # the linker's id would be a digest of what strip takes away, paths among it
        meson setup "$tree" --cross-file "$out/$arch.ini" --buildtype=debugoptimized -Dbootstrap=true -Dstrip=true \
            "-Dduckdb_dir=.cache/lambda/duckdb-$debian" "-Dc_args=-ffile-prefix-map=$PWD=." \
            -Dc_link_args=-Wl,--build-id=none >"$out/$arch.log" ||
            { tail -5 "$out/$arch.log" >&2; exit 1; }
        echo "$files" >"$tree/sources.txt"
    fi
    rm -f "$out/$arch.ini.new"
    ninja -C "$tree" -j "$(nproc)" --quiet bootstrap bootstrap_ingest | sed "/^ninja: /d"
    tools/lambda_zip.py "$tree/bootstrap_ingest" "$out/ingest-$arch.zip" "$triplet-strip"
    tools/lambda_zip.py "$tree/bootstrap" "$out/tote-$arch.zip" "$triplet-strip" models
    # the same unpacked: what Containerfile copies
    rm -rf "$out/image-$arch"
    unzip_to "$out/tote-$arch.zip" "$out/image-$arch"
}

for arch in "$@"; do
    build_one "$arch"
done
tools/lambda_check.py "${@/#/--arch=}"
