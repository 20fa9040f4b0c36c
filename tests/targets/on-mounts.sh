#!/bin/bash
# on-mounts.sh COMMAND...: runs "COMMAND... DIRECTORY" on a new Btrfs and on a new XFS, one after the other; fails if one does.
# Both are loop-mounted in a mount namespace of their own. The images lose their names at once: nothing is left behind.
set -euo pipefail
if [ "${REFLINK_ON_MOUNTS-}" != inside ]; then
    REFLINK_ON_MOUNTS=inside exec unshare --mount --propagation private "$0" "$@"
fi
PATH=$PATH:/usr/sbin:/sbin
base=$(mktemp -d)
trap 'umount -l "$base"/* 2>/dev/null; rm -rf --one-file-system "$base"' EXIT
failed=0
for kind in btrfs xfs; do
    mkdir "$base/$kind"
    truncate -s 1G "$base/image"
    "mkfs.$kind" -q "$base/image"
    mount -o loop "$base/image" "$base/$kind"
    rm "$base/image"
    echo "on $kind:"
    "$@" "$base/$kind" || failed=1
done
exit $failed
