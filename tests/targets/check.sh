#!/bin/bash
# check.sh [TARGET...]: for each target, checks and lints the library with warnings denied, compiles C programs against the header
# and, where zig can, links both. Writes down what was seen for report.sh. Needs no root. Exits 77 where nothing can be had.
# With QUICK=1 nothing is linked.
# shellcheck disable=SC2317 # the steps are called by name
set -euo pipefail

here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"
work=${CARGO_TARGET_DIR:-$root/target}/targets
results=$work/results${QUICK:+-quick}
export CARGO_TARGET_DIR=$work/cargo
strict=(-std=c99 -Wall -Wextra -Wpedantic -Werror -I "$root/include")

# The C programs of the project that a target's C library has everything for; layout.c needs none at all.
programs() { # TARGET
    local program
    for program in "$root"/tests/c/{layout,promises}.c "$root"/tests/contract-c/*.c "$here"/*.c "$root"/examples-c/*.c; do
        case $(zig_target "$1"):$program in
        *-linux-gnu*:* | *-linux-musl:* | *:*/layout.c) ;;
        *-windows-gnu:*/tests/contract-c/* | *-windows-gnu:*/probe.c) ;;
        *:*/tests/targets/*) continue ;; # they ask Linux
        *-macos:* | *bsd:*) ;;
        *) continue ;;
        esac
        echo "$program"
    done
}

# The steps. Each prints its errors when it fails.
# clippy does what check does, and lints.
lint() { cross_cargo "$1" clippy --quiet --locked --manifest-path "$root/Cargo.toml" -- --deny warnings; }

# What is left of the sources for this target, without macros and without what its cfg attributes rule out: main.rs has the
# header made of it.
expand() {
    RUSTC_BOOTSTRAP=1 cross_cargo "$1" rustc --quiet --locked --lib --profile check --manifest-path "$root/Cargo.toml" \
        -- -Zunpretty=expanded >"$work/expanded/$1.rs"
}

# As strictly as on this machine; layout.c asserts each structure's sizes and offsets.
headers() {
    local program freestanding=()
    [ "$(programs "$1" | wc -l)" != 1 ] || freestanding=(-ffreestanding)
    for program in $(programs "$1"); do
        zig_cc "$1" "${strict[@]}" "${freestanding[@]}" -c "$program" -o "$work/c/$1/object" || return 1
    done
}

libraries() { # TARGET: the shared one, the static one
    local from=$CARGO_TARGET_DIR/$1/release
    case $1 in
    *-windows-*) echo "$from/reflink.dll $from/libreflink.a" ;;
    *-apple-*) echo "$from/libreflink.dylib $from/libreflink.a" ;;
    *) echo "$from/libreflink.so $from/libreflink.a" ;;
    esac
}

# Links a program with each library, to find missing symbols.
link() (
    command=zigbuild
    # run.sh runs the programs for Linux; the others only have to link. Apple's strip is not available here.
    case $1 in *-linux-*) ;; *) export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=false ;; esac
    case $1 in *-netbsd) # which cargo-zigbuild does not know
        command=build
        export CARGO_TARGET_X86_64_UNKNOWN_NETBSD_LINKER=$work/c/$1/linker
        printf '#!/bin/sh\nexec "%s" -m ziglang cc -target %s "$@"\n' "$cache/zig/bin/python" "$(zig_target "$1")" >"$work/c/$1/linker"
        chmod +x "$work/c/$1/linker"
        ;;
    esac
    cross_cargo "$1" "$command" --quiet --release --locked --lib --manifest-path "$root/Cargo.toml" || return 1
    for library in $(libraries "$1"); do
        zig_cc "$1" "${strict[@]}" "$root/tests/c/layout.c" "$library" -lunwind -o "$work/c/$1/layout" || return 1
    done
)

# The shared library exports the functions of the header and nothing else; on Linux it has its name and is not unloaded.
# Exports of a Mach-O or PE library cannot be checked: zig does not get rustc's list of exports.
exports() {
    local library
    library=$(libraries "$1" | cut -d' ' -f1)
    case $library in *.so) ;; *) return 0 ;; esac
    diff <(nm -D --defined-only "$library" | awk '{ print $NF }' | LC_ALL=C sort) \
        <(awk '!/^#/ && NF { print $2 }' "$root/include/reflink.symbols" | LC_ALL=C sort) || return 1
    readelf -d "$library" | grep -q 'soname: \[libreflink.so.0\]' || { echo "its soname is wrong"; return 1; }
    case $1 in
    *-linux-*) readelf -d "$library" | grep -q NODELETE || { echo "it can be unloaded"; return 1; } ;;
    esac
}

# step NAME IF DONE: one of the functions above.
step() {
    [ -z "$failed" ] || return 0
    "$1" "$target" >"$work/c/$target/log" 2>&1 || { failed=$1 && return; }
    [ -z "${2-}" ] || echo "$2" >>"$results/$target.check"
}

check() { # TARGET
    local target=$1 failed='' since=$SECONDS
    mkdir -p "$results" "$work/expanded" "$work/c/$target"
    rm -f "$results/$target.check"
    step lint compiled=yes
    step expand
    step headers "headers=$(programs "$target" | xargs -n 1 basename | tr '\n' ' ')"
    if [ -z "${QUICK-}" ] && [ "$(std_from "$target")" != types ]; then
        step link linked=yes
        step exports
    fi
    [ -n "$failed" ] || { printf '%-32s ok (%d s)\n' "$target" $((SECONDS - since)) && return; }
    printf '%-32s FAILED: %s\n' "$target" "$failed"
    sed 's/^/    /; 60q' "$work/c/$target/log"
    return 1
}

read -ra targets <<<"${*:-$(all_targets | tr '\n' ' ')}"
"$here/environment.sh" "${targets[@]}"
bad=0
for target in "${targets[@]}"; do
    check "$target" || bad=1
done
exit $bad
