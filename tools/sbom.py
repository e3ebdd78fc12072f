#!/usr/bin/env python3
"""Prints what is linked into the program and the functions: a CycloneDX 1.5 document.

usage: sbom.py      on the machine that built; versions are those of the packages installed there
"""
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Debian's package -> (name, licence): libraries whose code is in what we ship.
LIBRARIES = {
    "libpq-dev": ("libpq", "PostgreSQL"),
    "libssl-dev": ("openssl", "Apache-2.0"),
    "libcurl4-openssl-dev": ("curl", "curl"),
    "libjansson-dev": ("jansson", "MIT"),
    "libexpat1-dev": ("expat", "MIT"),
    "libzstd-dev": ("zstd", "BSD-3-Clause"),
    "libxxhash-dev": ("xxhash", "BSD-2-Clause"),
    "libyaml-dev": ("libyaml", "MIT"),
    "libmicrohttpd-dev": ("libmicrohttpd", "LGPL-2.1-or-later"),
    "zlib1g-dev": ("zlib", "Zlib"),
}


def component(name, version, licence, purl):
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl,
            "licenses": [{"license": {"id": licence}}]}


def components():
    setup = (ROOT / "tools/setup.sh").read_text()
    coded = re.search(r"^DUCKDB_VERSION=(\S+)", setup, re.M).group(1)
    minor, patch = re.fullmatch(r"v0\.1(\d\d)(\d\d)\.\d+", coded).groups()
    version = f"1.{int(minor)}.{int(patch)}"
    yield component("duckdb", version, "MIT", f"pkg:golang/github.com/duckdb/duckdb-go-bindings@{coded}")
    for package, (name, licence) in LIBRARIES.items():
        version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True, check=True,
                                 stdout=subprocess.PIPE).stdout
        yield component(name, version, licence, f"pkg:deb/debian/{package}@{version}?distro=bookworm")
    # what the page is packed from; tools that only build it are marked dev
    for path, package in json.loads((ROOT / "web/package-lock.json").read_text())["packages"].items():
        if path and not package.get("dev"):
            name = path.rpartition("node_modules/")[2]
            yield component(name, package["version"], package["license"], f"pkg:npm/{name}@{package['version']}")


def main():
    version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
    print(json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "name": "tote", "version": version, "bom-ref": "tote"}},
        "components": list(components()),
    }, indent=2))


if __name__ == "__main__":
    main()
