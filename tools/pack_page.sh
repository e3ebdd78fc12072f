#!/usr/bin/env bash
# Packs the page: web/ and the chart library become a few small files in $BUILD/page, which the build embeds.
#
# usage: pack_page.sh
#
# esbuild joins the modules and the style sheets and makes them small; nothing else is changed. Runs in a tenth of a second, and
# leaves unchanged files alone, so that nothing is compiled again for them.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
packages=.cache/npm/page/node_modules
out=$build/page
new=$build/page.new.$$
mkdir -p "$build"
trap 'rm -rf "$new"' EXIT
mkdir "$new"

esbuild() {
    # the program itself, not its wrapper, which would need node
    "$packages"/@esbuild/linux-*/bin/esbuild --log-level=warning --bundle --minify --legal-comments=none \
        --target=chrome123,firefox128,safari17.5 "$@"
}

# the licences of what is packed; esbuild itself is not
licences() {
    local file
    echo "tote's page is under the MIT licence of tote. It contains, each under its own licence:"
    for file in "$packages"/*/LICENSE; do
        case $file in
        */esbuild/*) continue ;;
        esac
        printf '\n== %s %s\n\n' "$(basename "$(dirname "$file")")" \
            "$(sed -n 's/^ *"version": "\(.*\)",*/\1/p' "$(dirname "$file")/package.json")"
        cat "$file"
    done
}

# web/ holds no node_modules; what its modules import by name lies in .cache
NODE_PATH=$packages esbuild web/src/app.js --format=esm --outfile="$new/app.js"
esbuild web/style/app.css --external:icon.svg --outfile="$new/app.css"
cp web/index.html web/icon.svg "$new"
licences >"$new/licences.txt"

mkdir -p "$out"
for file in "$new"/*; do
    cmp -s "$file" "$out/$(basename "$file")" || mv "$file" "$out/$(basename "$file")"
done
for file in "$out"/*; do
    [ -e "web/$(basename "$file")" ] || [[ $file =~ /(app\.js|app\.css|licences\.txt)$ ]] || rm -f "$file"
done
