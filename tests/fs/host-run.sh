#!/bin/bash
# host-run.sh CACHE JOB SECONDS: runs JOB/cmd on the running kernel, with the tools of the root folder, and exits with its status.
# Mount, network, PID and IPC namespaces of its own: nothing is installed or left mounted on the host. Root.
set -eu
root=$1/root job=$(realpath "$2") seconds=$3
export root job
# shellcheck disable=SC2016 # expanded inside
exec timeout -k 5 "$seconds" unshare -m -n -p -i -f --kill-child --propagation private bash -eu -c '
    mount --rbind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount --rbind /dev "$root/dev"
    mount -t proc p "$root/proc"
    mount -t sysfs s "$root/sys"
    for directory in /tmp /run /mnt; do mount -t tmpfs -o mode=1777 t "$root$directory"; done
    mkdir -p "$root/mnt/job"
    mount --bind "$job" "$root/mnt/job"
    for directory in /etc /var /root; do
        over=$root/run/o$directory
        mkdir -p "$over/u" "$over/w"
        mount -t overlay -o "lowerdir=$root$directory,upperdir=$over/u,workdir=$over/w" o "$root$directory"
    done
    ip link set lo up
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
    exec chroot "$root" sh /mnt/job/cmd </dev/null'
