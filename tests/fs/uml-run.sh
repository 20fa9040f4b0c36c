#!/bin/bash
# uml-run.sh CACHE SUITE JOB SECONDS: boots SUITE's User-Mode Linux, an ordinary program, runs JOB/cmd in it and exits with its status.
# JOB is /mnt/job in the guest. Needs neither root, nor KVM, nor an image. 125: the guest left no status.
set -u
cache=$1 kernel=$1/uml-$2 job=$(realpath "$3") seconds=$4
rm -f "$job/status"
timeout -k 5 "$seconds" "$kernel/linux.uml" mem=2G root=/dev/root rootfstype=hostfs rootflags="$cache/root" ro \
    init=/sbin/guest-init con=null con0=null,fd:1 ssl=null quiet loglevel=1 umid="libreflink-$$" \
    job="$job" mods="$kernel/modules" </dev/null 2>&1 | sed -u -e 's/\r//' -e '/^reboot: /d' -e '/^mergerfs\[/d'
[ -s "$job/status" ] || { echo "uml-run: the guest left no status (a limit of $seconds s?)" >&2; exit 125; }
exit "$(cat "$job/status")"
