#!/bin/sh
# run.sh SECONDS TARGET_DIR: runs each fuzz target for SECONDS, starting from the committed corpus. New inputs stay in
# TARGET_DIR/fuzz-corpus. Needs a nightly toolchain; installs cargo-fuzz into TARGET_DIR if it is missing.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
mkdir -p "$2"
scratch=$(cd "$2" && pwd)

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "SKIPPED: fuzz: no nightly toolchain (rustup toolchain install nightly)"
    exit 0
fi
PATH=$scratch/fuzz-tools/bin:$PATH
if ! command -v cargo-fuzz >/dev/null 2>&1; then
    cargo install --quiet --locked --version 0.13.2 --root "$scratch/fuzz-tools" cargo-fuzz || {
        echo "SKIPPED: fuzz: no cargo-fuzz, and it cannot be installed"
        exit 0
    }
fi

wrong=0
for target in plan options names; do
    mkdir -p "$scratch/fuzz-corpus/$target"
    log=$scratch/fuzz-$target.log
    if cargo +nightly fuzz run --target-dir "$scratch/fuzz" "$target" "$scratch/fuzz-corpus/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -artifact_prefix="$scratch/" >"$log" 2>&1; then
        echo "fuzz $target: $(sed -n 's/^Done //p' "$log")"
    else
        tail -n 40 "$log"
        echo "fuzz $target: FAILED (the input is beside $log)"
        wrong=1
    fi
done
exit $wrong
