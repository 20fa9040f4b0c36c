#!/bin/bash
# run.sh RELEASE matrix|zfs: runs the contract of the library in RELEASE on every file system that can be had here, and writes
# docs/filesystems.md. REFLINK_FS_ONLY="NAME..." runs these only and writes nothing. Ends in "N passed, N failed, N skipped".
set -uo pipefail
here=$(dirname "$(realpath "$0")")
release=$(realpath "$1") kind=$2
CC=${CC:-cc}

local_ones="tmpfs ext4 xfs xfs_1k xfs_noreflink btrfs btrfs_zstd btrfs_nodatacow"
foreign="ocfs2 f2fs nilfs2 jfs udf vfat vfat_masks xfs_ci ext4_casefold"
stacked="overlay_xfs overlay_btrfs overlay_ext4 bindfs fuse_overlayfs mergerfs ntfs3g"
network="nfs42_xfs nfs42_btrfs nfs42_ext4 nfs41_xfs nfs41_btrfs nfs40_xfs nfs3_xfs nfs3_btrfs"
network+=" smb_btrfs_clone smb_btrfs smb_xfs 9p_diod"
faults="quota_xfs_project quota_xfs_user quota_ext4_user quota_btrfs_group dust_ext4 dust_xfs"
faults+=" error_ext4 error_xfs error_ext4_replace error_xfs_replace"

work=$(mktemp -d)
limit=${REFLINK_FS_LIMIT:-300} # seconds for each file system
trap 'rm -rf "$work"' EXIT

# Static, so that one program runs in every root, whatever C library is there.
build() {
    local flags="-std=c99 -O1 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64"
    mkdir "$work/bin"
    # shellcheck disable=SC2086 # words
    $CC $flags -I"$here/../../include" -static -o "$work/bin/contract" "$here"/../contract-c/*.c "$release/libreflink.a" -pthread &&
        $CC $flags -I"$here/../../include" -static -o "$work/bin/copy-one" "$here/copy-one.c" "$release/libreflink.a"
}

# job LABEL NAME...: a folder with all that the guest needs.
job() {
    local to=$work/$1 names
    shift
    names=${REFLINK_FS_ONLY:-$*}
    mkdir -p "$to"
    cp -r "$work/bin" "$here"/{matrix,filesystems,faults}.sh "$here/expectations" "$here/known-defects" "$to/"
    echo "$names" >"$to/names"
    cat >"$to/cmd" <<CMD
uname -r >/mnt/job/kernel
REFLINK_FS_LIMIT=$limit exec bash /mnt/job/matrix.sh /mnt/job/bin /mnt/job/out $names
CMD
}

start() { # LABEL COMMAND...: in the background, with its output kept together
    local label=$1
    shift
    nice "$@" >"$work/$label/output" 2>&1 &
}

# A name without a result was not reached: the guest hung or died there.
not_reached() { # LABEL
    local name names
    read -r -a names <"$work/$1/names"
    for name in "${names[@]}"; do
        cut -f 1 "$work/$1/out/results.tsv" 2>/dev/null | grep -qx "$name" ||
            printf '%s\tfailed\t0\t1\t\tnot reached\n' "$name"
    done
}

collect() { # LABEL: its results, kept for the document
    local to=$work/$1 results
    echo "== $1: Linux $(cat "$to/kernel" 2>/dev/null || echo "did not start")"
    cat "$to/output"
    mkdir -p "$to/out"
    touch "$to/out/results.tsv"
    mkdir -p "$cache/logs/$1"
    cp -r "$to/out/." "$cache/logs/$1/" # every check, for whoever wants to know
    results=$(cat "$to/out/results.tsv"; not_reached "$1")
    echo "$results" | grep 'not reached$' | sed 's/\t.*/: not reached/'
    echo "$results" | grep . >>"$work/all.tsv"
    [ -z "${REFLINK_FS_ONLY:-}" ] || return 0
    mkdir -p "$here/results"
    {
        printf '#\t%s\t%s\t%s\n' "$1" "$(cat "$to/kernel" 2>/dev/null || echo unknown)" "$(date -u +%F)"
        echo "$results" | grep .
    } >"$here/results/$1.tsv"
}

finish() {
    local passed failed skipped
    [ -n "${REFLINK_FS_ONLY:-}" ] || "$here/report.sh" >"$here/../../docs/filesystems.md"
    count() { cut -f 2 "$work/all.tsv" | grep -cx "$1"; }
    passed=$(count passed) failed=$(count failed) skipped=$(count skipped)
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

# What the machine lacks is said loudly and counts as skipped, never as passed.
environment() { # KIND...
    cache=$("$here/environment.sh" "$@") && return
    [ $? = 77 ] || { echo "FAILED: the environment cannot be built"; exit 1; }
    echo "SKIPPED: no file system was tested, for the reason above."
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

matrix() {
    environment uml
    # shellcheck disable=SC2086 # words
    {
        job uml-6.1 $local_ones $foreign $stacked $network $faults
        job uml-6.12 $local_ones $foreign $stacked $network $faults
        job host $local_ones xfs_64k $stacked quota_btrfs_group
    }
    start uml-6.1 "$here/uml-run.sh" "$cache" bookworm "$work/uml-6.1" 2700
    start uml-6.12 "$here/uml-run.sh" "$cache" trixie "$work/uml-6.12" 2700
    if [ "$(id -u)" = 0 ]; then
        start host "$here/host-run.sh" "$cache" "$work/host" 1200
    else
        echo "SKIPPED: the running kernel: root is needed"
        printf 'host\tskipped\t0\t0\t\t\n' >>"$work/all.tsv"
    fi
    wait
    collect uml-6.1
    collect uml-6.12
    [ "$(id -u)" != 0 ] || collect host
}

zfs() {
    environment uml qemu zfs
    limit=900 # emulation is ten times slower
    # gfs2 is here because it hangs in the kernel of User-Mode Linux now and then: see the document.
    job qemu-6.12 zfs zfs_4k zfs_noclone bcachefs exfat ntfs3 xfs_64k ext4_casefold gfs2
    start qemu-6.12 "$here/qemu-run.sh" "$cache" root-zfs "$work/qemu-6.12" 4500
    wait
    collect qemu-6.12
}

main() {
    : >"$work/all.tsv"
    build || { echo "FAILED: the contract does not compile"; exit 1; }
    case $kind in
    matrix) matrix ;;
    zfs) zfs ;;
    *) echo "run.sh: what is \"$kind\"?" >&2; exit 2 ;;
    esac
    finish
}

main; exit # read to its end before anything runs, so that it can be edited meanwhile
