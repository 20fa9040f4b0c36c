#!/bin/bash
# environment.sh [TARGET...]: fetches, once, what checks, links and runs the targets, into a cache outside the tree.
# Installs nothing but, as root, python3-venv; exits 77, saying why, where this machine cannot have it. For amd64 machines.
# With QUICK=1, what `make test` needs: of systems other than Linux no standard library that could be linked.
#
#   rust/         rustc-web of Debian bookworm (unpacked; runs on any newer Debian or Ubuntu) and, beside its own, the
#                 standard libraries that trixie has built with the same version; others are built from its sources
#   types/        standard libraries from the same sources, without code: enough to check, in a third of the time
#   root-ARCH/    the C library that a target's programs run with
#   qemu/         user-mode emulators, static; nothing is registered with the kernel
#   zig/          a C compiler and linker for every target: zig.sh
set -euo pipefail

here=$(dirname "$(realpath "$0")")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=$cache/apt

say() { echo "targets: $*" >&2; }
unavailable() { say "NOT AVAILABLE: $*"; exit 77; }

# The mirror that this machine uses already, if it is a Debian one.
mirror() {
    local found
    found=$(sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *([^ ]*\/debian)\/?( .*)?$/\3/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1) || true
    echo "${DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
}

# An apt of its own: other suites and architectures than the host's, which stays as it is.
private_apt() {
    local architectures debian
    debian=$(mirror)
    [ -e "$keyring" ] || unavailable "$keyring is missing (package debian-archive-keyring)"
    mkdir -p "$apt"/{lists/partial,archives/partial,parts,debs}
    : >"$apt/status"
    architectures=$(for target in "${targets[@]}"; do std_from "$target"; done | sed '/built\|types/d; s/.*/"&";/')
    cat >"$apt/sources.list" <<SOURCES
deb [signed-by=$keyring] $debian bookworm main
deb [signed-by=$keyring arch=amd64] $debian-security bookworm-security main
deb [signed-by=$keyring] $debian trixie main
SOURCES
    cat >"$apt/conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "$apt/parts"; Dir::Etc::preferencesparts "$apt/parts";
Dir::Etc::preferences "/dev/null"; Dir::State::status "$apt/status"; Dir::State::lists "$apt/lists"; Dir::Cache "$apt";
APT::Sandbox::User "root"; APT::Architecture "amd64"; APT::Architectures { "amd64"; ${architectures//$'\n'/ } };
Acquire::Languages "none"; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
    say "reading the lists of bookworm and trixie"
    # What cannot be reached is but a warning to apt.
    APT_CONFIG=$apt/conf apt-get -qq update >&2 || true
    APT_CONFIG=$apt/conf apt-cache show rustc-web >/dev/null 2>&1 ||
        unavailable "nothing to be had from $debian: no network?"
}

# versions NAME RELEASE: what the lists have of a package, the newest first.
versions() {
    APT_CONFIG=$apt/conf apt-cache madison "$1" | awk -F ' *[|] *' -v release="${2%%-*}" '$3 ~ " " release "[-/]" { print $2 }'
}

# download NAME/SUITE or NAME=VERSION: where a mirror no longer has what its lists say is the newest of a suite, the next version
# of that release.
download() {
    local version
    APT_CONFIG=$apt/conf apt-get -qq download "$1" && return
    case $1 in */*) ;; *) return 1 ;; esac
    for version in $(versions "${1%/*}" "${1#*/}"); do
        say "instead of $1: $version"
        APT_CONFIG=$apt/conf apt-get -qq download "${1%/*}=$version" && return
    done
    return 1
}

# unpack FOLDER PACKAGE...: complete or not there at all.
unpack() {
    local to=$1 deb
    shift
    [ -e "$apt/conf" ] || private_apt
    say "unpacking $* into $to"
    rm -rf "$to.new" "$apt/debs"
    mkdir -p "$to.new" "$apt/debs"
    for deb; do
        (cd "$apt/debs" && download "$deb") >&2 || unavailable "apt cannot get $deb"
    done
    for deb in "$apt"/debs/*.deb; do
        dpkg-deb -x "$deb" "$to.new" || unavailable "${deb##*/} cannot be unpacked"
    done
    rm -rf "$apt/debs" "$to"
    mv "$to.new" "$to"
}

# All that is made from one source has one version; what the compiler is linked with and this machine may lack comes with it.
compiler_packages() { # VERSION
    local std
    std=$(APT_CONFIG=$apt/conf apt-cache depends "libstd-rust-web-dev=$1" | awk '/Depends: libstd-rust-web-[0-9]/ { print $2; exit }')
    printf "%s=$1\n" rustc-web libstd-rust-web-dev rust-web-src rust-web-clippy "$std"
    APT_CONFIG=$apt/conf apt-cache depends "$std=$1" | awk '/Depends: libllvm/ { print $2 "/bookworm-security" }'
    printf '%s/bookworm\n' libedit2 libz3-4 libbsd0 libmd0
}

compiler() {
    local version
    [ ! -e "$rust" ] || return 0
    private_apt
    for version in $(versions rustc-web bookworm | uniq); do
        # Where the mirror no longer has all of it, the next version.
        # shellcheck disable=SC2046 # words
        (unpack "$rust" $(compiler_packages "$version")) && break
    done
    LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu "$rust/usr/bin/rustc" -V >&2 ||
        unavailable "Debian's rustc-web does not run here"
}

# from_sources TARGET build|check TO: the standard library of a target that Debian has none for. The C library that it is
# linked with is the linker's business, here zig's. With bitcode, so that programs are optimised when they are linked. As a
# shared library, which nothing uses, it would have to be linked here already.
from_sources() {
    local library
    [ ! -e "$3" ] || return 0
    library=$(echo "$rust"/usr/src/rustc-*/library)
    sed -i 's/^crate-type = .*"dylib".*/crate-type = ["rlib"]/' "$library/std/Cargo.toml"
    say "building the standard library of $1 (about a minute)"
    RUSTC_BOOTSTRAP=1 more_rust_flags='-Zforce-unstable-if-unmarked -Cpanic=unwind -Cembed-bitcode=yes' \
        cross_cargo "$1" "$2" --quiet --release --manifest-path "$library/sysroot/Cargo.toml" \
        --features backtrace,panic-unwind --target-dir "$cache/std" >&2 ||
        unavailable "the standard library of $1 does not build"
    mkdir -p "$3.new/lib"
    find "$cache/std/$1/release/deps" -name "*.$([ "$2" = check ] && echo rmeta || echo rlib)" -exec cp {} "$3.new/lib/" \;
    mv "$3.new" "$3"
}

# The standard library of another Debian architecture, from trixie: as long as it is of the very same version, which the
# compiler insists on.
foreign_std() { # ARCH TARGET
    local to=$rust/usr/lib/rustlib/$2
    [ ! -e "$to" ] || return 0
    (unpack "$cache/foreign" "libstd-rust-web-dev:$1/trixie") && mv "$cache/foreign/usr/lib/rustlib/$2" "$to"
    rm -rf "$cache/foreign"
    echo 'pub fn none() -> Option<String> { None }' |
        LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu "$rust/usr/bin/rustc" --target "$2" --crate-type lib --emit metadata -o "$cache/none" - ||
        { rm -rf "$to" && from_sources "$2" build "$to"; }
    rm -f "$cache/none"
}

# c_library NAME PACKAGE...: what a target's programs run with, as on a merged /usr: the loaders are named in /lib and /lib64.
c_library() {
    local root=$cache/root-$1 each
    shift
    unpack "$root" "$@"
    for each in lib lib64; do
        [ ! -d "$root/usr/$each" ] || ln -sfn "usr/$each" "$root/$each"
    done
}

# zig links for glibc 2.31, or 2.34 where time grew to 64 bits: older than the one in either release.
glibc() { # ARCH
    local release
    for release in trixie bookworm; do
        [ -e "$cache/root-$1" ] || (c_library "$1" "libc6:$1/$release" "libgcc-s1:$1/$release") || true
    done
    [ -e "$cache/root-$1" ] || exit 77
}

prepare() { # TARGET
    local from
    from=$(std_from "$1")
    [ "$from/${QUICK:+quick}" != built/quick ] || from=types
    case $from in
    amd64) ;; # the compiler's own
    built) from_sources "$1" build "$rust/usr/lib/rustlib/$1" ;;
    types) has_code "$1" || from_sources "$1" check "$types/lib/rustlib/$1" ;;
    *) foreign_std "$from" "$1" && glibc "$from" ;;
    esac
    # Of the version that zig links for.
    case $1 in *-linux-musl) [ -e "$cache/root-musl" ] || c_library musl musl:amd64/trixie ;; esac
    case $(runs_with "$1") in qemu-*) [ -e "$cache/qemu" ] || unpack "$cache/qemu" qemu-user-static/bookworm ;; esac
}

read -ra targets <<<"${*:-$(all_targets | tr '\n' ' ')}"
[ "$(uname -m)" = x86_64 ] || unavailable "the compiler is fetched for amd64 only"
command -v apt-get >/dev/null || unavailable "no apt-get: Debian or Ubuntu is needed"
command -v cargo >/dev/null || unavailable "cargo is needed"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two runs at once would fetch it twice
compiler
"$here/zig.sh" >/dev/null
for target in "${targets[@]}"; do
    prepare "$target"
done
rm -rf "$apt" "$cache/std"
