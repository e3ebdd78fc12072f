#!/bin/sh
# Formats the C files; with --check only names those that are not formatted.
cd "$(dirname "$0")/.." || exit 1
files=$(find src test bench -name '*.[ch]' 2>/dev/null | sort)
if [ "${1:-}" != --check ]; then
    echo "$files" | xargs -r clang-format -i
    exit
fi
bad=$(echo "$files" | xargs -r clang-format --dry-run 2>&1 | sed -n 's/:.*clang-format-violations.*//p' | sort -u)
[ -z "$bad" ] && exit
echo "not formatted (make format): $bad"
exit 1
