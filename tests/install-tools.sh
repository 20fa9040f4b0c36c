#!/bin/sh
# install-tools.sh build|demo|test|packages: installs what that needs, by apt as root on Debian and Ubuntu; elsewhere it names it.
# Only cargo and a C compiler are indispensable: without the rest, tests are skipped and say so.
set -eu

PATH=$PATH:/usr/sbin:/sbin # where mkfs is, and where an ordinary user does not look
root=$(cd "$(dirname "$0")/.." && pwd)
oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
export DEBIAN_FRONTEND=noninteractive

die() {
    echo "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

missing=
need() { # COMMAND PACKAGE
    have "$1" || missing="$missing $2"
}

# recent VERSION: whether this Rust is one that there is support for.
recent() {
    case $1 in [0-9]*) ;; *) return 1 ;; esac
    [ "$(printf '%s\n' "$oldest" "$1" | sort -V | head -n 1)" = "$oldest" ]
}

# A cargo that is too old is not replaced: it is somebody's.
need_cargo() {
    if have cargo; then
        version=$(cargo --version | cut -d ' ' -f 2)
        recent "$version" || die "cargo here is $version; Rust $oldest or later is needed: https://rustup.rs, or Debian 12's package cargo-web."
    else
        missing="$missing cargo"
    fi
}

needed() { # FOR
    need_cargo
    need cc gcc
    need make make
    [ "$1" != build ] || return 0
    need mkfs.xfs xfsprogs
    need mount mount
    need unshare util-linux
    [ "$1" != demo ] || return 0
    need g++ g++
    need clang clang
    need strace strace
    need mkfs.btrfs btrfs-progs
    need mkfs.ext4 e2fsprogs
    need setfacl acl
    need setfattr attr
    need nm binutils
    need shellcheck shellcheck
    need clang-format clang-format
    need valgrind valgrind
    need python3 python3-venv # for the C compiler of the other targets
    # What the tests of packaging take.
    need ld.lld lld
    need pkg-config pkg-config
    need cmake cmake
    need groff groff
    need man man-db
    need mandoc mandoc
    need abidiff abigail-tools
    [ "$1" != test ] || return 0
    need mmdebstrap mmdebstrap
    need lintian lintian
    need rpmbuild rpm
    need rpmlint rpmlint
    need cpio cpio
}

# Debian 12 has a cargo that is too old and, for its web browsers, another.
debian_cargo() {
    for package in cargo cargo-web; do
        version=$(apt-cache policy "$package" | sed -n 's/^  Candidate: //p')
        if recent "$version"; then
            echo "$package"
            return
        fi
    done
    return 1
}

install() {
    # Lists that are missing or old are renewed; those that are fine are left alone.
    debian_cargo >/dev/null || apt-get update -qq
    case "$missing " in *" cargo "*)
        cargo=$(debian_cargo) || die "This system has no Rust $oldest or later: https://rustup.rs"
        missing=$(echo "$missing " | sed "s/ cargo / $cargo /")
        ;;
    esac
    echo "installing:$missing"
    # shellcheck disable=SC2086 # one word each
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq
        # shellcheck disable=SC2086
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    }
}

case ${1-} in build | demo | test | packages) needed "$1" ;; *) die "install-tools.sh build|demo|test|packages" ;; esac
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && have apt-get; then
    install
    exit
fi
echo "Not here (Debian's package names):$missing"
have cargo || die "cargo (Rust $oldest or later) is indispensable: https://rustup.rs, or your system's package."
have cc || die "A C compiler is indispensable."
