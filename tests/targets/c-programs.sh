#!/bin/bash
# c-programs.sh BUILT DIRECTORY: the C programs in BUILT on the file system of DIRECTORY, by REFLINK_RUNNER where they need an
# emulator. What they made is then looked at from outside, by programs of this machine's own.
set -euo pipefail
built=$1 dir=$2 failed=0
read -ra runner <<<"${REFLINK_RUNNER-}"

fails() { echo "FAILED: $*"; failed=1; }

# in_room PROGRAM: in a directory of its own.
in_room() {
    mkdir "$dir/$1"
    "${runner[@]}" "$built/$1" "$dir/$1" || fails "$1"
}

mkdir "$dir/emulator"
"${runner[@]}" "$built/emulator" "$dir/emulator" | sed 's/^/the emulator lacks /'
[ "${PIPESTATUS[0]}" = 0 ] || fails emulator
for linkage in shared static; do
    "${runner[@]}" "$built/layout-$linkage" || fails "layout-$linkage"
    in_room "promises-$linkage"
done
in_room clone_contract

# What the file system reports of the clone, without the emulator.
PATH=$PATH:/usr/sbin:/sbin
filefrag -v "$dir/clone_contract/clone" | grep -q 'shared' || fails "filefrag sees no shared extents in the clone"
! filefrag -v "$dir/clone_contract/bytes" | grep -q 'shared' || fails "filefrag sees shared extents in the byte copy"
cmp "$dir/clone_contract/source" "$dir/clone_contract/clone" || fails "the clone differs"

# Times beyond what 32 bits hold, and before 1970.
for time in '2040-02-03 04:05:06' '2105-01-02 03:04:05' '1969-06-07 08:09:10'; do
    echo "$time" >"$dir/dated"
    touch -d "$time UTC" "$dir/dated"
    rm -f "$dir/dated-copy"
    "${runner[@]}" "$built/preserve_times" "$dir/dated" "$dir/dated-copy" || { fails "a file of $time"; continue; }
    [ "$(stat -c %Y "$dir/dated")" = "$(stat -c %Y "$dir/dated-copy")" ] ||
        fails "of $time came $(date -u -r "$dir/dated-copy" '+%F %T')"
done
exit $failed
