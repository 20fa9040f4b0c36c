#!/bin/bash
# windows.sh DESTDIR: builds for Windows (x86-64) on Linux and lays out what a mingw-w64 user installs: bin/reflink.dll, its
# import library, the static one, the headers, and a libreflink.pc that works wherever the tree is moved to. Then checks it:
# the DLL's symbols, what it needs, and a C program built by pkg-config, which runs under Wine. Exits 77 where a tool cannot be had.
set -euo pipefail

[ $# = 1 ] || { echo "usage: $0 DESTDIR" >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
# shellcheck source=../tests/windows/environment.sh source-path=SCRIPTDIR
. "$here/../tests/windows/environment.sh"
mkdir -p "$1"
stage=$(realpath "$1")
built=$(realpath -m "${CARGO_TARGET_DIR:-$windows_root/target}")/windows
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Cargo does not notice a change of the standard library, so what was built with another one is removed.
forget_old() {
    local library
    library=$(if own_std; then rustc -V; else stat -c '%i %Y' "$rust/usr/lib/rustlib/$target/lib"; fi)
    if [ "$(cat "$built/std" 2>/dev/null)" != "$library" ]; then
        rm -rf "${built:?}/$target" "$built/release"
        mkdir -p "$built"
        echo "$library" >"$built/std"
    fi
}

build() {
    # The same source, the same DLL: no time in its headers, no path of this machine, and no symbol table, which has names of
    # rustc's temporary files. (The static library needs its own.)
    local remap="--remap-path-prefix=$windows_root=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
    (
        cd "$windows_root"
        export CARGO_PROFILE_RELEASE_STRIP=symbols
        more_rust_flags="$remap -Clink-arg=-Wl,--no-insert-timestamp" \
            windows_cargo rustc --release --locked --lib --target-dir "$built" -- --print native-static-libs
    ) 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
}

# What rustc says that the static library needs, each once. Not in the log: nothing was compiled this time.
native_libraries() {
    local said
    said=$(sed -n 's/^note: native-static-libs: //p' "$work/log" | tail -n 1)
    [ -z "$said" ] || echo "$said" >"$built/native-static-libs"
    # mingw-w64 finds these by the names that MSVC's tools know them under.
    tr ' ' '\n' <"$built/native-static-libs" | sed 's/^\(.*\)\.lib$/-l\1/' | awk 'NF && !seen[$0]++' | paste -s -d ' '
}

lay_out() {
    local from=$built/$target/release version
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$windows_root/Cargo.toml" | head -n 1)
    install -D -m 755 "$from/reflink.dll" "$stage/bin/reflink.dll"
    install -D -m 644 "$from/libreflink.dll.a" "$stage/lib/libreflink.dll.a"
    install -D -m 644 "$from/libreflink.a" "$stage/lib/libreflink.a"
    install -D -m 644 -t "$stage/include" "$windows_root/include/libreflink.h" "$windows_root/include/libreflink.hpp"
    mkdir -p "$stage/lib/pkgconfig"
    # shellcheck disable=SC2016 # pkg-config's own variables
    sed -e 's|@PREFIX@|${pcfiledir}/../..|' -e 's|@LIBDIR@|${prefix}/lib|' -e 's|@INCLUDEDIR@|${prefix}/include|' \
        -e "s|@VERSION@|$version|" -e "s|@NATIVE_LIBS@|$(native_libraries)|" \
        "$windows_root/packaging/libreflink.pc.in" >"$stage/lib/pkgconfig/libreflink.pc"
    install -D -m 644 -t "$stage/share/doc/libreflink" "$windows_root/LICENSE-MIT" "$windows_root/LICENSE-APACHE"
}

# Exactly the symbols of the list, in the DLL and in its import library.
check_symbols() {
    awk '!/^#/ && NF { print $2 }' "$windows_root/include/reflink.symbols" | sort >"$work/wanted"
    x86_64-w64-mingw32-objdump -p "$stage/bin/reflink.dll" |
        awk '/\[Ordinal\/Name Pointer\] Table/ { names = 1; next } NF == 0 { names = 0 } names { print $NF }' |
        sort >"$work/exported"
    x86_64-w64-mingw32-nm "$stage/lib/libreflink.dll.a" | sed -n 's/^[0-9a-f]* T //p' | sort >"$work/imported"
    diff -u "$work/wanted" "$work/exported" || { echo "windows.sh: the DLL exports something else" >&2; exit 1; }
    diff -u "$work/wanted" "$work/imported" || { echo "windows.sh: the import library has something else" >&2; exit 1; }
    echo "reflink.dll exports the $(wc -l <"$work/wanted") symbols of include/reflink.symbols"
}

# Imports only DLLs that every Windows has, none of the compiler's.
check_needed() {
    local needed
    needed=$(x86_64-w64-mingw32-objdump -p "$stage/bin/reflink.dll" | sed -n 's/.*DLL Name: //p' | tr '[:upper:]' '[:lower:]' | sort -u)
    for dll in $needed; do
        case $dll in
        kernel32.dll | ntdll.dll | bcrypt.dll | bcryptprimitives.dll | advapi32.dll | msvcrt.dll | ws2_32.dll | userenv.dll) ;;
        api-ms-win-*) ;;
        *) echo "windows.sh: reflink.dll needs $dll" >&2; exit 1 ;;
        esac
    done
    echo "reflink.dll needs ${needed//$'\n'/ }"
}

# flags ARGUMENT...: pkg-config's answer for this tree alone.
flags() { PKG_CONFIG_LIBDIR=$stage/lib/pkgconfig PKG_CONFIG_PATH='' pkg-config "$@" libreflink; }

check_program() {
    local warnings='-std=c99 -Wall -Wextra -Wpedantic -Werror' source=$windows_root/tests/c/layout.c
    # shellcheck disable=SC2046,SC2086 # words
    windows_cc $warnings -o "$work/layout.exe" "$source" $(flags --cflags --libs)
    # shellcheck disable=SC2046,SC2086
    windows_cc $warnings -static -o "$work/layout-static.exe" "$source" $(flags --static --cflags --libs)
    cp "$stage/bin/reflink.dll" "$work"
    wine_prefix "$built/wine"
    run_in_wine 60 "$work/layout.exe"
    rm "$work/reflink.dll"
    run_in_wine 60 "$work/layout-static.exe"
    wine_end
    echo "a C program built by pkg-config runs under Wine, linked with the DLL and with the static library"
}

mingw
standard_library
forget_old
build
lay_out
check_symbols
check_needed
check_program
