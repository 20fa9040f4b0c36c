#!/bin/bash
# run.sh [TEST]: the contract of the Windows build, under Wine: builds and stages the library as packaging/windows.sh does, and runs
# the program of tests/contract-c, a C++ program with libreflink.hpp, and tests/c/layout.c. Ends with "N passed, N failed, N skipped".
# Exits 77 where mingw-w64, a standard library or Wine cannot be had. What real Windows answers, nothing here can say.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=environment.sh source-path=SCRIPTDIR
. "$here/environment.sh"
build=$(realpath -m "${CARGO_TARGET_DIR:-$windows_root/target}")/windows
stage=$build/stage
passed=0 failed=0 skipped=0

need x86_64-w64-mingw32-g++-win32 g++-mingw-w64-x86-64-win32
"$windows_root/packaging/windows.sh" "$stage" # its own check runs tests/c/layout.c
wine_prefix "$build/wine"

work=$(mktemp -d "$build/run.XXXXXX")
trap 'wine_end; rm -rf "$work"' EXIT
mkdir "$work/contract" "$work/wrapper" "$work/programs"
cp "$stage/bin/reflink.dll" "$work/programs"

# flags ARGUMENT...: what pkg-config says of the staged tree.
flags() { PKG_CONFIG_LIBDIR=$stage/lib/pkgconfig PKG_CONFIG_PATH='' pkg-config "$@" libreflink; }

# A directory of this machine, as Windows calls it.
on_z() { printf 'Z:%s' "${1//\//\\}"; }

compile() { # COMPILER STANDARD OUT FILE...
    # shellcheck disable=SC2046 # words
    nice "$1" "-std=$2" -D_WIN32_WINNT=0x0A00 -D__USE_MINGW_ANSI_STDIO=1 -Wall -Wextra -Wpedantic -Werror -O1 -o "$work/programs/$3" \
        "${@:4}" $(flags --cflags --libs)
}

# The library's own tests, as far as they need no model of a Unix: tables, names, times, the rules of cloning.
unit_tests() {
    (
        cd "$windows_root"
        export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=$wine RUST_BACKTRACE=0
        more_rust_flags='' windows_cargo test --quiet --locked --lib --target-dir "$build" </dev/null
    ) >"$work/output" 2>&1 || true
    sed -nE 's/^test result: [a-zA-Z]+\. ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored;.*/\1 passed, \2 failed, \3 skipped/p' \
        "$work/output" >"$work/counts"
    if grep -q ' 0 failed' "$work/counts"; then
        echo "ok: the library's own tests: $(cat "$work/counts") (what is skipped has numbers of Linux)"
    else
        cat "$work/output"
        echo "FAILED: the library's own tests"
    fi
    counted "$work/counts"
}

# Takes over the counts that a program ends with.
counted() { # OUTPUT
    local line
    line=$(tail -n 1 "$1")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    else
        echo "FAILED: the program did not come to its end"
        failed=$((failed + 1))
    fi
}

compile x86_64-w64-mingw32-gcc-win32 c99 contract.exe "$here"/../contract-c/*.c
compile x86_64-w64-mingw32-g++-win32 c++17 wrapper.exe -static-libgcc -static-libstdc++ "$here/wrapper.cpp"

echo "Wine: $("$wine" --version)"
REFLINK_FS_LIMIT=900 run_in_wine 950 "$work/programs/contract.exe" ${1:+-t "$1"} "$(on_z "$work/contract")" | tr -d '\r' | tee "$work/output" | sed '$d' || true
counted "$work/output"
if [ $# = 0 ]; then
    unit_tests
    if run_in_wine 60 "$work/programs/wrapper.exe" "$(on_z "$work/wrapper")"; then
        echo "ok: libreflink.hpp"
        passed=$((passed + 1))
    else
        echo "FAILED: libreflink.hpp"
        failed=$((failed + 1))
    fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
