#!/usr/bin/env bash
# Installs what is missing, and says nothing when nothing is.
#
# usage: setup.sh [build] [test] [demo] [fuzz]      (nothing named: build)
#
#   build   compiler, libraries, and the DuckDB C library in .cache/duckdb
#   test    clang, PostgreSQL, coverage tools, and the Python packages in .cache/venv
#   demo    PostgreSQL
#   fuzz    clang's libFuzzer, and what `build` has
#
# Only missing packages are named to apt-get: naming an installed one would upgrade it, a database server included.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD_PACKAGES="gcc g++ libc6-dev make meson ninja-build pkg-config python3
    libpq-dev libssl-dev libjansson-dev libzstd-dev libxxhash-dev libyaml-dev
    libcurl4-openssl-dev libexpat1-dev libmicrohttpd-dev"
DEMO_PACKAGES="postgresql-15"
TEST_PACKAGES="$DEMO_PACKAGES libcmocka-dev clang clang-format gcovr python3-venv"
FUZZ_PACKAGES="clang libclang-rt-14-dev"

DUCKDB_VERSION=v0.10505.0 # the Go module's way to write DuckDB 1.5.5
DUCKDB_SUM_amd64=h1:nrsaVYj3XYCRbS2FpdOMD/KHE7egRMr+/NR1IHmjT84=
DUCKDB_SUM_arm64=h1:qM6oGDgwXBILJGbTY4fCy6QOczLpucUA6yn6g3ORjh4=

say() { echo "setup: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# Runs a command that is long-winded when it works; shows what it said only when it fails.
quietly() {
    local log
    mkdir -p .cache
    log=$(mktemp .cache/setup.XXXXXX)
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "failed: $*"
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

apt_install() { quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; }

# Debian starts a server of its own on port 5432 when PostgreSQL is installed; nobody asked for that one.
# The setting lives in postgresql-common, which therefore comes first.
prepare_postgresql() {
    installed postgresql-common || apt_install postgresql-common
    as_root sed -i "s/^#\?create_main_cluster.*/create_main_cluster = false/" /etc/postgresql-common/createcluster.conf
}

need_packages() {
    local missing=() package
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get >/dev/null || die "this is not Debian; please install the equivalents of: ${missing[*]}"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        die "run as root (there is no sudo): apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "installing ${missing[*]}"
    quietly as_root apt-get update -q
    case " ${missing[*]} " in
    *" postgresql-15 "*) prepare_postgresql ;;
    esac
    apt_install "${missing[@]}"
}

# The static library and its header come as a Go module, whose checksum is checked here and not by a server.
fetch_duckdb() {
    local arch sum answer dir
    arch=$(dpkg --print-architecture)
    sum=DUCKDB_SUM_$arch
    [ -n "${!sum:-}" ] || die "no DuckDB library is known for '$arch', only for amd64 and arm64"
    [ "$(cat .cache/duckdb/version 2>/dev/null)" = "$DUCKDB_VERSION ${!sum}" ] && return
    command -v go >/dev/null || need_packages golang-go ca-certificates
    say "fetching DuckDB 1.5.5"
    mkdir -p .cache/go
    answer=$(GOMODCACHE=$PWD/.cache/go GOFLAGS=-modcacherw GOSUMDB=off GOTOOLCHAIN=local GO111MODULE=on \
        go mod download -json "github.com/duckdb/duckdb-go-bindings/lib/linux-$arch@$DUCKDB_VERSION") ||
        die "could not fetch DuckDB: $answer"
    case $answer in
    *"\"Sum\": \"${!sum}\""*) ;;
    *) die "the DuckDB library has another checksum than ${!sum}: $answer" ;;
    esac
    dir=.cache/go/github.com/duckdb/duckdb-go-bindings/lib/linux-$arch@$DUCKDB_VERSION
    rm -rf .cache/duckdb .cache/duckdb.new
    mkdir -p .cache/duckdb.new
    # tpch and tpcds are benchmarks; everything else is needed by the extension loader
    cp "$dir"/duckdb.h "$dir"/LICENSE "$dir"/*.a .cache/duckdb.new/
    rm -f .cache/duckdb.new/libtpc*
    rm -rf .cache/go
    echo "$DUCKDB_VERSION ${!sum}" >.cache/duckdb.new/version
    mv .cache/duckdb.new .cache/duckdb
}

# The same code as a shared library: linking forty test programs against 50 MB of archives would take a minute.
make_shared_duckdb() {
    [ -e .cache/duckdb/libduckdb.so ] && return
    say "making DuckDB a shared library for the tests"
    quietly gcc -shared -fuse-ld=gold -o .cache/duckdb/libduckdb.so.new -Wl,-soname,libduckdb.so \
        -Wl,--whole-archive .cache/duckdb/libduckdb_static.a -Wl,--no-whole-archive \
        -Wl,--start-group .cache/duckdb/*.a -Wl,--end-group -lstdc++ -lm -ldl -lpthread
    mv .cache/duckdb/libduckdb.so.new .cache/duckdb/libduckdb.so
}

make_venv() {
    local stamp=.cache/venv/requirements.txt
    cmp -s test/requirements.txt "$stamp" && return
    say "installing the Python packages of the tests in .cache/venv"
    rm -rf .cache/venv
    quietly /usr/bin/python3 -m venv .cache/venv
    quietly .cache/venv/bin/pip install -q --disable-pip-version-check --require-hashes -r test/requirements.txt
    cp test/requirements.txt "$stamp"
}

[ $# -gt 0 ] || set -- build
mkdir -p .cache
exec 9>.cache/setup.lock
flock 9 # two makes at once: the second waits and finds everything done

packages=
for part in "$@"; do
    case $part in
    build) packages+=" $BUILD_PACKAGES" ;;
    test) packages+=" $TEST_PACKAGES" ;;
    demo) packages+=" $DEMO_PACKAGES" ;;
    fuzz) packages+=" $FUZZ_PACKAGES" ;;
    *) die "unknown part '$part', use build, test, demo or fuzz" ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
need_packages $packages
for part in "$@"; do
    case $part in
    build) fetch_duckdb ;;
    fuzz)
        fetch_duckdb
        make_shared_duckdb
        ;;
    test)
        fetch_duckdb
        make_shared_duckdb
        make_venv
        ;;
    esac
done
