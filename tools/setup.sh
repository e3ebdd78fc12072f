#!/usr/bin/env bash
# Installs what is missing, and says nothing when nothing is.
#
# usage: setup.sh [build] [test] [demo] [docs] [fuzz] [lambda] [cloud] [cloud-lint]      (nothing named: build)
#
#   build   compiler, libraries, the DuckDB C library in .cache/duckdb, what the page is packed from in .cache/npm
#   test    clang, PostgreSQL, coverage tools, a browser, the Python packages in .cache/venv, AWS's runtime interface emulator
#   demo    PostgreSQL
#   lambda  cross compilers, static libraries and DuckDB for x86_64 and arm64 in .cache/lambda
#   cloud   PostgreSQL; MiniStack, a local AWS that runs functions, in .cache/ministack; AWS's command line in .cache/awscli
#   cloud-lint   tflint and actionlint in .cache/bin, checkov and zizmor in .cache/checkers
#   docs    mkdocs in .cache/docs, for the documentation site
#   fuzz    clang's libFuzzer and a shared DuckDB; after `build`
#
# Only missing packages are named to apt-get: naming an installed one would upgrade it, a database server included.
set -euo pipefail
cd "$(dirname "$0")/.."

BUILD_PACKAGES="gcc g++ libc6-dev make meson ninja-build pkg-config python3
    libpq-dev libssl-dev libjansson-dev libzstd-dev libxxhash-dev libyaml-dev
    libcurl4-openssl-dev libexpat1-dev libmicrohttpd-dev zlib1g-dev"
DEMO_PACKAGES="postgresql-15"
TEST_PACKAGES="$DEMO_PACKAGES libcmocka-dev clang clang-format gcovr python3-venv chromium-headless-shell"
FUZZ_PACKAGES="clang libclang-rt-14-dev"

case $(dpkg --print-architecture 2>/dev/null) in
arm64) CROSS_PACKAGES="gcc-11-x86-64-linux-gnu g++-11-x86-64-linux-gnu" ;;
*) CROSS_PACKAGES="gcc-11-aarch64-linux-gnu g++-11-aarch64-linux-gnu" ;;
esac
# gcc 11: what gcc 12 links in needs glibc 2.35, and Amazon Linux 2023 has 2.34
LAMBDA_PACKAGES="gcc-11 g++-11 $CROSS_PACKAGES qemu-user-static dpkg-dev make perl patch bzip2 xz-utils"

# Fetched as a module where the machine's own is older; tflint needs it, VersityGW is content with 1.25.
GO_VERSION=go1.26.0
GO_SUM_amd64=h1:1p2G5COR51f8Q3EQ4HLJQDDL2ytLEqfL/yTawB0Jr8w=
GO_SUM_arm64=h1:lAFrRm35hIzvRSMYiELtaPaitr22pp6iaBbdPBuJg2U=

DUCKDB_VERSION=v0.10505.0 # the Go module's way to write DuckDB 1.5.5
DUCKDB_SUM_amd64=h1:nrsaVYj3XYCRbS2FpdOMD/KHE7egRMr+/NR1IHmjT84=
DUCKDB_SUM_arm64=h1:qM6oGDgwXBILJGbTY4fCy6QOczLpucUA6yn6g3ORjh4=
RIE_SUM_x86_64=6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5
RIE_SUM_arm64=ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21
AWS_CLI_VERSION=2.38.5 # what the package that test/cloud/awscli.txt pins holds

say() { echo "setup: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# Runs a command that is long-winded when it works; shows what it said only when it fails.
quietly() {
    local log
    log=$(mktemp) # not in .cache: some are run in another folder
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

# fetch_duckdb ARCH FOLDER
# The static library and its header come as a Go module, whose checksum is checked here and not by a server.
fetch_duckdb() {
    local arch=$1 to=$2 sum answer dir
    sum=DUCKDB_SUM_$arch
    [ -n "${!sum:-}" ] || die "no DuckDB library is known for '$arch', only for amd64 and arm64"
    [ "$(cat "$to/version" 2>/dev/null)" = "$DUCKDB_VERSION ${!sum}" ] && return
    command -v go >/dev/null || need_packages golang-go ca-certificates
    say "fetching DuckDB 1.5.5 for $arch"
    mkdir -p .cache/go
    answer=$(GOMODCACHE=$PWD/.cache/go GOFLAGS=-modcacherw GOSUMDB=off GOTOOLCHAIN=local GO111MODULE=on \
        go mod download -json "github.com/duckdb/duckdb-go-bindings/lib/linux-$arch@$DUCKDB_VERSION") ||
        die "could not fetch DuckDB: $answer"
    case $answer in
    *"\"Sum\": \"${!sum}\""*) ;;
    *) die "the DuckDB library has another checksum than ${!sum}: $answer" ;;
    esac
    dir=.cache/go/github.com/duckdb/duckdb-go-bindings/lib/linux-$arch@$DUCKDB_VERSION
    rm -rf "$to" "$to.new"
    mkdir -p "$to.new"
    # tpch and tpcds are benchmarks; everything else is needed by the extension loader
    cp "$dir"/duckdb.h "$dir"/LICENSE "$dir"/*.a "$to.new/"
    rm -f "$to.new"/libtpc*
    rm -rf .cache/go
    echo "$DUCKDB_VERSION ${!sum}" >"$to.new/version"
    mv "$to.new" "$to"
}

# The same code as a shared library: linking forty test programs against 50 MB of archives would take a minute.
make_shared_duckdb() {
    [ -e .cache/duckdb/libduckdb.so ] && return
    say "making DuckDB a shared library for the tests"
    link_shared_duckdb .cache/duckdb -lstdc++
}

# Once more, with memory that the sanitizers do not watch: a run then takes less than half the CPU. It has its own C++ library,
# so that all that it allocates and frees meets in one place. duckdb.o is for the programs that tests start hundreds of times:
# linked in, it has nothing left to relocate at each start.
make_unwatched_duckdb() {
    local dir=.cache/duckdb/unwatched
    [ -e $dir/duckdb.o ] && [ ! tools/duckdb_malloc.c -nt $dir/duckdb.o ] && return
    mkdir -p $dir
    quietly gcc -O2 -fPIC -c -o $dir/malloc.o tools/duckdb_malloc.c
    CC=g++ link_shared_duckdb $dir -static-libstdc++ -static-libgcc -Wl,-Bsymbolic $dir/malloc.o
    quietly g++ -r -nostdlib -fuse-ld=bfd -o $dir/all.o -Wl,--whole-archive .cache/duckdb/libduckdb_static.a \
        -Wl,--no-whole-archive -Wl,--start-group .cache/duckdb/*.a "$(g++ -print-file-name=libstdc++.a)" -Wl,--end-group $dir/malloc.o
    quietly objcopy --localize-symbol={malloc,free,calloc,realloc,strdup} $dir/all.o
    mv $dir/all.o $dir/duckdb.o
}

link_shared_duckdb() {
    local to=$1/libduckdb.so
    shift
    quietly "${CC:-gcc}" -shared -fuse-ld=gold -o "$to.new" -Wl,-soname,libduckdb.so \
        -Wl,--whole-archive .cache/duckdb/libduckdb_static.a -Wl,--no-whole-archive \
        -Wl,--start-group .cache/duckdb/*.a -Wl,--end-group "$@" -lm -ldl -lpthread
    mv "$to.new" "$to"
}

# Prints the path of a Go that is new enough.
find_go() {
    local arch sum answer dir minor
    minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
    if [ "${minor:-0}" -ge 26 ]; then
        command -v go
        return
    fi
    arch=$(dpkg --print-architecture)
    sum=GO_SUM_$arch
    [ -n "${!sum:-}" ] || return 1
    answer=$(GOMODCACHE=$PWD/.cache/go GOFLAGS=-modcacherw GO111MODULE=on \
        go mod download -json "golang.org/toolchain@v0.0.1-$GO_VERSION.linux-$arch") || true
    case $answer in
    *"\"Sum\": \"${!sum}\""*) ;;
    *) return 1 ;;
    esac
    dir=.cache/go/golang.org/toolchain@v0.0.1-$GO_VERSION.linux-$arch
    chmod -R u+x "$dir/bin" "$dir/pkg/tool" # a module's files come without their x
    echo "$PWD/$dir/bin/go"
}

# go_program NAME MODULE VERSION LOSS      a program written in Go, checked by Go's own sums, in .cache/bin
go_program() {
    local name=$1 module=$2 version=$3 loss=$4 go
    [ "$(cat ".cache/bin/$name.version" 2>/dev/null)" = "$version" ] && return
    command -v go >/dev/null || need_packages golang-go ca-certificates
    say "building $name (up to three minutes)"
    mkdir -p .cache/bin
    if go=$(find_go) && GOBIN=$PWD/.cache/bin GOMODCACHE=$PWD/.cache/go GOFLAGS=-modcacherw GOTOOLCHAIN=local \
        CGO_ENABLED=0 "$go" install -ldflags "-s -w" "$module@$version" >".cache/$name.log" 2>&1; then
        echo "$version" >".cache/bin/$name.version"
        rm -f ".cache/$name.log"
    else
        say "WARNING: $name could not be built (see .cache/$name.log): $loss will be skipped"
    fi
    rm -rf .cache/go
}

# What package-lock.json in folder $1 pins, with its hashes, into .cache/npm/$2. No script of a package is run.
fetch_npm() {
    local dir=.cache/npm/$2
    cmp -s "$1/package-lock.json" "$dir/installed.json" && return
    command -v npm >/dev/null || need_packages npm ca-certificates
    say "fetching the npm packages of $1"
    rm -rf "$dir"
    mkdir -p "$dir"
    cp "$1/package.json" "$1/package-lock.json" "$dir"
    quietly npm ci --prefix "$dir" --ignore-scripts --no-audit --no-fund --no-update-notifier
    mv "$dir/package-lock.json" "$dir/installed.json"
}

# A folder of Python packages, made anew when the list of them has changed.
make_venv() {
    local folder=$1 list=$2 stamp=$1/requirements.txt
    cmp -s "$list" "$stamp" && return
    say "installing the Python packages of $list in $folder"
    rm -rf "$folder"
    quietly /usr/bin/python3 -m venv "$folder"
    quietly "$folder/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$list"
    cp "$list" "$stamp"
}

# AWS's command line, version 2, which Amazon publishes within a package of its CDK, for x86_64 only.
fetch_aws_cli() {
    local dir=.cache/awscli
    [ "$(cat $dir/version 2>/dev/null)" = "$AWS_CLI_VERSION" ] && return
    [ "$(dpkg --print-architecture)" = amd64 ] || return 0
    say "fetching AWS's command line"
    rm -rf $dir $dir.new
    mkdir -p $dir.new
    quietly python3 -m pip download -q --disable-pip-version-check --no-deps --require-hashes -r test/cloud/awscli.txt -d $dir.new
    quietly python3 -m zipfile -e $dir.new/*.whl $dir.new/package
    tar xzf $dir.new/package/aws_cdk/asset_awscli_v2/_jsii/*.tgz -C $dir.new
    quietly python3 -m zipfile -e $dir.new/package/lib/layer.zip $dir.new/all
    mv "$dir.new/all/awscli/v2/$AWS_CLI_VERSION/dist" $dir
    chmod +x $dir/aws
    rm -rf $dir.new
    echo "$AWS_CLI_VERSION" >$dir/version
}

# Prometheus' checker out of Debian's package, without the server, which would start by itself when installed.
fetch_promtool() {
    [ -e .cache/promtool ] && return
    local dir
    say "fetching promtool"
    dir=$(mktemp -d .cache/prometheus.XXXXXX)
    chmod 755 "$dir"
    if (cd "$dir" && apt-get download -q prometheus >/dev/null 2>&1 && dpkg -x prometheus_*.deb .); then
        mv "$dir/usr/bin/promtool" .cache/promtool
    else
        say "there is no promtool here: the test of monitoring/ will be skipped"
    fi
    rm -rf "$dir"
}

make_lambda_libraries() {
    local arch
    for arch in amd64 arm64; do
        [ -n "$(apt-get indextargets)" ] || quietly as_root apt-get update -q
        [ -e ".cache/lambda/$arch/stamp" ] || say "making the static libraries of Lambda for $arch (two minutes)"
        quietly tools/lambda_libraries.sh "$arch"
        fetch_duckdb "$arch" ".cache/lambda/duckdb-$arch"
    done
}

# Amazon publishes the emulator within its command line tool for Lambda; that one file is all that is kept of it.
fetch_rie() {
    local arch sum name
    case $(dpkg --print-architecture) in
    arm64) arch=arm64 ;;
    *) arch=x86_64 ;;
    esac
    name=aws-lambda-rie-$arch
    sum=RIE_SUM_$arch
    [ "$(cat .cache/rie/sum 2>/dev/null)" = "${!sum}" ] && return
    say "fetching the runtime interface emulator"
    rm -rf .cache/rie .cache/rie.new
    mkdir -p .cache/rie.new
    quietly .cache/venv/bin/pip download -q --disable-pip-version-check --no-deps --require-hashes \
        -r test/rie.txt -d .cache/rie.new
    quietly python3 -m zipfile -e .cache/rie.new/aws_sam_cli-*.whl .cache/rie.new/all
    cp ".cache/rie.new/all/samcli/local/rapid/$name" .cache/rie.new/aws-lambda-rie
    echo "${!sum}  .cache/rie.new/aws-lambda-rie" | sha256sum -c --quiet || die "$name has another checksum"
    chmod +x .cache/rie.new/aws-lambda-rie
    rm -rf .cache/rie.new/all .cache/rie.new/*.whl
    echo "${!sum}" >.cache/rie.new/sum
    mv .cache/rie.new .cache/rie
}

# A transaction pooler for one test. Only unpacked: the package would start a service of its own.
fetch_pgbouncer() {
    [ -x .cache/pgbouncer/usr/sbin/pgbouncer ] && return
    need_packages libc-ares2 libevent-2.1-7
    say "fetching PgBouncer"
    rm -rf .cache/pgbouncer.new
    mkdir -p .cache/pgbouncer.new
    (cd .cache/pgbouncer.new && quietly apt-get download -q pgbouncer && quietly dpkg -x pgbouncer_*.deb . && rm -f pgbouncer_*.deb)
    rm -rf .cache/pgbouncer
    mv .cache/pgbouncer.new .cache/pgbouncer
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
    lambda) packages+=" $LAMBDA_PACKAGES" ;;
    cloud) packages+=" $DEMO_PACKAGES python3-venv jq" ;;
    cloud-lint) packages+=" python3-venv" ;;
    docs) packages+=" python3-venv" ;;
    fuzz) packages+=" $FUZZ_PACKAGES" ;;
    *) die "unknown part '$part', use build, test, demo, docs, fuzz, lambda, cloud or cloud-lint" ;;
    esac
done
# shellcheck disable=SC2086 # a list of words
need_packages $packages
for part in "$@"; do
    case $part in
    build)
        fetch_duckdb "$(dpkg --print-architecture)" .cache/duckdb
        fetch_npm web page
        ;;
    fuzz) make_shared_duckdb ;; # `build` comes before it
    lambda) make_lambda_libraries ;;
    test)
        fetch_duckdb "$(dpkg --print-architecture)" .cache/duckdb
        fetch_npm web page
        fetch_npm test/browser browser
        make_shared_duckdb
        make_unwatched_duckdb
        make_venv .cache/venv test/requirements.txt
        fetch_promtool
        fetch_rie
        go_program versitygw github.com/versity/versitygw/cmd/versitygw v1.8.0 "the tests of S3"
        fetch_pgbouncer
        ;;
    cloud)
        make_venv .cache/ministack test/cloud/requirements.txt
        fetch_aws_cli
        ;;
    cloud-lint)
        make_venv .cache/checkers tools/checkers/requirements.txt
        go_program actionlint github.com/rhysd/actionlint/cmd/actionlint v1.7.12 "the check of .github"
        go_program tflint github.com/terraform-linters/tflint v0.64.0 "the check of terraform/ by it"
        ;;
    docs) make_venv .cache/docs tools/docs/requirements.txt ;;
    esac
done
