#!/bin/sh
# check-growth.sh DIRECTORY (of the current library).
# A program compiled against the header of the last release (before the first one: of now) runs with a later library, whose
# structures have grown. Such a library is made here from a copy of the source, with one more member in each structure.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${CARGO:=cargo}" "${CC:=cc}" "${NATIVE_LIBS:=-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc}"
export CC NATIVE_LIBS
target=${CARGO_TARGET_DIR:-$here/target}/growth

mkdir "$work/source" "$work/first" "$work/run"
cd "$here"
cp -r Cargo.toml Cargo.lock build.rs src include tests packaging "$work/source"
[ ! -d .cargo ] || cp -r .cargo vendor "$work/source"
released=packaging/abi/libreflink.h
[ -f "$released" ] || released=include/libreflink.h
cp "$released" "$work/first"

capi=$work/source/src/capi
# The asserted layouts are the current ones. A grown library writes 0x4c into its new members.
: > "$capi/layout.rs"
sed -i -E -e 's/^    pub reserved: \*mut .*/&\n    \/\/\/ New.\n    pub later: u64,/' "$capi/options.rs"
sed -i -E -e 's/^    pub (litter|fs_name): .*/&\n    \/\/\/ New.\n    pub later: u64,/' \
    -e 's/^        (litter: .*|fs_name,)$/&\n        later: 0x4c4c_4c4c_4c4c_4c4c,/' "$capi/result.rs" "$capi/capability.rs"
# Trees make the options of their files.
sed -i -E -e '/= reflink_options \{/,/\};/s/^        reserved: .*/&\n        later: 0,/' "$capi/trees/asked.rs"
if [ "$(cat "$capi"/*.rs | grep -c 'pub later: u64')" != 3 ] || [ "$(cat "$capi"/*.rs | grep -c 'later: 0x4c')" != 2 ]; then
    echo "check-growth.sh: src/capi is written in another way now" >&2
    exit 2
fi

(cd "$work/source" && CARGO_TARGET_DIR=$target $CARGO build --quiet --release --locked)
"$work/source/packaging/link.sh" "$target/release/libreflink.a" "$work/grown" 0 0.99.0

$CC -std=c99 -D_DEFAULT_SOURCE -I"$work/first" -o "$work/sizes" tests/c/consumer_sizes.c -L"$work/grown" -lreflink
$CC -std=c99 -D_POSIX_C_SOURCE=200809L -I"$work/first" -o "$work/use" tests/c/consumer_use.c -L"$work/grown" -lreflink
for program in sizes use; do
    mkdir "$work/run/$program"
    LD_LIBRARY_PATH=$work/grown "$work/$program" "$work/run/$program" > /dev/null
    echo "consumer_$program, made with $released: runs with a library of larger structures"
done

# The reverse: a program made with a later header, with the current library.
sed -E -e '/^struct reflink_options \{/,/^\};/s/^  void \*reserved;/&\n  uint64_t later;/' \
    -e '/^struct reflink_result \{/,/^\};/s/^  char litter.*/&\n  uint64_t later;/' \
    -e '/^struct reflink_capability \{/,/^\};/s/^  char fs_name.*/&\n  uint64_t later;/' \
    -e '/^#define REFLINK_(OPTIONS|RESULT|CAPABILITY)_INIT/s/ \}$/, 0 }/' include/libreflink.h > "$work/first/libreflink.h"
[ "$(grep -c 'uint64_t later;' "$work/first/libreflink.h")" = 3 ] || exit 2
# consumer_sizes assumes that its header is the older one, so it cannot test this.
$CC -std=c99 -Wall -Werror -D_POSIX_C_SOURCE=200809L -I"$work/first" -o "$work/use" tests/c/consumer_use.c -L"$1" -lreflink
mkdir "$work/run/later"
LD_LIBRARY_PATH=$1 "$work/use" "$work/run/later" > /dev/null
echo "consumer_use, made with a later header of larger structures: runs with this library"
