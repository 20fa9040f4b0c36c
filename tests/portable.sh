#!/bin/sh
# The backend that the other Unixes share, run on Linux in the place of its own (--cfg reflink_portable): first its unit tests,
# then the contract of the C interface on every file system here. It cannot clone; what else POSIX lacks is shown as SKIPPED.
# Exits 77, saying why, where that cannot be.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
target=${CARGO_TARGET_DIR:-target}
if [ "$(uname -s)" != Linux ]; then
    echo "SKIPPED: the stand-in for other Unixes runs on Linux only"
    exit 77
fi

# The flag reaches only this crate, so that dependencies are not built twice for the unit tests.
tests=$("$cargo" rustc --quiet --locked --profile test --lib --message-format json -- --cfg reflink_portable |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -n "$tests" ] || { echo "the unit tests do not compile with --cfg reflink_portable" >&2; exit 1; }
"$tests" --quiet

"$cargo" rustc --quiet --locked --release --lib --target-dir "$target/portable" -- --cfg reflink_portable
library=$(realpath "$target/portable/release/libreflink.so")
REFLINK_TEST_PORTABLE=1 REFLINK_LIBRARY=$library "$cargo" test --quiet --locked --test contract
