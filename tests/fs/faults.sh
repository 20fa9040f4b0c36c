# Failures that a device or a quota gives in the middle of a copy, and what must be true after each: the errno came out,
# an old file is as it was, a new name is not there, nothing else is left. Functions fault_NAME, run by matrix.sh. The comment on
# the first line of each is what docs/filesystems.md says of the row.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work, bin: set by matrix.sh

report() { # GOOD NAME DETAIL
    if [ "$1" = 0 ]; then echo "ok $2"; else echo "not ok $2: $3"; fi
}

# expect_copy NAME ERRNO WORD... SRC DST: the copy ends with ERRNO, run by the user $as where it is set.
expect_copy() {
    local name=$1 code=$2 answer
    shift 2
    answer=$(${as:+setpriv --reuid "$as" --clear-groups} "$bin/copy-one" "$@" 2>&1)
    [ "${answer%% *}" = "$code" ]
    report $? "$name: $code" "$answer"
}

# holds DIR NAME...: exactly these names are in the directory.
holds() {
    local dir=$1 found
    shift
    found=$(find "$dir" -mindepth 1 -maxdepth 1 ! -name lost+found -printf '%f\n' | LC_ALL=C sort | xargs)
    [ "$found" = "$*" ]
    report $? "nothing else in the directory" "it holds \"$found\", not \"$*\""
}

same() { # NAME FILE FILE
    cmp -s "$2" "$3"
    report $? "$1" "$(cmp "$2" "$3" 2>&1)"
}

noise() { dd if=/dev/urandom of="$1" bs=64k count="$2" status=none conv=fsync; }

# What an exhausted quota does to a copy: fails it, and leaves the usage as it was.
exhausted() { # DIR ERRNO MODE...
    local dir=$1 code=$2 mode
    shift 2
    for mode; do
        expect_copy "$mode, new" "$code" "$mode" "$dir/src" "$dir/dst"
        expect_copy "$mode, unstaged" "$code" "$mode" unstaged "$dir/src" "$dir/dst"
        holds "$dir" old src
        cp "$dir/old" "$work/old.before"
        expect_copy "$mode, replace" "$code" "$mode" replace "$dir/src" "$dir/old"
        same "the old file is as it was" "$dir/old" "$work/old.before"
        holds "$dir" old src
        expect_copy "$mode: what fits still does" OK "$mode" "$dir/old" "$dir/small"
        same "all of it" "$dir/old" "$dir/small"
        rm -f "$dir/small"
    done
}

fault_quota_xfs_project() { # XFS, the quota of a project is used up: ENOSPC
    has_type xfs
    format disk mkfs.xfs -q
    attach disk xfs prjquota
    mkdir "$work/disk/p"
    quietly xfs_quota -x -c "project -s -p $work/disk/p 7" -c "limit -p bhard=6m 7" "$work/disk"
    noise "$work/disk/p/src" 64
    noise "$work/disk/p/old" 2
    exhausted "$work/disk/p" ENOSPC auto never
}

# The files belong to the user, who makes the copies.
user_quota() { # DIR MODE...
    local dir=$1
    shift
    chmod 755 "$work"
    noise "$dir/src" 64
    noise "$dir/old" 2
    chown -R 12345 "$dir"
    as=12345 exhausted "$dir" EDQUOT "$@"
}
fault_quota_xfs_user() { # XFS, a user's quota is used up: EDQUOT
    has_type xfs
    format disk mkfs.xfs -q
    attach disk xfs uquota
    quietly xfs_quota -x -c "limit -u bhard=6m 12345" "$work/disk"
    mkdir "$work/disk/d"
    user_quota "$work/disk/d" auto never
}
fault_quota_ext4_user() { # ext4, a user's quota is used up: EDQUOT
    has_type ext4
    modprobe -q quota_v2
    format disk mkfs.ext4 -q -O quota -E quotatype=usrquota
    attach disk ext4 usrquota
    quietly setquota -u 12345 0 6000 0 0 "$work/disk"
    mkdir "$work/disk/d"
    user_quota "$work/disk/d" auto never
}

# A clone inside the subvolume costs no space there: only the copy can fail.
fault_quota_btrfs_group() { # Btrfs, the limit of a qgroup is reached: EDQUOT; a clone costs nothing there
    has_type btrfs
    format disk mkfs.btrfs -q
    attach disk btrfs rw
    quietly btrfs quota enable "$work/disk"
    quietly btrfs -q subvolume create "$work/disk/v"
    quietly btrfs quota rescan -w "$work/disk"
    quietly btrfs qgroup limit 6M "$work/disk/v"
    noise "$work/disk/v/src" 64
    noise "$work/disk/v/old" 2
    sync
    expect_copy "a clone costs nothing" OK always "$work/disk/v/src" "$work/disk/v/dst"
    rm "$work/disk/v/dst"
    sync
    exhausted "$work/disk/v" EDQUOT never
}

# mapped TARGET TYPE: a file system on a device-mapper device; $device and $sectors are the disk below it.
mapped() {
    modprobe -q -a loop dm-mod "dm-$1"
    dmsetup targets 2>/dev/null | grep -q "^$1 " || skip "no device-mapper target $1"
    need "mkfs.$2"
    truncate -s 400M "$work/dm.img"
    device=$(losetup -f --show "$work/dm.img") || broken losetup
    sectors=$(blockdev --getsz "$device")
    mkdir "$work/disk"
}
create_mapping() { # TABLE
    quietly dmsetup --noudevsync create reflink --table "$1"
    quietly dmsetup mknodes
}
remap() { # TABLE
    dmsetup suspend --noflush --nolockfs reflink
    dmsetup load reflink --table "$1"
    dmsetup resume reflink
}
unmap() {
    umount "$work/disk"
    dmsetup --noudevsync remove reflink
    losetup -d "$device"
}

# One unreadable block in the middle of the source. A clone reads nothing, and succeeds.
dust() { # TYPE MKFS...
    local type=$1 bad block dir=$work/disk
    shift
    mapped dust "$type"
    create_mapping "0 $sectors dust $device 0 512"
    quietly "$@" /dev/mapper/reflink
    mount -t "$type" /dev/mapper/reflink "$dir" || broken "mount $type"
    noise "$dir/src" 128
    noise "$dir/old" 2
    cp "$dir/old" "$work/old.before"
    bad=$(filefrag -b512 -v "$dir/src" | awk '$1 == "0:" { sub(/\.\..*/, "", $4); print $4 + 8192 }')
    for block in 0 1 2 3 4 5 6 7; do quietly dmsetup message reflink 0 addbadblock $((bad + block)); done
    quietly dmsetup message reflink 0 enable
    umount "$dir" && mount -t "$type" /dev/mapper/reflink "$dir" # nothing of the source in memory
    cat "$dir/src" >/dev/null 2>&1
    report $((!$?)) "the source cannot be read" "it can: the fault is not there"
    [ "$type" != xfs ] || {
        expect_copy "a clone reads nothing" OK always "$dir/src" "$dir/clone"
        rm -f "$dir/clone"
    }
    local mode
    for mode in never "$([ "$type" = xfs ] || echo auto)"; do
        [ -n "$mode" ] || continue
        expect_copy "$mode, new" EIO "$mode" "$dir/src" "$dir/dst"
        expect_copy "$mode, unstaged" EIO "$mode" unstaged "$dir/src" "$dir/dst"
        expect_copy "$mode, replace" EIO "$mode" replace "$dir/src" "$dir/old"
        same "the old file is as it was" "$dir/old" "$work/old.before"
        holds "$dir" old src
    done
    unmap
}
fault_dust_ext4() { dust ext4 mkfs.ext4 -q -F; } # ext4, one block of the source cannot be read (device-mapper's dust): EIO
fault_dust_xfs() { dust xfs mkfs.xfs -q -f; } # XFS, one block of the source cannot be read (device-mapper's dust): EIO; a clone reads nothing

# The whole device fails while the copy is under way; after the disk is back, the names hold what they held.
device_error() { # TYPE WORDS MKFS...
    local type=$1 words=$2 dir=$work/disk answer
    shift 2
    mapped error "$type"
    create_mapping "0 $sectors linear $device 0"
    quietly "$@" /dev/mapper/reflink
    mount -t "$type" /dev/mapper/reflink "$dir" || broken "mount $type"
    noise "$dir/src" 64
    noise "$dir/old" 2
    cp "$dir/old" "$work/old.before"
    cp "$dir/src" "$work/src.before"
    sync
    cat "$dir/src" >/dev/null # in memory: it is the destination that fails
    cat >"$work/fail.sh" <<SCRIPT
dmsetup suspend --noflush --nolockfs reflink
dmsetup load reflink --table "0 $sectors error"
dmsetup resume reflink
SCRIPT
    # shellcheck disable=SC2086 # words
    answer=$("$bin/copy-one" never durable $words "run=sh $work/fail.sh" "$dir/src" "$dir/$([ "$words" = replace ] && echo old || echo dst)" 2>&1)
    case ${answer%% *} in
    EIO | EROFS) report 0 "durable ${words:-new}: ${answer%% *}" ;;
    *) report 1 "durable ${words:-new}: EIO or EROFS" "$answer" ;;
    esac
    umount "$dir"
    remap "0 $sectors linear $device 0"
    mount -t "$type" /dev/mapper/reflink "$dir" || broken "mount after the error"
    same "the source is as it was" "$dir/src" "$work/src.before"
    same "the old file is as it was" "$dir/old" "$work/old.before"
    holds "$dir" old src
    unmap
}
fault_error_ext4() { device_error ext4 "" mkfs.ext4 -q -F; } # ext4, the device fails during a durable copy (device-mapper's error), a new name: EIO or EROFS
fault_error_xfs() { device_error xfs "" mkfs.xfs -q -f; } # XFS, the device fails during a durable copy (device-mapper's error), a new name: EIO or EROFS
fault_error_ext4_replace() { device_error ext4 replace mkfs.ext4 -q -F; } # ext4, the same where the copy replaces a file
fault_error_xfs_replace() { device_error xfs replace mkfs.xfs -q -f; } # XFS, the same where the copy replaces a file
