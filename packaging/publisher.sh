#!/bin/sh
# publisher.sh write|check|release: packaging/publisher, written to the files that say the same; compared with them; or
# refused as long as an address in it is a placeholder. PUBLISHER= names another file.
set -eu
cd "$(dirname "$0")/.."
publisher=${PUBLISHER:-packaging/publisher}
action=${1-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

said() { # KEY
    value=$(sed -n "s/^$1: //p" "$publisher")
    case $value in '' | *[!A-Za-z0-9\ @./:_~+-]*) echo "$publisher: $1: \"$value\"" >&2 && exit 2 ;; esac
    echo "$value"
}
name=$(said name)
contact=$(said contact)
homepage=$(said homepage)
module=$(said 'go module')

# in_file FILE BEFORE VALUE AFTER: between two regular expressions, wherever both are in a line.
in_file() {
    if ! grep -qE "$2.*$4" "$1"; then
        echo "publisher.sh: $1 has no place for \"$3\"" >&2
        bad=1
        return
    fi
    sed -E "s|($2).*($4)|\1$3\2|" "$1" >"$work/made"
    if cmp -s "$work/made" "$1"; then
        return
    elif [ "$action" = write ]; then
        cat "$work/made" >"$1"
    else
        echo "$1 does not say \"$3\": make publisher" >&2
        bad=1
    fi
}

everywhere() {
    in_file Cargo.toml '^homepage = "' "$homepage" '"$'
    in_file Cargo.toml '^authors = \["' "$name <$contact>" '"]$'
    in_file bindings/python/pyproject.toml '^Homepage = "' "$homepage" '"$'
    in_file bindings/python/pyproject.toml '^authors = ' "[{ name = \"$name\", email = \"$contact\" }]" '$'
    in_file bindings/rust/Cargo.toml '^homepage = "' "$homepage" '"$'
    in_file bindings/rust/Cargo.toml '^authors = \["' "$name <$contact>" '"]$'
    in_file bindings/rust/libreflink-fs/src/lib.rs '^//! manner of .*\[libreflink\]\(' "$homepage" '\) does the work'
    in_file bindings/rust/libreflink-sys/src/lib.rs '^//! The \[manual\]\(' "$homepage" '\) is that of C'
    in_file bindings/go/go.mod '^module ' "$module" '$'
    in_file bindings/go/example_test.go '^	"' "$module" '" // the module itself$'
    in_file bindings/go/README.md '^    require ' "$module" ' v[0-9.]+$'
    in_file bindings/go/README.md '^    replace ' "$module" ' => .*$'
    in_file packaging/libreflink.pc.in '^URL: ' "$homepage" '$'
    in_file packaging/debian/control '^Maintainer: ' "$name <$contact>" '$'
    in_file packaging/debian/control '^Homepage: ' "$homepage" '$'
    in_file packaging/debian/copyright '^Upstream-Contact: ' "$name <$contact>" '$'
    in_file packaging/debian/copyright '^Source: ' "$homepage" '$'
    in_file packaging/debian/changelog '^ -- ' "$name <$contact>" '  [A-Z][a-z]{2}, .*$'
    in_file packaging/rpm/libreflink.spec '^URL:            ' "$homepage" '$'
    in_file packaging/rpm/libreflink.spec '^\* [A-Z][a-z]{2} [A-Z][a-z]{2} [0-9]+ [0-9]{4} ' "$name <$contact>" ' - [0-9.-]+$'
    in_file SECURITY.md ' write to <' "$contact" '>'
}

release() {
    for value in "$contact" "$homepage" "$module"; do
        case $value in
        *.invalid | *.invalid[/:]* | *.example | *.example[/:]* | *@example.* | */example.*)
            echo "$publisher: $value is a placeholder" >&2
            bad=1
            ;;
        esac
    done
    [ $bad = 0 ] || echo "No release before packaging/publisher says who publishes it (to try: make dist PLACEHOLDERS=1)" >&2
}

case $action in
write | check) everywhere ;;
release) release ;;
*) echo "publisher.sh write|check|release" >&2 && exit 2 ;;
esac
exit $bad
