#!/bin/sh
# Runs a command where real file systems are mounted: REFLINK_TEST_XFS, _BTRFS (they clone), _EXT4, _TMPFS and _XFS2
# (another XFS) name them; one that cannot be had here is left out and named. All of it is in a private mount
# namespace and ends with it: nothing is left mounted or on disk.
set -eu

if [ "${1:-}" != --inside ]; then
    if [ "$(id -u)" != 0 ] || ! unshare -m --propagation private true 2>/dev/null; then
        echo "with-filesystems: not root, or no mount namespace here: tests that need real file systems will be SKIPPED" >&2
        exec "$@"
    fi
    at=$(mktemp -d)
    trap 'rmdir "$at"' EXIT
    trap 'exit 1' HUP INT TERM
    unshare -m --propagation private -- "$0" --inside "$at" "$@"
    exit
fi
at=$2
shift 2

mount -t tmpfs -o size=4g,mode=755 reflink-tests "$at"

# The image is unlinked at once; the loop device keeps it while it is mounted.
filesystem() { # NAME MKFS...
    name=$1
    shift
    image=$at/.$name.img
    truncate -s 1g "$image"
    mkdir "$at/$name"
    if why=$({ "$@" "$image" >/dev/null && mount -o loop "$image" "$at/$name"; } 2>&1); then
        chmod 1777 "$at/$name"
        variable=REFLINK_TEST_$(echo "$name" | tr '[:lower:]' '[:upper:]')
        export "$variable=$at/$name"
    else
        echo "with-filesystems: no $name here, its tests will be SKIPPED: $why" >&2
    fi
    rm -f "$image"
}

filesystem xfs mkfs.xfs -q -m reflink=1
filesystem xfs2 mkfs.xfs -q -m reflink=1
filesystem btrfs mkfs.btrfs -q
filesystem ext4 mkfs.ext4 -q -F
mkdir "$at/tmpfs"
mount -t tmpfs -o mode=1777 reflink-tests "$at/tmpfs"
REFLINK_TEST_TMPFS=$at/tmpfs
export REFLINK_TEST_TMPFS

exec "$@"
