#!/usr/bin/env bash
# Unpacks what `terraform providers mirror` downloaded into the layout that `terraform init -plugin-dir` reads.
#
# usage: unpack_mirror.sh MIRROR PLUGINS
set -euo pipefail
mirror=${1:?usage: unpack_mirror.sh MIRROR PLUGINS}
plugins=${2:?usage: unpack_mirror.sh MIRROR PLUGINS}
(cd "$mirror" && find . -name 'terraform-provider-*.zip') | while read -r zip; do
    name=$(basename "$zip" .zip) # terraform-provider-aws_5.100.0_linux_amd64
    version=$(cut -d _ -f 2 <<<"$name")
    target=$plugins/$(dirname "$zip")/$version/$(cut -d _ -f 3- <<<"$name")
    mkdir -p "$target"
    python3 -m zipfile -e "$mirror/$zip" "$target"
    chmod +x "$target"/terraform-provider-*
done
