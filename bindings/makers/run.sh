#!/bin/sh
# Passes libreflink.h through the binding makers that are here, as it is, and uses what they write against the library.
# usage: run.sh PREFIX (where libreflink is installed). Settable: BINDGEN, SWIG, CTYPESGEN, PYTHON (with cffi; with ziglang).
# A maker that is not here is SKIPPED, loudly; with REQUIRE=all that is a failure. cgo's test is the Go package.
set -u

here=$(cd "$(dirname "$0")" && pwd)
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
header=$prefix/include/libreflink.h
python=${PYTHON:-python3}
bindgen=${BINDGEN:-bindgen}
swig=${SWIG:-swig}
ctypesgen=${CTYPESGEN:-ctypesgen}
failed=0
export LD_LIBRARY_PATH="$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

"${CC:-cc}" -I"$prefix/include" -o "$work/layout" "$here/layout.c" && "$work/layout" >"$work/layout.txt" || exit 1
head -c 100000 /dev/urandom >"$work/source" || exit 1
# For parsers without a preprocessor, as docs/bindings.md says.
mkdir "$work/empty" && touch "$work/empty/stddef.h" "$work/empty/stdint.h" &&
    "${CC:-cc}" -E -P -undef -nostdinc -I "$work/empty" "$header" >"$work/declarations" || exit 1

maker() { # NAME PRESENT FUNCTION
    mkdir "$work/$1"
    if ! sh -c "$2" >/dev/null 2>&1; then
        echo "$1: SKIPPED: not here"
        [ "${REQUIRE:-}" != all ] || failed=1
    elif (cd "$work/$1" && "$3") && cmp -s "$work/source" "$work/$1/copy"; then
        echo "$1: ok"
    else
        echo "$1: FAILED" >&2
        failed=1
    fi
}

# Called by name, through maker.
# shellcheck disable=SC2317
with_bindgen() {
    "$bindgen" "$header" --rust-target 1.85 --rust-edition 2024 --allowlist-file '.*libreflink.h' -o reflink.rs &&
        OUT=$PWD rustc --edition 2024 -L "$prefix/lib" -l reflink -o program "$here/bindgen.rs" &&
        ./program "$work/layout.txt" "$work/source" copy
}

# shellcheck disable=SC2317
with_cffi() {
    "$python" "$here/check_cffi.py" "$header" "$prefix/lib/libreflink.so.0" "$work/layout.txt" "$work/source" copy
}

# shellcheck disable=SC2317
with_swig() {
    # shellcheck disable=SC2046,SC2317 # flags
    "$swig" -python -I"$prefix/include" -outdir . -o wrap.c "$here/creflink.i" &&
        "${CC:-cc}" -shared -fPIC -Wall -o _creflink.so wrap.c -I"$prefix/include" \
            $(/usr/bin/python3-config --includes) -L"$prefix/lib" -lreflink &&
        PYTHONPATH=. /usr/bin/python3 "$here/check_swig.py" "$work/layout.txt" "$work/source" copy
}

# shellcheck disable=SC2317
with_zig() {
    cp "$here/translated.zig" . &&
        "$python" -m ziglang translate-c -lc "$header" >reflink.zig &&
        sed 's/\(.*\) \(.*\)/pub const @"\1" = \2;/' "$work/layout.txt" >layout.zig &&
        "$python" -m ziglang build-obj translated.zig -lc -fno-stack-check -O ReleaseSafe &&
        "${CC:-cc}" -o program translated.o -L"$prefix/lib" -lreflink &&
        ./program "$work/source" copy
}

# Go has keywords that C does not: a member of that name does not build. cgo itself is tested by the Go package.
# shellcheck disable=SC2317
with_swig_go() {
    mkdir creflink &&
        "$swig" -go -cgo -intgosize 64 -I"$prefix/include" -outdir creflink -o creflink/wrap.c "$here/creflink.i" &&
        cp "$here/swig.go" main.go && printf 'module check\n\ngo 1.19\n' >go.mod &&
        CGO_CFLAGS="-I$prefix/include" CGO_LDFLAGS="-L$prefix/lib -lreflink" GOCACHE=$work/go-cache GOTOOLCHAIN=local \
            go build -o program . &&
        ./program "$work/source" copy
}

# shellcheck disable=SC2317
with_swig_perl() {
    # shellcheck disable=SC2046 # flags
    "$swig" -perl5 -I"$prefix/include" -outdir . -o wrap.c "$here/creflink.i" &&
        "${CC:-cc}" -shared -fPIC -o creflink.so wrap.c -I"$prefix/include" $(perl -MExtUtils::Embed -e ccopts) \
            -L"$prefix/lib" -lreflink &&
        perl -I. "$here/check_swig.pl" "$work/source" copy
}

# shellcheck disable=SC2317
with_ctypesgen() {
    "$ctypesgen" -L"$prefix/lib" -lreflink "$header" -o creflink.py &&
        PYTHONPATH=. "$python" "$here/check_ctypesgen.py" "$work/layout.txt" "$work/source" copy
}

# shellcheck disable=SC2317
with_luajit() {
    luajit "$here/check_luajit.lua" "$work/declarations" "$prefix/lib/libreflink.so.0" "$work/layout.txt" "$work/source" copy
}

# shellcheck disable=SC2317
with_php() {
    php -d ffi.enable=1 "$here/check_php.php" "$work/declarations" "$prefix/lib/libreflink.so.0" "$work/layout.txt" \
        "$work/source" copy
}

maker bindgen "command -v '$bindgen' && command -v rustc" with_bindgen
maker cffi "'$python' -c 'import cffi'" with_cffi
maker swig "command -v '$swig' && command -v /usr/bin/python3-config" with_swig
maker swig-go "command -v '$swig' && command -v go" with_swig_go
maker swig-perl "command -v '$swig' && perl -MExtUtils::Embed -e ccopts" with_swig_perl
maker ctypesgen "command -v '$ctypesgen'" with_ctypesgen
maker luajit "command -v luajit" with_luajit
maker php "php -r 'exit(extension_loaded(\"FFI\") ? 0 : 1);'" with_php
maker zig "'$python' -m ziglang version" with_zig
exit $failed
