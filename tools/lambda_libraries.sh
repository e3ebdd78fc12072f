#!/usr/bin/env bash
# Makes the static libraries that a Lambda bootstrap is linked with, in .cache/lambda/ARCH: include/, lib/, duckdb/.
#
# usage: lambda_libraries.sh amd64|arm64       (Debian's names; called by tools/setup.sh lambda)
#
# OpenSSL, jansson, zstd, xxHash and libyaml are Debian's own archives of that architecture, unpacked beside the system and
# not into it. libpq and libcurl are built from Debian's sources with TLS and nothing else: as shared libraries they would
# bring thirty others (docs/decisions/0012-two-static-bootstraps.md); expat, because Debian's wants glibc 2.36. apt
# checks every download by the archive's signature, with lists of its own below .cache/lambda.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:?usage: lambda_libraries.sh amd64|arm64}
case $arch in
amd64) triplet=x86_64-linux-gnu ;;
arm64) triplet=aarch64-linux-gnu ;;
*)
    echo "lambda: no '$arch', only amd64 and arm64" >&2
    exit 1
    ;;
esac
root=$PWD/.cache/lambda/$arch
stamp=$(sha256sum tools/lambda_libraries.sh | cut -c1-64)
[ "$(cat "$root/stamp" 2>/dev/null)" = "$stamp" ] && exit 0

packages="libssl-dev libjansson-dev libzstd-dev libxxhash-dev libyaml-dev"
# Amazon Linux 2023, not Debian: this is where its certificates are.
certificates=/etc/pki/tls/certs/ca-bundle.crt
export CC=$triplet-gcc-11 AR=$triplet-ar RANLIB=$triplet-ranlib
export CFLAGS="-O2 -ffunction-sections -fdata-sections -fno-pie -ffile-prefix-map=$root/build=. -I$root/include"
export LDFLAGS="-no-pie -L$root/lib" LC_ALL=C SOURCE_DATE_EPOCH=1704067200
[ "$arch" = "$(dpkg --print-architecture)" ] && CC=gcc-11
jobs=$(nproc)

# --- Debian's archive, seen from the other architecture ---

apt_dir=$PWD/.cache/lambda/apt-$arch
mkdir -p "$apt_dir/none" "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
touch "$apt_dir/status"
# The mirrors that this machine uses, restricted to Debian.
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' | sort -u |
    while read -r uri release component origin; do
        [ "$origin" = Debian ] || continue
        signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        echo "deb $signed $uri $release $component"
        echo "deb-src $signed $uri $release $component"
    done >"$apt_dir/sources.list"
[ -s "$apt_dir/sources.list" ] || { echo "lambda: apt has no lists; run apt-get update" >&2; exit 1; }
cat >"$apt_dir/apt.conf" <<CONF
Dir::State "$apt_dir";
Dir::State::status "$apt_dir/status";
Dir::Cache "$apt_dir/cache";
Dir::Etc::SourceList "$apt_dir/sources.list";
Dir::Etc::SourceParts "$apt_dir/none";
Dir::Etc::Parts "$apt_dir/none";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
export APT_CONFIG=$apt_dir/apt.conf
apt-get update -q

rm -rf "$root"
mkdir -p "$root/build" "$root/include" "$root/lib/pkgconfig"
cd "$root/build"

unpack_packages() {
    local deb
    # shellcheck disable=SC2086 # a list of words
    apt-get download -q $packages
    for deb in *.deb; do
        dpkg-deb -x "$deb" packages
    done
    cp -R packages/usr/include/. "$root/include/"
    [ ! -d "$root/include/$triplet" ] || cp -R "$root/include/$triplet/." "$root/include/"
    cp packages/usr/lib/$triplet/*.a "$root/lib/"
}

# The newest version whose files the mirror has: a security update appears in the lists before it appears everywhere.
fetch_source() {
    local version
    for version in $(apt-cache showsrc "$1" | sed -n 's/^Version: //p' | sort -rV | uniq); do
        apt-get source -q --download-only "$1=$version" && return
        rm -f "$1"_*
    done
    echo "lambda: the source of '$1' cannot be had" >&2
    return 1
}

build_curl() {
    local without=() protocol feature
    for feature in ca-path zlib brotli zstd libpsl libidn2 nghttp2 librtmp libssh2 libgsasl; do
        without+=("--without-$feature")
    done
    for protocol in ldap ldaps rtsp dict telnet tftp pop3 imap smb smtp gopher mqtt ftp file; do
        without+=("--disable-$protocol")
    done
    for feature in manual ntlm ntlm-wb kerberos-auth negotiate-auth tls-srp alt-svc hsts cookies doh unix-sockets \
        dependency-tracking shared; do
        without+=("--disable-$feature")
    done
    fetch_source curl
    dpkg-source --no-check -x curl_*.dsc curl # with Debian's security patches
    cd curl
    ./configure --host=$triplet --prefix=/usr --with-openssl --with-ca-bundle=$certificates --enable-threaded-resolver \
        "${without[@]}"
    make -s -j "$jobs" -C lib
    cp lib/.libs/libcurl.a "$root/lib/"
    cp -R include/curl "$root/include/"
    cd ..
}

build_expat() {
    fetch_source expat
    dpkg-source --no-check -x expat_*.dsc expat
    cd expat/expat/lib
    # as configure would find it where glibc has no arc4random_buf yet
    printf '#define %s\n' "BYTEORDER 1234" "HAVE_GETRANDOM 1" "HAVE_MEMMOVE 1" "XML_CONTEXT_BYTES 1024" "XML_DTD 1" \
        "XML_NS 1" >expat_config.h
    # shellcheck disable=SC2086 # words
    $CC $CFLAGS -I. -c xmlparse.c xmlrole.c xmltok.c
    $AR rcsD "$root/lib/libexpat.a" xmlparse.o xmlrole.o xmltok.o
    cp expat.h expat_external.h "$root/include/"
    cd ../../..
}

build_libpq() {
    fetch_source postgresql-15
    mkdir postgresql
    tar xf postgresql-15_*.orig.tar.bz2 -C postgresql --strip-components=1
    cd postgresql
    ./configure --host=$triplet --prefix=/usr --with-ssl=openssl --without-readline --without-zlib --without-icu
    make -s -C src/backend generated-headers # which the rest does not wait for when it is made side by side
    make -s -j "$jobs" -C src/interfaces/libpq all-static-lib
    cp src/interfaces/libpq/libpq.a src/common/libpgcommon.a src/port/libpgport.a "$root/lib/"
    cp src/interfaces/libpq/libpq-fe.h src/include/postgres_ext.h src/include/pg_config_ext.h "$root/include/"
    cd ..
}

# pkg_config NAME LIBRARIES...
pkg_config() {
    local name=$1
    shift
    printf 'Name: %s\nDescription: static\nVersion: 0\nLibs: -L%s/lib %s\nCflags: -I%s/include\n' \
        "$name" "$root" "$*" "$root" >"$root/lib/pkgconfig/$name.pc"
}

unpack_packages
build_expat
build_curl
build_libpq
pkg_config jansson -ljansson
pkg_config libxxhash -lxxhash
pkg_config libzstd -lzstd
pkg_config libcrypto -lcrypto
pkg_config yaml-0.1 -lyaml
pkg_config expat -lexpat
pkg_config libcurl -lcurl -lssl -lcrypto
pkg_config libpq -lpq -lpgcommon -lpgport -lssl -lcrypto
cd "$root"
rm -rf build
echo "$stamp" >stamp
