#!/bin/bash
# environment.sh [uml] [qemu] [zfs]: builds, once, what the file-system tests run in, under a cache folder outside the tree.
# Prints the folder. Exits 77, saying why, where this machine cannot have it. Installs Debian packages only; root, amd64.
#
#   root/                     a Debian trixie folder with the file systems' tools and servers (mmdebstrap)
#   uml-SUITE/                User-Mode Linux kernels: bookworm's 6.1 and trixie's 6.12
#   kernel-trixie/            with "qemu": the stock kernel of trixie, which has what User-Mode Linux lacks
#   root-zfs/                 with "zfs": the same root with the ZFS module built for that kernel (some 15 minutes)
set -euo pipefail

here=$(dirname "$(realpath "$0")")
cache=${REFLINK_FS_CACHE:-$HOME/.cache/libreflink-fs}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt_wait='-o DPkg::Lock::Timeout=120'
export DEBIAN_FRONTEND=noninteractive

tools=kmod,busybox-static,btrfs-progs,xfsprogs,e2fsprogs,ocfs2-tools,f2fs-tools,exfatprogs,ntfs-3g,dosfstools,nilfs-tools
tools+=,gfs2-utils,udftools,jfsutils,nfs-kernel-server,nfs-common,rpcbind,cifs-utils,samba,samba-vfs-modules
tools+=,libglib2.0-0t64,libnl-3-200,libnl-genl-3-200,bindfs,fuse-overlayfs,mergerfs,fuse3,diod,dmsetup,quota,iproute2
tools+=,strace,procps,attr,acl,zfsutils-linux
# What bcachefs-tools of experimental is linked against; it is unpacked beside them, since it would pull in more.
tools+=,libsodium23,liburcu8t64,libaio1t64,liblz4-1

say() { echo "environment: $*" >&2; }
unavailable() { say "NOT AVAILABLE: $*"; exit 77; }

check_machine() {
    [ "$(uname -m)" = x86_64 ] || unavailable "User-Mode Linux is packaged for amd64 only"
    command -v apt-get >/dev/null || unavailable "no apt-get: Debian or Ubuntu is needed"
    [ "$(id -u)" = 0 ] || unavailable "root is needed to build $cache, once"
}

# The mirror that this machine uses already, if it is a Debian one.
mirror() {
    [ -z "${DEBIAN_MIRROR:-}" ] || { echo "$DEBIAN_MIRROR"; return; }
    local found
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *([^ ]*\/debian)\/?( .*)?$/\3/p' | head -n 1)
    echo "${found:-http://deb.debian.org/debian}"
}

host_packages() { # PACKAGE...
    local missing=() package
    for package; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    # shellcheck disable=SC2086 # two words
    apt-get $apt_wait install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
        apt-get $apt_wait update -qq || unavailable "apt-get update failed: no network?"
        # shellcheck disable=SC2086
        apt-get $apt_wait install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
            unavailable "apt cannot install ${missing[*]}"
    }
}

# make_root NAME PACKAGES [MMDEBSTRAP OPTION...]: complete or not there at all.
make_root() {
    local name=$1 packages=$2
    shift 2
    [ "$(cat "$cache/$name.packages" 2>/dev/null)" != "$packages" ] || return 0
    say "building $name"
    rm -rf "${cache:?}/$name" "$cache/$name.new" "$cache/$name.packages"
    # shellcheck disable=SC2016 # mmdebstrap's own $1
    mmdebstrap --quiet --variant=apt --mode=root --aptopt='Apt::Install-Recommends "false"' --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='mkdir -p "$1/mnt/job" "$1/lib/modules"; ln -sf ../proc/self/mounts "$1/etc/mtab"' \
        --keyring="$keyring" "$@" trixie "$cache/$name.new" "deb $(mirror) trixie main contrib" >&2 ||
        unavailable "mmdebstrap failed"
    mv "$cache/$name.new" "$cache/$name"
    echo "$packages" >"$cache/$name.packages"
}

# An apt of its own that sees three suites whatever the host runs.
private_apt() {
    local suite
    mkdir -p "$cache"/apt/{lists/partial,cache/archives/partial,parts} "$cache/debs"
    for suite in bookworm trixie experimental; do
        echo "deb [signed-by=$keyring] $(mirror) $suite main"
    done >"$cache/apt/sources.list"
    cat >"$cache/apt/conf" <<CONF
Dir::Etc::sourcelist "$cache/apt/sources.list"; Dir::Etc::sourceparts "$cache/apt/parts";
Dir::Etc::preferencesparts "$cache/apt/parts"; Dir::State::lists "$cache/apt/lists"; Dir::Cache "$cache/apt/cache";
APT::Sandbox::User "root"; APT::Default-Release "bookworm"; Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
    APT_CONFIG=$cache/apt/conf apt-get -qq update >&2 || unavailable "apt-get update failed: no network?"
}

# unpack PACKAGE SUITE: its files under $cache/unpacked.
unpack() {
    (
        cd "$cache/debs"
        rm -f "${1}"_*.deb
        APT_CONFIG=$cache/apt/conf apt-get -qq download "$1/$2" >&2
        dpkg-deb -x "${1}"_*.deb "$cache/unpacked"
        rm -f "${1}"_*.deb
    ) || unavailable "cannot get $1 of $2"
}

uml_kernel() { # SUITE
    local to=$cache/uml-$1
    [ ! -e "$to" ] || return 0
    say "unpacking User-Mode Linux of $1"
    rm -rf "$cache/unpacked" "$to.new"
    unpack user-mode-linux "$1"
    mkdir -p "$to.new"
    mv "$cache/unpacked/usr/bin/linux.uml" "$cache/unpacked/usr/lib/uml/modules" "$to.new/"
    rm -rf "$cache/unpacked"
    # A newer suite's kernel is linked against a newer C library than this host's: the root has one.
    "$to.new/linux.uml" --version >/dev/null 2>&1 ||
        patchelf --set-interpreter "$cache/root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
            --set-rpath "$cache/root/usr/lib/x86_64-linux-gnu" "$to.new/linux.uml"
    mv "$to.new" "$to"
}

stock_release() {
    APT_CONFIG=$cache/apt/conf apt-cache show linux-image-amd64/trixie |
        sed -n 's/^Depends:.*linux-image-\([^ ]*-amd64\) .*/\1/p' | head -n 1
}

stock_kernel() {
    local to=$cache/kernel-trixie release
    [ ! -e "$to" ] || return 0
    release=$(stock_release)
    say "unpacking Linux $release"
    rm -rf "$cache/unpacked" "$to.new"
    unpack "linux-image-$release" trixie
    mkdir -p "$to.new"
    cp "$cache/unpacked/boot/vmlinuz-$release" "$to.new/vmlinuz"
    mv "$cache/unpacked/usr/lib/modules" "$to.new/" 2>/dev/null || mv "$cache/unpacked/lib/modules" "$to.new/"
    mkdir -p "$to.new/base/lib"
    ln -s ../../modules "$to.new/base/lib/modules"
    depmod -b "$to.new/base" "$release" # packages come without the index
    echo "$release" >"$to.new/release"
    rm -rf "$cache/unpacked"
    mv "$to.new" "$to"
}

# The module is built where its compiler is, then joins the modules of the stock kernel.
zfs_root() {
    local release
    release=$(cat "$cache/kernel-trixie/release")
    make_root root-zfs "$tools,gcc,make,linux-image-$release,linux-headers-$release,zfs-dkms" \
        --customize-hook="chroot \"\$1\" dkms autoinstall -k $release >&2" \
        --customize-hook="chroot \"\$1\" modinfo -k $release zfs >/dev/null"
    [ ! -e "$cache/root-zfs/usr/sbin/bcachefs" ] || return 0
    rm -rf "$cache/unpacked"
    unpack bcachefs-tools experimental
    cp -a "$cache/unpacked/usr/." "$cache/root-zfs/usr/"
    [ ! -d "$cache/unpacked/sbin" ] || cp -a "$cache/unpacked/sbin/." "$cache/root-zfs/usr/sbin/"
    rm -rf "$cache/unpacked"
}

build() { # KIND
    case $1 in
    uml)
        host_packages mmdebstrap patchelf kmod debian-archive-keyring
        make_root root "$tools"
        private_apt
        uml_kernel bookworm
        uml_kernel trixie
        ;;
    qemu)
        host_packages mmdebstrap kmod debian-archive-keyring qemu-system-x86 busybox-static cpio xz-utils zstd
        private_apt
        stock_kernel
        ;;
    zfs) zfs_root ;;
    *) echo "environment: what is \"$1\"?" >&2 && exit 2 ;;
    esac
}

complete() { [ "$(cat "$cache/complete-$1" 2>/dev/null)" = "$tools" ]; }

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # two runs at once would build it twice
for kind in "${@:-uml}"; do
    complete "$kind" && continue
    check_machine
    build "$kind"
    echo "$tools" >"$cache/complete-$kind"
done
for root in root root-zfs; do
    [ ! -d "$cache/$root" ] || cmp -s "$here/guest-init" "$cache/$root/sbin/guest-init" ||
        install -m 755 "$here/guest-init" "$cache/$root/sbin/guest-init"
done
say "$(du -sh "$cache" | cut -f1) in $cache"
echo "$cache"
