#!/bin/sh
# Installs what `make test` needs: by apt as root on Debian and Ubuntu; elsewhere it names what is missing.
# Only a C compiler and cargo are indispensable: without the rest, tests are skipped and say so.
set -eu

PATH=$PATH:/usr/sbin:/sbin # where mkfs is, and where an ordinary user does not look
missing=
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

need cargo rustup-or-cargo
need cc gcc
need g++ g++
need clang clang
need strace strace
need mkfs.xfs xfsprogs
need mkfs.btrfs btrfs-progs
need mkfs.ext4 e2fsprogs
need setfacl acl
need setfattr attr
need nm binutils
need shellcheck shellcheck
need clang-format clang-format
need valgrind valgrind
[ -z "$missing" ] && exit 0

case $missing in *rustup-or-cargo*)
    echo "cargo (Rust 1.85 or later) is needed: https://rustup.rs, or the cargo package of your system." >&2
    exit 1
    ;;
esac

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    # shellcheck disable=SC2086 # one word each
    apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
        apt-get update -qq
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    }
    exit 0
fi
echo "Not here, and tests that need it are skipped (Debian's package names):$missing"
command -v cc >/dev/null 2>&1 || { echo "A C compiler is indispensable." >&2; exit 1; }
