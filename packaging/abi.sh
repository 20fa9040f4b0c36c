#!/bin/sh
# abi.sh dump | check | selftest: compares the header's ABI with that of the last release, kept in packaging/abi.
# Before the first release there is no such directory, and check says so.
# libabigail cannot read the types of a Rust library (each function is "void f()" to it). So this script makes a C library
# with the header's functions, all empty, and compares that. tests/install checks what the real library exports.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
kept=$here/packaging/abi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The functions of the header on standard input, each with an empty body.
bodies() {
    awk '
        /^ *\/\*/ || in_comment { in_comment = !/\*\//; next }
        /^[a-z][a-z0-9_ *]* \**reflink_[a-z_]+\(/ { declaration = "" ; inside = 1 }
        inside { declaration = declaration " " $0 }
        inside && /;$/ { sub(/;$/, " { return 0; }", declaration); print declaration; inside = 0 }
    '
}

stand_in() { # HEADER LIBRARY
    mkdir -p "$work/include"
    cp "$1" "$work/include/libreflink.h"
    { echo '#include "libreflink.h"'; bodies < "$1"; } > "$work/stand-in.c"
    count=$(grep -c 'return 0' "$work/stand-in.c")
    # All declared functions must be there, or a change of one would go unnoticed.
    declared=$(grep -c -E '^[a-z].*[ *]reflink_[a-z_]+\(' "$1")
    if [ "$count" != "$declared" ] || [ "$count" = 0 ]; then
        echo "abi.sh: $count of $declared functions understood in $1" >&2
        exit 2
    fi
    (cd "$work" && ${CC:-cc} -g -O0 -w -shared -fPIC -Iinclude -Wl,-soname,libreflink.so.0 -o "$2" stand-in.c)
}

# The header without members added at the ends of structures since the last release: `size` makes those compatible.
# (A suppression for libabigail, has_data_member_inserted_at = end, lets version 2.2 pass over any other change too.)
without_growth() { # HEADER
    awk '
        FNR == 1 { file++ }
        /^struct reflink_[a-z_]+ \{/ { name = $2; members = 0 }
        file == 1 { if (name && /;$/ && !/^};/) { known[name]++ } }
        file == 2 {
            grown = name && members >= known[name] && (name in known)
            if (!grown || /^};/) { print }
            if (name && /;$/) { members++ }
        }
        /^};/ { name = "" }
    ' "$kept/libreflink.h" "$1"
}

# New functions are compatible too.
compare() { # HEADER
    without_growth "$1" > "$work/same-size.h"
    stand_in "$work/same-size.h" "$work/now.so"
    abidiff --no-added-syms "$kept/libreflink.so.0.abi" "$work/now.so"
}

# Numbers are a part of the ABI that no debugging information shows.
constants() { # HEADER
    sed -n -E 's/^#define (REFLINK_[A-Z_]+) (.*)/\1 \2/p' "$1" | grep -v -E '^REFLINK_(VERSION_|[A-Z]*_INIT|NODISCARD)' | sort
}

compare_constants() { # HEADER
    constants "$kept/libreflink.h" > "$work/constants.then"
    constants "$1" > "$work/constants.now"
    gone=$(comm -23 "$work/constants.then" "$work/constants.now")
    [ -z "$gone" ] || { echo "constants that are gone or have another value:"; echo "$gone"; return 1; }
}

dump() {
    mkdir -p "$kept"
    cp "$here/include/libreflink.h" "$kept/libreflink.h"
    echo 'DisableFormat: true' > "$kept/.clang-format" # kept as cbindgen made it
    stand_in "$here/include/libreflink.h" "$work/now.so"
    # Without paths and lines: they are not part of the ABI and differ between machines.
    abidw --no-comp-dir-path --no-corpus-path --no-show-locs --no-elf-needed --out-file "$kept/libreflink.so.0.abi" "$work/now.so"
}

check() {
    if [ ! -f "$kept/libreflink.h" ]; then
        echo "SKIPPED: there is no release yet, so no ABI to compare with (a release runs: make abi-dump)"
        return
    fi
    compare "$here/include/libreflink.h" && compare_constants "$here/include/libreflink.h"
}

# A check that cannot fail is none. Against the header as it is, each kind of break must be found, and additions must pass.
selftest() {
    kept=$work/kept
    dump
    try() { # breaks|passes WHAT SED_EXPRESSION
        sed -E "$3" "$here/include/libreflink.h" > "$work/changed.h"
        cmp -s "$here/include/libreflink.h" "$work/changed.h" && { echo "abi.sh: nothing changed by: $2" >&2; exit 1; }
        if compare "$work/changed.h" > "$work/said" 2>&1 && compare_constants "$work/changed.h" >> "$work/said"; then
            result=passes
        else
            result=breaks
        fi
        [ "$result" = "$1" ] || { echo "abi.sh: $2: $result" >&2; cat "$work/said" >&2; exit 1; }
        echo "$2: $result, as it should"
    }
    try breaks "another type of a parameter" 's/uint64_t src_offset/uint32_t src_offset/'
    try breaks "another type returned" 's/^uint32_t reflink_version_number/uint64_t reflink_version_number/;s/^int reflink_probe\(/unsigned reflink_probe(/'
    try breaks "a member of another type" 's/^  int32_t clone_error;/  int64_t clone_error;/'
    try breaks "a member in the middle" 's/^(  uint32_t if_exists;)/  uint32_t inserted;\n  uint32_t inserted2;\n\1/'
    try breaks "a member removed" '/^  void \*user;/d'
    try breaks "a function removed" '/^uint32_t reflink_version_number/d'
    try breaks "a constant of another value" 's/^(#define REFLINK_ALWAYS) 0x1/\1 0x2/'
    try breaks "a constant removed" '/^#define REFLINK_NEVER/d'
    try passes "a member at the end" 's/^(  void \*reserved;)/\1\n  uint64_t later;/'
    try passes "a function more" 's/^(uint32_t reflink_version_number\(void\);)/\1\nint reflink_later(int code);/'
    try passes "a constant more" 's/^(#define REFLINK_NEVER 0x2)/\1\n#define REFLINK_LATER 0x3/'
}

case ${1-} in
    dump) dump ;;
    check) check ;;
    selftest) selftest ;;
    *) echo "abi.sh dump | check | selftest" >&2; exit 2 ;;
esac
