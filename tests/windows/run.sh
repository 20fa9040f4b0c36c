#!/bin/bash
# run.sh [TEST]: the contract of the Windows build, under Wine: builds and stages the library as packaging/windows.sh does, compiles
# the C programs here and tests/c/layout.c against it, and runs them. Ends with "N passed, N failed, N skipped".
# Exits 77 where mingw-w64, a standard library or Wine cannot be had. What real Windows answers, nothing here can say.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=environment.sh source-path=SCRIPTDIR
. "$here/environment.sh"
build=$(realpath -m "${CARGO_TARGET_DIR:-$windows_root/target}")/windows
stage=$build/stage
"$windows_root/packaging/windows.sh" "$stage"
wine_prefix "$build/wine"

# The directory that the tests run in, as Windows calls it.
work=$(mktemp -d "$build/run.XXXXXX")
trap 'wine_end; rm -rf "$work"' EXIT
mkdir "$work/tests" "$work/programs"
cp "$stage/bin/reflink.dll" "$work/programs"

# shellcheck disable=SC2046 # words
windows_cc -std=c99 -D_WIN32_WINNT=0x0A00 -D__USE_MINGW_ANSI_STDIO=1 -Wall -Wextra -Werror -O1 -o "$work/programs/contract.exe" \
    "$here"/{harness,copies,names,handles,arguments}.c \
    $(PKG_CONFIG_LIBDIR=$stage/lib/pkgconfig PKG_CONFIG_PATH='' pkg-config --cflags --libs libreflink)

echo "Wine: $("$wine" --version)"
run_in_wine 900 "$work/programs/contract.exe" "Z:${work//\//\\}\\tests" "$@"
