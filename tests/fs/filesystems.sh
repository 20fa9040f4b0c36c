# How each file system is made, mounted and handed to the contract: one function fs_NAME each, run by matrix.sh in
# namespaces of its own. The comment on its first line is what docs/filesystems.md says of the row. Exit status: 0 and 1 from the contract, 77 skipped (this kernel or root lacks it), 78 set-up failed.
# shellcheck shell=bash
# shellcheck disable=SC2154 # work, bin: set by matrix.sh

skip() { echo "skip $*"; exit 77; }
broken() { echo "broken $*"; exit 78; }
need() { command -v "$1" >/dev/null || skip "no $1"; }
quietly() { "$@" >"$work/log" 2>&1 || broken "$* : $(grep -v '^ ' "$work/log" | tail -n 2)"; }

has_type() {
    modprobe -q "$1"
    grep -qw "$1" /proc/filesystems || skip "$1 is not in this kernel"
}

# attach NAME: mounts the image NAME.img. The loop device goes with the mount.
attach() { # NAME TYPE OPTIONS
    local device
    device=$(losetup -f --show "$work/$1.img") || broken losetup
    mount -t "$2" -o "$3" "$device" "$work/$1" 2>"$work/log" || {
        losetup -d "$device"
        broken "mount $2: $(head -n 1 "$work/log") $(dmesg | tail -n 2)"
    }
    losetup -d "$device"
}

# Through a loop device, not the image: mkfs.ocfs2 opens with O_DIRECT, which tmpfs lacks before Linux 6.6.
format() { # NAME MKFS...
    local name=$1 device
    shift
    need "$1"
    truncate -s "${size:-400M}" "$work/$name.img"
    modprobe -q loop
    device=$(losetup -f --show "$work/$name.img") || broken losetup
    quietly "$@" "$device"
    losetup -d "$device"
    mkdir -p "$work/$name"
}

# contract MOUNTPOINT [BACKING]: the contract, then once more after mount_it() has mounted it anew.
contract() {
    local place=$1 backing=${2:-}
    mkdir -p "$place/w" "$work/other"
    mount -t tmpfs other "$work/other"
    "$bin/contract" keep "$place/w" "$work/other" ${backing:+"$backing/w"} || return 1
    declare -F mount_it >/dev/null || return 0
    umount "$place" || broken "umount $place"
    mount_it
    "$bin/contract" verify "$place/w" "$work/other"
}

# The contract on $work/over, unmounted before its server ends: a client without one hangs, and every later sync with it.
served_contract() { # BACKING
    contract "$work/over" "$@"
    local failed=$?
    umount "$work/over"
    return $failed
}

# block TYPE OPTIONS MKFS...: a file system on a block device.
block() {
    local type=$1 options=$2
    shift 2
    has_type "$type"
    format disk "$@"
    attach disk "$type" "$options"
    eval "mount_it() { attach disk $type $options; }"
    contract "$work/disk"
}

fs_tmpfs() { # tmpfs
    mkdir -p "$work/t"
    mount -t tmpfs -o size=200m t "$work/t"
    contract "$work/t"
}
fs_ext4() { block ext4 rw mkfs.ext4 -q; } # ext4
fs_xfs() { block xfs rw mkfs.xfs -q; } # XFS, blocks of 4 KiB
fs_xfs_1k() { block xfs rw mkfs.xfs -q -b size=1024; } # XFS, blocks of 1 KiB
fs_xfs_64k() { size=2G block xfs rw mkfs.xfs -q -b size=65536; } # XFS, blocks of 64 KiB
fs_xfs_noreflink() { block xfs rw mkfs.xfs -q -m reflink=0; } # XFS made without reflinks (`-m reflink=0`)
fs_xfs_ci() { block xfs rw mkfs.xfs -q -n version=ci; } # XFS that folds ASCII names (`-n version=ci`): `a` and `A` are one name
fs_ext4_casefold() { # ext4 that folds names in the directory used (`chattr +F`): `a` and `A` are one name
    has_type ext4
    [ -e /sys/fs/ext4/features/casefold ] || skip "ext4 of this kernel folds no names"
    format disk mkfs.ext4 -q -O casefold
    mount_it() { attach disk ext4 rw; }
    mount_it
    mkdir "$work/disk/w"
    chattr +F "$work/disk/w"
    contract "$work/disk"
}
fs_btrfs() { block btrfs rw mkfs.btrfs -q; } # Btrfs
fs_btrfs_zstd() { block btrfs compress-force=zstd mkfs.btrfs -q; } # Btrfs, everything compressed (`compress-force=zstd`)
fs_btrfs_nodatacow() { block btrfs nodatacow mkfs.btrfs -q; } # Btrfs mounted with `nodatacow`
fs_bcachefs() { block bcachefs rw bcachefs format -q; } # bcachefs
fs_ocfs2() { block ocfs2 rw mkfs.ocfs2 -q -x -M local --fs-features=refcount -b 4K -C 4K -N 1; } # OCFS2 on one machine, with its feature `refcount`
fs_gfs2() { block gfs2 rw mkfs.gfs2 -q -O -p lock_nolock -j 1 -J 8; } # GFS2 on one machine (`lock_nolock`)
fs_f2fs() { block f2fs rw mkfs.f2fs -q; } # F2FS
# Its cleaner, which mount.nilfs2 starts, gives back the room of what was removed: at once here, instead of an hour later.
fs_nilfs2() { # NILFS2, its cleaner running
    printf '%s\n' 'protection_period 0' 'min_clean_segments 0' 'clean_check_interval 1' 'nsegments_per_clean 16' \
        'cleaning_interval 0.1' 'retry_interval 1' >"$work/cleaner"
    [ ! -e /etc/nilfs_cleanerd.conf ] || mount --bind "$work/cleaner" /etc/nilfs_cleanerd.conf || broken "mount --bind"
    size=900M block nilfs2 rw mkfs.nilfs2 -q
}
fs_jfs() { block jfs rw mkfs.jfs -q; } # JFS
fs_udf() { block udf rw mkfs.udf; } # UDF
fs_vfat() { block vfat rw mkfs.vfat; } # vfat, as it is mounted by default
fs_vfat_masks() { block vfat fmask=0133,dmask=0022 mkfs.vfat; } # vfat mounted with `fmask=0133,dmask=0022`, as many an fstab has it: files and directories show other bits
fs_exfat() { block exfat rw mkfs.exfat; } # exFAT, by the kernel
fs_ntfs3() { block ntfs3 rw mkntfs -q -F; } # NTFS, by the kernel (ntfs3)

# under TYPE: the file system below another one, on $work/under.
under() {
    local size=${size:-}
    [ "$1" != btrfs ] || size=800M # 400M are too few for its metadata behind a server
    has_type "$1"
    format under "mkfs.$1" -q
    attach under "$1" rw
    chmod 777 "$work/under"
    mkdir -p "$work/over"
}

# Everything the contract makes is new, and so on the upper side.
overlay() { # TYPE
    has_type overlay
    under "$1"
    mkdir -p "$work"/under/{l,u,w}
    mount_it() {
        mount -t overlay -o "lowerdir=$work/under/l,upperdir=$work/under/u,workdir=$work/under/w" o "$work/over" ||
            broken "mount overlay"
    }
    mount_it
    contract "$work/over"
}
fs_overlay_xfs() { overlay xfs; } # overlayfs above XFS; all files are in the upper layer
fs_overlay_btrfs() { overlay btrfs; } # overlayfs above Btrfs; all files are in the upper layer
fs_overlay_ext4() { overlay ext4; } # overlayfs above ext4; all files are in the upper layer

# FUSE: the backing folder is the server's view.
passthrough() { # BACKING
    has_type fuse
    mount_it
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        mountpoint -q "$work/over" && break
        sleep 0.3
    done
    mountpoint -q "$work/over" || broken "not mounted"
    served_contract "$1"
}
fs_bindfs() { # FUSE: bindfs above XFS
    need bindfs
    under xfs
    mkdir "$work/under/d"
    mount_it() { bindfs "$work/under/d" "$work/over" || broken bindfs; }
    passthrough "$work/under/d"
}
fs_fuse_overlayfs() { # FUSE: fuse-overlayfs above XFS; all files are in the upper layer
    need fuse-overlayfs
    under xfs
    mkdir -p "$work"/under/{l,u,w}
    mount_it() {
        fuse-overlayfs -o "lowerdir=$work/under/l,upperdir=$work/under/u,workdir=$work/under/w" "$work/over" ||
            broken fuse-overlayfs
    }
    passthrough "$work/under/u"
}
fs_mergerfs() { # FUSE: mergerfs above one XFS
    need mergerfs
    under xfs
    mkdir "$work/under/d"
    mount_it() {
        mergerfs -o minfreespace=1M "$work/under/d" "$work/over" || broken mergerfs
        sleep 1
    }
    passthrough "$work/under/d"
}
fs_ntfs3g() { # FUSE: NTFS by ntfs-3g
    need ntfs-3g
    has_type fuse
    truncate -s 400M "$work/n.img"
    quietly mkntfs -q -F "$work/n.img"
    mkdir "$work/over"
    mount_it() { ntfs-3g "$work/n.img" "$work/over" || broken ntfs-3g; }
    mount_it
    served_contract
}

# NFS over loopback. fsid=0 makes the export itself NFSv4's root, so that nothing above it has to be exportable.
nfs_server() {
    local file
    mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd || broken nfsd
    mkdir -p /run/rpcbind /var/lib/nfs/{rpc_pipefs,v4recovery,nfsdcltrack,sm,sm.bak}
    : >/var/lib/nfs/etab
    : >/var/lib/nfs/rmtab
    rpcbind -w
    for file in nfsv4gracetime nfsv4leasetime; do echo 10 >"/proc/fs/nfsd/$file"; done
    rpc.mountd --foreground 2>/dev/null &
    rpc.nfsd -V 3 -V 4.2 4 || broken rpc.nfsd
    echo Y >/proc/fs/nfsd/v4_end_grace
    exportfs -o "rw,no_root_squash,fsid=0,insecure,no_subtree_check" "127.0.0.1:$work/under" || broken exportfs
}
nfs() { # TYPE VERSION
    local from=127.0.0.1:/ options=vers=$2,timeo=100 failed
    need rpc.nfsd
    has_type nfsd
    under "$1"
    nfs_server
    [ "$2" != 3 ] || from=127.0.0.1:$work/under options+=,nolock
    mount_nfs() { timeout 60 mount -t nfs -o "$options" "$from" "$work/over" || broken mount.nfs; }
    mount_it() { mount_nfs; }
    mount_it
    served_contract "$work/under"
    failed=$?
    exportfs -ua
    rpc.nfsd 0
    return $failed
}
fs_nfs42_xfs() { nfs xfs 4.2; } # NFS 4.2, the server on XFS
fs_nfs42_btrfs() { nfs btrfs 4.2; } # NFS 4.2, the server on Btrfs
fs_nfs42_ext4() { nfs ext4 4.2; } # NFS 4.2, the server on ext4
fs_nfs41_xfs() { nfs xfs 4.1; } # NFS 4.1, the server on XFS
fs_nfs41_btrfs() { nfs btrfs 4.1; } # NFS 4.1, the server on Btrfs
fs_nfs40_xfs() { nfs xfs 4.0; } # NFS 4.0, the server on XFS
fs_nfs3_xfs() { nfs xfs 3; } # NFS 3, the server on XFS
fs_nfs3_btrfs() { nfs btrfs 3; } # NFS 3, the server on Btrfs

samba() { # TYPE VFS-OBJECTS
    need smbd
    has_type cifs
    under "$1"
    mkdir -p /run/samba /var/lib/samba/private /var/cache/samba /var/log/samba
    cat >"$work/smb.conf" <<CONF
[global]
 server role = standalone server
 map to guest = never
 bind interfaces only = yes
 interfaces = lo
 smb ports = 4455
 log file = $work/smb.log
 load printers = no
 disable spoolss = yes
 server min protocol = SMB3
[s]
 path = $work/under
 read only = no
 vfs objects = $2
CONF
    printf 'pw\npw\n' | quietly smbpasswd -c "$work/smb.conf" -s -a root
    smbd -D -s "$work/smb.conf" || broken smbd
    mount_it() {
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            mount -t cifs -o vers=3.1.1,port=4455,username=root,password=pw //127.0.0.1/s "$work/over" 2>"$work/log" && return
            sleep 1
        done
        broken "mount.cifs: $(cat "$work/log") $(dmesg | tail -n 2)"
    }
    mount_it
    served_contract "$work/under"
}
fs_smb_btrfs_clone() { samba btrfs btrfs; } # SMB 3.1.1, Samba on Btrfs with its module `btrfs`, which offers clones
fs_smb_btrfs() { samba btrfs ""; } # SMB 3.1.1, Samba on Btrfs without that module
fs_smb_xfs() { samba xfs ""; } # SMB 3.1.1, Samba on XFS

fs_9p_diod() { # 9p (9P2000.L), the server diod on XFS
    need diod
    modprobe -q -a 9p 9pnet_fd
    has_type 9p
    under xfs
    diod -l 127.0.0.1:5640 -n -e "$work/under" -f >/dev/null 2>&1 &
    mount_it() {
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            mount -t 9p -o "trans=tcp,port=5640,aname=$work/under,version=9p2000.L,uname=root,access=any" 127.0.0.1 \
                "$work/over" 2>/dev/null && return
            sleep 0.5
        done
        broken "mount 9p"
    }
    mount_it
    served_contract "$work/under"
}

# Block cloning is a feature of the pool and a parameter of the module.
zfs() { # RECORDSIZE ENABLED
    need zpool
    modprobe -q zfs || skip "zfs is not in this kernel"
    echo "$2" >/sys/module/zfs/parameters/zfs_bclone_enabled || broken zfs_bclone_enabled
    truncate -s 600M "$work/zfs.img"
    mkdir -p "$work/zfs"
    zpool create -f -o cachefile=none -O recordsize="$1" -m "$work/zfs" tank "$work/zfs.img" || broken "zpool create"
    echo "fact zfs_version $(cat /sys/module/zfs/version)"
    mount_it() { command zfs mount tank || broken "zfs mount"; }
    contract "$work/zfs"
    local failed=$?
    zpool destroy tank
    return $failed
}
fs_zfs() { zfs 128k 1; } # ZFS, records of 128 KiB, block cloning on
fs_zfs_4k() { zfs 4k 1; } # ZFS, records of 4 KiB, block cloning on
fs_zfs_noclone() { zfs 128k 0; } # ZFS, records of 128 KiB, block cloning off (`zfs_bclone_enabled=0`)
