# shellcheck shell=bash
# The targets: what each is called by Rust and by zig, where its standard library comes from, and what can run or simulate it here.
# Sourced by the other scripts here.

# std        An architecture of Debian's, which has the standard library and a C library; "built": made from Rust's sources, so that zig
#            can link for it; "types": from the same sources, but for the compiler alone: zig can link nothing for these systems.
# runs with  "native" needs no emulator; a user-mode qemu; "wine" (make test-windows); "-" nothing.
# zig        Its name for the target; for Solaris, which it no longer knows, that of illumos: the ABI of C is the same.
# simulated  The rules of its clones, as a model in src/sys that the unit tests run: the module's name.
#
#  rust                            std      zig                       runs with      simulated
targets_table='
  x86_64-unknown-linux-gnu         amd64    x86_64-linux-gnu          native         -
  i686-unknown-linux-gnu           i386     x86-linux-gnu             native         -
  x86_64-unknown-linux-musl        built    x86_64-linux-musl         native         -
  aarch64-unknown-linux-gnu        arm64    aarch64-linux-gnu         qemu-aarch64   -
  armv7-unknown-linux-gnueabihf    armhf    arm-linux-gnueabihf       qemu-arm       -
  riscv64gc-unknown-linux-gnu      riscv64  riscv64-linux-gnu         qemu-riscv64   -
  powerpc64le-unknown-linux-gnu    ppc64el  powerpc64le-linux-gnu     qemu-ppc64le   -
  s390x-unknown-linux-gnu          s390x    s390x-linux-gnu           qemu-s390x     -
  aarch64-linux-android            types    aarch64-linux-android     -              -
  x86_64-pc-windows-gnu            types    x86_64-windows-gnu        wine           refs
  x86_64-pc-windows-gnullvm        types    x86_64-windows-gnu        -              refs
  x86_64-pc-windows-msvc           types    x86_64-windows-msvc       -              refs
  aarch64-pc-windows-msvc          types    aarch64-windows-msvc      -              refs
  aarch64-apple-darwin             built    aarch64-macos             -              apfs
  x86_64-apple-darwin              built    x86_64-macos              -              apfs
  aarch64-apple-ios                types    aarch64-ios               -              apfs
  x86_64-unknown-freebsd           built    x86_64-freebsd            -              clone_flag
  x86_64-unknown-netbsd            built    x86_64-netbsd             -              -
  x86_64-unknown-openbsd           built    x86_64-openbsd            -              -
  x86_64-unknown-dragonfly         types    x86_64-dragonfly          -              -
  x86_64-unknown-illumos           types    x86_64-illumos            -              -
  x86_64-pc-solaris                types    x86_64-illumos            -              -
'

cache=${REFLINK_TARGETS_CACHE:-$HOME/.cache/libreflink-targets}
export ZIG_GLOBAL_CACHE_DIR=$cache/zig-cache
rust=$cache/rust   # Debian's compiler for web browsers, unpacked, with the standard library of each target
types=$cache/types # a folder like it, of standard libraries without code

all_targets() { awk 'NF { print $1 }' <<<"$targets_table"; }
linux_targets() { all_targets | grep -- -unknown-linux-; }

# column TARGET NUMBER: one word of the table above.
column() {
    local word
    word=$(awk -v target="$1" -v number="$2" '$1 == target { print $number }' <<<"$targets_table")
    [ -n "$word" ] || { echo "no such target: $1" >&2; exit 2; }
    echo "$word"
}

std_from() { column "$1" 2; }
zig_target() { column "$1" 3; }
runs_with() { column "$1" 4; }
simulated_by() { column "$1" 5; }

# Whether its standard library has code.
has_code() { [ -e "$rust/usr/lib/rustlib/$1" ]; }

rust_flags() { # TARGET
    # Else musl's target makes no shared library.
    case $1 in *-musl) printf '%s ' -Ctarget-feature=-crt-static ;; esac
    has_code "$1" || printf '%s ' "--sysroot=$types"
    echo "${more_rust_flags-}"
}

# cross_cargo TARGET COMMAND ARGUMENT...: cargo with the compiler unpacked in the cache; "zigbuild" and "test" link by zig.
# What the caller has in $more_rust_flags is said to the compiler too.
cross_cargo() {
    local target=$1 command=$2 real variable
    shift 2
    real=$(rustup which cargo 2>/dev/null || command -v cargo)
    variable=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_RUSTFLAGS
    (
        # Settings for the caller's own cargo do not apply to this one.
        unset RUSTUP_TOOLCHAIN RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_TARGET
        export LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu RUSTC=$rust/usr/bin/rustc RUSTDOC=$rust/usr/bin/rustdoc
        export CARGO=$real PATH=$rust/usr/bin:${real%/*}:$PATH "$variable=$(rust_flags "$target")"
        export CARGO_ZIGBUILD_ZIG_PATH=$cache/zig/bin/python-zig
        case $command in
        clippy) exec nice "$rust/usr/bin/cargo-clippy" clippy --target "$target" "$@" ;;
        zigbuild | test) exec nice "$cache/zig/bin/cargo-zigbuild" "$command" --target "$target" "$@" ;;
        *) exec nice "$real" "$command" --target "$target" "$@" ;;
        esac
    )
}

# zig_cc TARGET ARGUMENT...: a C compiler and linker for it.
zig_cc() {
    local target=$1
    shift
    nice "$cache/zig/bin/python" -m ziglang cc -target "$(zig_target "$target")" "$@"
}
