#!/bin/sh
# Clones a real file, beside a plain copy of it, and has the file system itself say that the blocks are shared.
# usage: demo.sh [FILE]. Everything it makes is removed at the end; nothing is mounted that others could see.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
bin=$here/build
tmp=${TMPDIR:-/tmp}
work= # the directory for the demo's files
mount= # where the XFS image is mounted
image= # and its file, until it is mounted
why_not= # the reason why it cannot be mounted

die() {
    echo "demo: $*" >&2
    exit 1
}

# ---- Cleaning up: also after Ctrl-C ----

clean_up() {
    trap '' HUP INT PIPE TERM
    cd /
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$image" ] || rm -f "$image"
    if [ -n "$mount" ]; then
        ! mountpoint -q "$mount" || umount "$mount" 2>/dev/null || umount -l "$mount"
        rmdir "$mount"
    fi
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'echo >&2; echo "Interrupted; what was made is removed." >&2; exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# ---- Tools and programs ----

built() {
    [ -x "$bin/copy_file" ] && [ -x "$bin/copy_tree" ] && [ -x "$bin/probe" ] && [ -x "$bin/extents" ]
}

# Builds what is missing. In a tree of somebody else's, what is there is used as it is.
build() {
    if [ ! -w "$here" ]; then
        built || die "the examples are not built, and $here is not yours to write: run 'make examples' first."
        return 0
    fi
    "$here/../tests/install-tools.sh" build || exit 1
    built || echo "Building the library and the examples ..."
    (cd "$here/.." && cargo build --release --locked --quiet &&
        target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd) &&
        make -s -C examples-c BUILD_TREE=1 TARGET_DIR="$target") || die "the build failed."
}

# ---- Small things ----

nanoseconds() {
    date +%s%N
}

# seconds BEFORE AFTER: the time between, in seconds.
seconds() {
    awk -v before="$1" -v after="$2" 'BEGIN { printf "%.3f", (after - before) / 1e9 }'
}

# free DIR: bytes free on its file system.
free() {
    df -Pk "$1" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }'
}

# mib BYTES
mib() {
    awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'
}

size() {
    stat -L -c %s -- "$1"
}

# can_clone DIR [SOURCE]: by trying it.
can_clone() {
    [ -d "$1" ] && [ -w "$1" ] && "$bin/probe" "$@" >/dev/null 2>&1
}

same_device() {
    [ "$(stat -L -c %d -- "$1")" = "$(stat -L -c %d -- "$2")" ]
}

# ---- Where to show it ----

# Looks for a directory that can clone (and holds FILE, if one is given): sets `place` to it, or to nothing.
find_place() {
    place=
    if [ -n "$file" ]; then
        for candidate in "$PWD" "$(dirname "$file")"; do
            if [ -d "$candidate" ] && same_device "$candidate" "$file" && can_clone "$candidate" "$file"; then
                place=$candidate
                return 0
            fi
        done
    else
        if can_clone "$PWD"; then place=$PWD; fi
    fi
}

# Whether an image can be mounted here: root, a mount namespace of one's own, and a loop device. Else `why_not` is set.
may_mount() {
    if [ "$(id -u)" != 0 ]; then
        why_not="that takes root"
    elif [ ! -e /dev/loop-control ]; then
        why_not="there are no loop devices"
    else
        why_not=$(unshare -m --propagation private true 2>&1) || return 1
        "$here/../tests/install-tools.sh" demo && return
        why_not="tools are missing"
    fi
    return 1
}

# In a mount namespace of our own: makes the image and mounts it. Nobody else sees it, and without a name it
# is gone with the mount, whatever becomes of this script.
mount_image() {
    needed=$((2 * source_size + 256 * 1024 * 1024))
    [ "$(free "$tmp")" -gt "$needed" ] || die "$tmp has not the $(mib "$needed") free that two copies need (TMPDIR=... elsewhere?)"
    image=$(mktemp "$tmp/reflink-demo.XXXXXX")
    mount=$(mktemp -d "$tmp/reflink-demo.XXXXXX")
    truncate -s "$((2 * source_size + 1024 * 1024 * 1024))" "$image"
    why_not=$({ mkfs.xfs -q -m reflink=1 "$image" && mount -t xfs -o loop "$image" "$mount"; } 2>&1) || return 1
    rm -f "$image"
    image=
}

# ---- The demo itself ----

# The source: FILE itself where it lies, a copy of it in the image, or 300 MiB of random data.
make_source() {
    if [ -z "$file" ]; then
        source=$work/source
        dd if=/dev/urandom of="$source" bs=1048576 count=$((source_size / 1048576)) iflag=fullblock conv=fsync 2>/dev/null
        described="$(mib "$source_size") of random data"
    elif [ -n "$mount" ]; then
        source=$work/source
        "$bin/copy_file" --durable "$file" "$source" >/dev/null # with its progress bar
        described="a copy of $file ($(mib "$source_size")), since clones do not cross file systems"
    else
        source=$file
        described="$file ($(mib "$source_size"))"
    fi
    [ "$(free "$work")" -gt "$((source_size + 67108864))" ] || die "no room for a plain copy beside the source."
    # Once through memory, for both that follow. And what of this one file is in memory only is written out (extents
    # has that done), else the clone would have to, and its time and space would be the source's.
    cat "$source" >/dev/null
    "$bin/extents" "$source" >/dev/null 2>&1 || true
}

# copy_timed NAME OPTION...: copies the source, and sets `line`, `took` and `taken` to what it says, the time and the space.
copy_timed() {
    name=$1
    shift
    before=$(free "$work")
    start=$(nanoseconds)
    line=$("$bin/copy_file" --durable "$@" "$source" "$work/$name")
    took=$(seconds "$start" "$(nanoseconds)")
    after=$(free "$work")
    taken=$((before - after))
    line=${line#"$work/$name: "}
    row=$(printf '  %-12s %10s s %16s %16s %16s' "$name" "$took" "$before" "$after" "$taken")
    echo "$row"
}

show_copies() { # NAME of the copy that is a clone where that can be
    echo
    echo "Source: $described"
    echo
    echo "The $1 and a plain copy, one after the other. The source has just been read: as far as it fits, it"
    echo "is in memory for both. Timed is the whole command, until the copy is on the device (fsync)."
    echo
    printf '  %-12s %12s %16s %16s %16s\n' "" "time" "free before" "free after" "bytes taken"
    copy_timed "$1"
    first_line=$line
    copy_timed plain-copy --never
    echo
    printf '  %-12s %s\n' "$1" "$first_line" plain-copy "$line"
    cmp -s "$source" "$work/$1" || die "FAILED: the $1 differs from the source."
    cmp -s "$source" "$work/plain-copy" || die "FAILED: the plain copy differs from the source."
}

# account FILE: sets shared, unshared, hollow (holes), extents, common (with the source), as the library reports them.
account() {
    numbers=$("$bin/extents" --numbers --with "$source" "$1") || [ $? -lt 3 ] || die "FAILED: nothing is said of $1."
    # shellcheck disable=SC2086 # the numbers, one each
    set -- $numbers
    [ "$1" = 2 ] || die "NO PROOF: the file system does not say what is shared."
    shared=$2 unshared=$3 extents=$6 common=$8
    hollow=$(($4 + $5))
    [ "${10}" = 0 ] || die "NO PROOF: of ${10} bytes the file system does not say where they lie (is it compressed?)."
}

# has_account FILE: whether the file system says what is shared.
has_account() {
    [ "$("$bin/extents" --numbers "$1" 2>/dev/null | cut -d ' ' -f 1)" = 2 ]
}

# The kernel's own list (FIEMAP), by a program that knows nothing of this library, must have as many shared bytes, in blocks.
ask_filefrag() { # FILE SHARED
    if ! command -v filefrag >/dev/null; then
        echo "(filefrag, of e2fsprogs, is not here to be asked too.)"
        return
    fi
    listed=$(filefrag -v -b1 "$1" | awk -F: '/shared/ { sum += $4 } END { printf "%.0f", sum }')
    if [ "$listed" -lt "$2" ] || [ $((listed - $2)) -ge 65536 ]; then
        die "FAILED: FIEMAP lists $listed shared bytes, and not $2."
    fi
    echo "filefrag lists $listed shared bytes too."
}

show_account() { # LABEL FILE
    account "$2"
    printf '  %-32s %16s %16s %10s\n' "$1" "$common" "$((shared + unshared - common))" "$extents"
}

# Overwrites 64 KiB in the middle of the largest extent that is shared (less, where that is smaller).
write_into_clone() {
    largest=$("$bin/extents" --list "$work/clone" | awk '/ data, shared$/ && $2 > most { most = $2; at = $1 }
        END { printf "%.0f %.0f", at, most }')
    at=${largest% *}
    length=${largest#* }
    block=65536
    [ "$length" -ge $((3 * block)) ] || die "NO PROOF: no shared extent is large enough to write 64 KiB into it."
    at=$(((at + length / 2) / block * block))
    written=$block
    dd if=/dev/urandom of="$work/clone" bs=$block seek=$((at / block)) count=1 conv=notrunc,fsync iflag=fullblock 2>/dev/null
}

# The clone must differ from the source in what was written, and nowhere else.
check_contents() {
    cmp -s "$source" "$work/plain-copy" || die "FAILED: the source changed."
    cmp -s -n "$at" "$source" "$work/clone" || die "FAILED: the clone changed before what was written."
    cmp -s -i $((at + written)) "$source" "$work/clone" || die "FAILED: the clone changed after what was written."
    ! cmp -s "$source" "$work/clone" || die "FAILED: the write did not reach the clone."
}

show_sharing() {
    echo
    echo "What the library reports (reflink_extents, reflink_shared), in bytes:"
    echo
    printf '  %-32s %16s %16s %10s\n' "" "of the source" "its own" "extents"
    show_account "the plain copy" "$work/plain-copy"
    plain_common=$common
    show_account "the clone" "$work/clone"
    data=$((shared + unshared))
    common_before=$common
    clone_shared=$shared
    witness=$(ask_filefrag "$work/clone" "$clone_shared") || exit 1
    write_into_clone
    show_account "the clone, 64 KiB of it written" "$work/clone"
    common_after=$common
    check_contents
    echo
    echo "$witness"
}

prove() {
    echo
    [ "$plain_common" = 0 ] || die "FAILED: the plain copy shares blocks with the source."
    [ "$data" -gt 0 ] || die "NO PROOF: the source has no data, only holes."
    [ "$common_before" = "$data" ] || die "FAILED: of $data bytes only $common_before are shared."
    [ "$hollow" = 0 ] || echo "(The source has $source_size bytes; $hollow of them are holes, without blocks to share.)"
    [ $((common_before - common_after)) = "$written" ] ||
        die "FAILED: $written bytes were written, but $((common_before - common_after)) are no longer shared."
    echo "PROOF: $common_before of $data bytes shared; after writing $((written / 1024)) KiB into the clone, $common_after shared, the source unchanged."
}

# ---- A tree ----

# 100 directories with 100 files of 8 KiB each, on the device: XFS clones files that are not written out yet slowly.
make_tree() {
    [ "$(free "$work")" -gt 268435456 ] || die "no room for three trees of 78 MiB beside the source."
    for directory in $(seq 100); do
        mkdir -p "$work/tree/$directory"
        dd if=/dev/urandom bs=819200 count=1 iflag=fullblock 2>/dev/null | split -a 2 -b 8192 - "$work/tree/$directory/"
    done
    sync
}

tree_timed() { # NAME LABEL COMMAND...: one that copies the tree to NAME
    name=$1
    label=$2
    shift 2
    before=$(free "$work")
    start=$(nanoseconds)
    line=$("$@" "$work/tree" "$work/$name")
    took=$(seconds "$start" "$(nanoseconds)")
    sync
    after=$(free "$work")
    printf '  %-22s %8s s %14s %14s %14s\n' "$label" "$took" "$before" "$after" "$((before - after))"
}

# The sum over all files of the tree: by the library, and by a program that knows nothing of it.
tree_shared() {
    find "$1" -type f -exec "$bin/extents" --numbers {} + | awk '$1 == 2 { sum += $2 } END { printf "%.0f", sum }'
}

tree_listed() {
    find "$1" -type f -exec filefrag -v -b1 {} + | awk -F: '/shared/ { sum += $4 } END { printf "%.0f", sum }'
}

show_tree() {
    echo
    echo "A tree of 10,000 files of 8 KiB in 100 directories, cloned by the library and by cp."
    echo
    make_tree
    printf '  %-22s %10s %14s %14s %14s\n' "" "time" "free before" "free after" "bytes taken"
    tree_timed tree-clone "copy_tree --preserve" "$bin/copy_tree" --preserve
    tree_line=${line#"$work/tree-clone: "}
    tree_timed tree-cp "cp -a --reflink=auto" cp -a --reflink=auto
    echo
    echo "  copy_tree: $tree_line"
    diff -r "$work/tree" "$work/tree-clone" >/dev/null || die "FAILED: the cloned tree differs from the source."
    rm -rf "$work/tree-cp" # what is shared now is shared with the source
    shared=$(tree_shared "$work/tree-clone")
    [ "$shared" = 81920000 ] || die "FAILED: of 81920000 bytes of the tree $shared are shared."
    echo
    if command -v filefrag >/dev/null; then
        listed=$(tree_listed "$work/tree-clone")
        [ "$listed" = "$shared" ] || die "FAILED: FIEMAP lists $listed shared bytes of the tree, and not $shared."
        echo "filefrag lists $listed shared bytes in the 10,000 files too."
    fi
    echo "PROOF: $shared of 81920000 bytes of the tree shared."
}

show_directory() { # DIR
    echo "What this directory can do, found out by trying:"
    echo
    "$bin/probe" "$@" || [ $? -lt 3 ] || die "the probe failed."
}

# Everything, in a directory that can clone.
demonstrate() { # DIR
    work=$(mktemp -d "$1/.reflink-demo.XXXXXX")
    show_directory "$1"
    make_source
    show_copies clone
    show_sharing
    prove
    show_tree
}

# Why not simply here: one line from the probe.
say_why() {
    if [ -n "$file" ]; then
        subject=$file
        answer=$("$bin/probe" "$(dirname "$file")" "$file") || true
    else
        subject=$PWD
        answer=$("$bin/probe" "$PWD") || true
    fi
    kind=$(echo "$answer" | sed -n 's/^  file system  *//p')
    why=$(echo "$answer" | sed -n 's/^  clone  \{2,\}//p')
    echo "$subject is on $kind. Cloning there: $why."
}

# Where nothing can clone: that the copy is right all the same.
demonstrate_fallback() {
    say_why
    echo "An XFS image to show it on cannot be mounted either: $why_not."
    echo "So this is the fallback: what a program gets from the library where there are no clones."
    echo
    for candidate in "$PWD" "$tmp"; do
        [ ! -w "$candidate" ] || break
    done
    work=$(mktemp -d "$candidate/.reflink-demo.XXXXXX")
    show_directory "$candidate"
    make_source
    show_copies fallback
    echo
    if has_account "$source"; then
        account "$work/fallback"
        [ "$common" = 0 ] || die "FAILED: the probe says no, but $common bytes are shared."
        echo "NO PROOF OF SHARING, since nothing is shared here, as the file system itself says."
    else
        echo "NO PROOF OF SHARING: this file system does not clone, and gives no account of its extents."
    fi
    echo "The copy is complete and equal to the source; it took the time and the space of a copy."
}

inside=
if [ "${1:-}" = --inside-namespace ]; then
    inside=yes
    shift
fi
[ $# -le 1 ] || die "usage: demo.sh [FILE]"
file=${1:-}
if [ -n "$file" ]; then
    [ -e "$file" ] || die "$file: no such file."
    [ -f "$file" ] || die "$file: not a regular file."
    [ -r "$file" ] || die "$file: you may not read it."
    file=$(cd "$(dirname "$file")" && pwd)/$(basename "$file")
    source_size=$(size "$file")
    [ "$source_size" -ge 1048576 ] || die "$file: less than 1 MiB shows nothing; a few hundred MiB are better."
else
    source_size=314572800
fi

if [ -n "$inside" ]; then
    if mount_image; then
        demonstrate "$mount"
    else
        rm -f "$image"
        image=
        demonstrate_fallback
    fi
    exit 0
fi

build
find_place
if [ -z "$place" ] && may_mount; then
    say_why
    echo "So the demo uses an XFS image of its own in $tmp, mounted for this script alone and gone when it ends."
    echo
    trap - EXIT HUP INT PIPE TERM
    exec unshare -m --propagation private "$0" --inside-namespace ${file:+"$file"}
fi
if [ -z "$place$file" ] && can_clone "$tmp"; then place=$tmp; fi
if [ -n "$place" ]; then demonstrate "$place"; else demonstrate_fallback; fi
