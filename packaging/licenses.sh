#!/bin/sh
# licenses.sh write|check: docs/dependencies.md, the licences of everything in Cargo.lock, as Cargo's metadata has them.
set -eu
cd "$(dirname "$0")/.."
: "${CARGO:=cargo}"
export LC_ALL=C

table() { # EDGES
    echo "| Crate | Version | Licence |"
    echo "| --- | --- | --- |"
    "$CARGO" tree --locked --edges "$1" --target all --prefix none --format '{p}|{l}' |
        sed -E -e 's/ \(\*\)$//' -e 's/ \((proc-macro|\/[^)]*)\)//g' -e 's/^([^ ]+) v([^|]+)\|(.*)/| \1 | \2 | \3 |/' -e 's/ +\|/ |/g' |
        grep -v '^| libreflink |' | sort -u
}

generated() {
    echo "# Dependencies and their licences"
    echo
    echo "Made from \`Cargo.lock\` by \`make licenses\`: do not edit it. libreflink itself is MIT OR Apache-2.0, as is Rust's standard"
    echo "library, of which parts are in both libraries."
    echo
    echo "## Linked into the library"
    echo
    echo "thiserror's code is made while building and becomes a part of the library; libc is declarations and constants, and so are, on Windows,"
    echo "windows-sys and windows-link."
    echo
    table normal,no-proc-macro
    echo
    echo "## Run while it is built"
    echo
    table normal,build > "$work/build"
    table normal,no-proc-macro > "$work/linked"
    grep -v -x -F -f "$work/linked" "$work/build" | sed '1i | Crate | Version | Licence |\n| --- | --- | --- |'
    echo
    echo "## For tests and tools only"
    echo
    echo "In no package, but in the vendored tarball."
    echo
    table normal,build,dev > "$work/all"
    grep -v -x -F -f "$work/build" "$work/all" | sed '1i | Crate | Version | Licence |\n| --- | --- | --- |'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
generated > "$work/dependencies.md"
case ${1-} in
    write) cp "$work/dependencies.md" docs/dependencies.md ;;
    check)
        cmp -s "$work/dependencies.md" docs/dependencies.md ||
            { echo "docs/dependencies.md is not what Cargo.lock says: make licenses" >&2; exit 1; }
        ;;
    *) echo "licenses.sh write|check" >&2; exit 2 ;;
esac
