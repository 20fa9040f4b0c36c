# shellcheck shell=bash
# The Linux targets: what each is called by Rust, by Debian and by zig, and what runs it on an x86_64 machine.
# Sourced by the other scripts here. "native" needs no emulator; the rest name their user-mode qemu.

#  rust                            debian   zig                       runs with
linux_targets='
  x86_64-unknown-linux-gnu         amd64    x86_64-linux-gnu          native
  i686-unknown-linux-gnu           i386     x86-linux-gnu             native
  x86_64-unknown-linux-musl        musl     x86_64-linux-musl         native
  aarch64-unknown-linux-gnu        arm64    aarch64-linux-gnu         qemu-aarch64
  armv7-unknown-linux-gnueabihf    armhf    arm-linux-gnueabihf       qemu-arm
  riscv64gc-unknown-linux-gnu      riscv64  riscv64-linux-gnu         qemu-riscv64
  powerpc64le-unknown-linux-gnu    ppc64el  powerpc64le-linux-gnu     qemu-ppc64le
  s390x-unknown-linux-gnu          s390x    s390x-linux-gnu           qemu-s390x
'

cache=${REFLINK_TARGETS_CACHE:-$HOME/.cache/libreflink-targets}
export ZIG_GLOBAL_CACHE_DIR=$cache/zig-cache
rust=$cache/rust # Debian's compiler for web browsers, unpacked, with the standard library of each target

all_targets() { awk 'NF { print $1 }' <<<"$linux_targets"; }

# column TARGET NUMBER: one word of the table above.
column() {
    local word
    word=$(awk -v target="$1" -v number="$2" '$1 == target { print $number }' <<<"$linux_targets")
    [ -n "$word" ] || { echo "no such target: $1" >&2; exit 2; }
    echo "$word"
}

debian_arch() { column "$1" 2; }
zig_target() { column "$1" 3; }
runs_with() { column "$1" 4; }

# cross_cargo ARGUMENT...: cargo with the compiler unpacked in the cache; "zigbuild" and "test" link by zig. What the caller has
# in $link_flags goes to the linker of the targets that run without an emulator and with a C library of their own.
cross_cargo() {
    local real
    real=$(rustup which cargo 2>/dev/null || command -v cargo)
    (
        unset RUSTUP_TOOLCHAIN
        export LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu RUSTC=$rust/usr/bin/rustc RUSTDOC=$rust/usr/bin/rustdoc
        export CARGO=$real PATH=$rust/usr/bin:${real%/*}:$PATH
        # Else musl's target makes no shared library.
        export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-Ctarget-feature=-crt-static ${link_flags-}"
        export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS=${link_flags-}
        # The standard library that environment.sh builds has no bitcode to optimise when linking.
        case " $* " in *-linux-musl\ *) export CARGO_PROFILE_RELEASE_LTO=off ;; esac
        export CARGO_ZIGBUILD_ZIG_PATH=$cache/zig/bin/python-zig
        case ${1-} in
        clippy) exec nice "$rust/usr/bin/cargo-clippy" "$@" ;;
        zigbuild | test) exec nice "$cache/zig/bin/cargo-zigbuild" "$@" ;;
        *) exec nice "$real" "$@" ;;
        esac
    )
}

# zig_cc TARGET ARGUMENT...: a C compiler and linker for it.
zig_cc() {
    local target=$1
    shift
    nice "$cache/zig/bin/python" -m ziglang cc -target "$(zig_target "$target")" "$@"
}
