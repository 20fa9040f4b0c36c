#!/bin/bash
# check.sh [TARGET...]: for each Linux target, compiles and lints the library with warnings denied, links it, compiles C programs
# against the header, and looks at what came out. Needs no root. Exits 77 where nothing can be had.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"
work=${CARGO_TARGET_DIR:-$root/target}/targets
export CARGO_TARGET_DIR=$work/cargo
log=$CARGO_TARGET_DIR/check.log

# Each step leaves what it has to say in the log.
lint() { cross_cargo clippy --quiet --locked --target "$1" --manifest-path "$root/Cargo.toml" -- --deny warnings >"$log" 2>&1; }

link() { cross_cargo zigbuild --quiet --release --locked --lib --target "$1" --manifest-path "$root/Cargo.toml" >"$log" 2>&1; }

# The shared library has its name, is not unloaded, and exports the functions of the header and nothing else.
exports() {
    local library=$CARGO_TARGET_DIR/$1/release/libreflink.so
    readelf -d "$library" >"$log"
    grep -q 'soname: \[libreflink.so.0\]' "$log" && grep -q NODELETE "$log" || return 1
    diff <(nm -D --defined-only "$library" | awk '{ print $NF }' | LC_ALL=C sort) \
        <(awk '!/^#/ && NF { print $2 }' "$root/include/reflink.symbols" | LC_ALL=C sort) >"$log"
}

# Each C program of the project, as strictly as on this machine; layout.c asserts each structure's sizes and offsets.
headers() {
    local program
    for program in "$root"/tests/c/{layout,promises}.c "$here"/*.c "$root"/examples-c/*.c; do
        zig_cc "$1" -std=c99 -Wall -Wextra -Wpedantic -Werror -I "$root/include" -c "$program" -o "$log.o" >"$log" 2>&1 || return 1
    done
}

read -ra targets <<<"${*:-$(all_targets | tr '\n' ' ')}"
"$here/environment.sh" "${targets[@]}"
mkdir -p "$CARGO_TARGET_DIR" "$work/results"
bad=0
for target in "${targets[@]}"; do
    since=$SECONDS
    step=''
    rm -f "$work/results/$target.check"
    if lint "$target"; then echo yes; else echo "with warnings"; fi >"$work/results/$target.check"
    grep -qx yes "$work/results/$target.check" || step=clippy
    [ -n "$step" ] || link "$target" || step="link"
    [ -n "$step" ] || exports "$target" || step=exports
    [ -n "$step" ] || headers "$target" || step=headers
    if [ -n "$step" ]; then
        printf '%-32s FAILED: %s\n' "$target" "$step"
        sed 's/^/    /' "$log"
        bad=1
        continue
    fi
    printf '%-32s ok (%d s)\n' "$target" $((SECONDS - since))
done
exit $bad
