#!/bin/sh
# run.sh DIR [OTHER]: builds the library and the contract here, runs it on the file system of DIR, and prints what docs/platforms.md
# takes. OTHER is a directory on another volume. "make contract DIR=..." calls this; on Windows it is run.ps1. Needs cargo and cc.
set -eu
[ $# -ge 1 ] || { echo "usage: make contract DIR=directory [OTHER=directory on another volume]" >&2; exit 2; }
dir=$(cd "$1" && pwd)
other=${2:+$(cd "$2" && pwd)}
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}/contract
mkdir -p "$target"

# rustc tells what the static library needs only when it compiles: the words are kept.
"${CARGO:-cargo}" rustc --release --locked --lib --target-dir "$target" -- --print native-static-libs 2>"$target/log" ||
    { cat "$target/log" >&2; exit 101; }
words=$(sed -n 's/^note: native-static-libs: //p' "$target/log" | tail -n 1)
[ -z "$words" ] || echo "$words" >"$target/native-static-libs"
# shellcheck disable=SC2046 # words
"${CC:-cc}" -std=c99 -O1 -I include -o "$target/program" tests/contract-c/*.c "$target/release/libreflink.a" -lpthread \
    $(cat "$target/native-static-libs")

code=0
"$target/program" "$dir" ${other:+"$other"} >"$target/output" || code=$?
grep -v -e '^fact ' -e '^ok ' "$target/output" || true
echo "--- for docs/platforms.md: save these lines in tests/targets/seen, one file for each run ---"
echo "date=$(date -u +%Y-%m-%d)"
echo "commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
awk '$1 == "fact" { key = $2; sub(/^fact [^ ]* /, ""); value[key] = $0 } /^[0-9]+ passed,/ { value["contract"] = $0 }
    END { for (key in value) print key "=" value[key] }' "$target/output" | LC_ALL=C sort
exit $code
