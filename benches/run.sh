#!/bin/bash
# make bench: builds library and peers, makes each file system in a mount namespace of its own, runs the harness there, and has
# docs/performance*.md written. QUICK=1: about two minutes. IMAGES=DIR: where the images lie. FILESYSTEMS: which ones.
# TREES=1: whole trees alone, Python's copytree too, printed and not written (some ten minutes, once the peers are built;
# QUICK=1: small ones).
set -eu
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
target=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")
work=$target/bench

install_tools() {
    local missing="" pair
    for pair in cargo:cargo cc:gcc make:make mkfs.xfs:xfsprogs mkfs.btrfs:btrfs-progs mkfs.ext4:e2fsprogs \
        python3:python3 losetup:mount unshare:util-linux rsync:rsync; do
        command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
    done
    printf '#include <uv.h>\n' | cc -E - >/dev/null 2>&1 || missing="$missing libuv1-dev"
    [ -n "$missing" ] || return 0
    echo "bench: installing$missing" >&2
    # shellcheck disable=SC2086 # one word each
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null || {
        echo "bench: needs (Debian's names):$missing" >&2
        exit 1
    }
}

build() {
    mkdir -p "$work"
    git -C "$root" describe --always --dirty 2>/dev/null | sed 's/^/commit /' >"$work/commit" || true
    (cd "$root" && ${CARGO:-cargo} build --quiet --release --locked)
    ln -sf libreflink.so "$target/release/libreflink.so.0"
    build_tree_tools
    dedupe_tools
    python_package
    [ -z "${TREES:-}" ] || return 0
    (cd "$here/peer-reflink-copy" &&
        LIBREFLINK_LIB_DIR=$target/release CARGO_TARGET_DIR=$work/peer ${CARGO:-cargo} build --quiet --release --locked)
    make --quiet -C "$here/harness" OUT="$work" LIB="$target/release" PEER="$work/peer/release"
}

# Programs that copy trees, of pinned versions and with no way into the caller's ~/.cargo/bin.
build_tree_tools() {
    make --quiet -C "$root/examples-c" BUILD_TREE=1 TARGET_DIR="$target" BUILD="$work/examples" "$work/examples/copy_tree"
    local peer
    mkdir -p "$work/tree-peers/bin"
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 -pthread "$here/bare_tree.c" -o "$work/tree-peers/bin/bare_tree"
    for peer in cpz@3.2.1 xcp@0.24.9; do
        [ -x "$work/tree-peers/bin/${peer%@*}" ] ||
            (cd / && ${CARGO:-cargo} install --quiet --locked --root "$work/tree-peers" "$peer" >/dev/null 2>&1) ||
            echo "bench: $peer cannot be built here: SKIPPED" >&2
    done
}

# Programs that deduplicate: Debian's, and one of a pinned version that Debian has not.
dedupe_tools() {
    local peer
    for peer in duperemove jdupes rmlint; do
        command -v "$peer" >/dev/null || apt-get install -y -qq --no-install-recommends "$peer" >/dev/null 2>&1 || true
    done
    [ -x "$work/tree-peers/bin/fclones" ] ||
        (cd / && ${CARGO:-cargo} install --quiet --locked --root "$work/tree-peers" fclones@0.35.0 >/dev/null 2>&1) || true
}

# In an environment of its own, with the library just built. PyPI is needed for what builds it.
python_package() {
    if ! { python3 -m venv --clear "$work/python" &&
        LIBREFLINK_BUILT=$target/release/libreflink.so "$work/python/bin/pip" install -q --disable-pip-version-check "$root/bindings/python"; }; then
        rm -rf "$work/python"
        echo "bench: the Python package cannot be built here (python3-venv, PyPI): SKIPPED" >&2
    fi
}

# Images in memory, if there is enough: the device and its other users are not measured.
prepare_lab() {
    lab=$work/lab
    mkdir -p "$lab"
    mount -t tmpfs -o mode=0755 bench "$lab"
    mkdir "$lab/images"
    local free
    free=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    if [ -n "${IMAGES:-}" ]; then
        images=$IMAGES
    elif [ "$free" -ge 10 ]; then
        mount -t tmpfs -o size=80% bench "$lab/images"
        images=$lab/images
    else
        images=$work
    fi
    case $images in
    "$lab"*) echo "images in memory" ;;
    *) echo "images in files on $(stat -f -c %T "$images")" ;;
    esac >"$work/where"
}

# fresh NAME KIND: makes a file system of that kind at $lab/NAME. Its image is unlinked at once; unmounting frees the loop device.
fresh() {
    local name=$1 kind=$2 image=$images/$1-$$.img device
    mkdir -p "$lab/$name"
    if [ "$kind" = tmpfs ]; then
        mount -t tmpfs -o size=80% bench "$lab/$name"
        return
    fi
    truncate -s 24G "$image"
    case $kind in
    xfs) mkfs.xfs -q "$image" ;;
    btrfs) mkfs.btrfs -q "$image" >/dev/null 2>&1 ;;
    ext4) mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$image" ;;
    esac
    # Direct I/O, to avoid caching twice; not every file system supports it.
    device=$(losetup -f --show --direct-io=on "$image" 2>/dev/null || losetup -f --show "$image")
    rm -f "$image"
    mount -t "$kind" "$device" "$lab/$name" || { losetup -d "$device" && return 1; }
    losetup -d "$device"
}

# on KIND CASES...: the cases on a fresh file system, with a second one beside it where a copy needs another volume.
on() {
    local kind=$1 other=-
    shift
    fresh "$kind" "$kind" || { echo "bench: no $kind here: SKIPPED" | tee -a "$work/skipped" >&2 && return 0; }
    case "$kind $*" in
    "xfs "*dense* | "btrfs "*dense*)
        fresh other "$kind"
        other=$lab/other
        ;;
    esac
    "$work/harness" "$kind" "$lab/$kind" "$other" "$amount" "$work/samples.tsv" "$@"
    umount "$lab/$kind"
    [ "$other" = - ] || umount "$other"
}

# trees: whole trees on each file system.
trees() {
    local kind
    rm -f "$work/trees.tsv"
    for kind in ${FILESYSTEMS:-xfs btrfs ext4 tmpfs}; do
        echo "$kind, trees" >&2
        fresh "$kind" "$kind" || { echo "bench: no $kind here: SKIPPED" | tee -a "$work/skipped" >&2 && continue; }
        python3 "$here/trees.py" "$kind" "$lab/$kind" "$work/examples/copy_tree" "$work/tree-peers" "$work/trees.tsv"
        [ -z "${TREES:-}" ] || [ ! -d "$work/python" ] || "$work/python/bin/python" "$here/copytree.py" "$kind" "$lab/$kind"
        umount "$lab/$kind"
    done
}

measure() {
    amount=full
    [ -z "${QUICK:-}" ] || amount=quick
    export BENCH_PYTHON=$here/python_worker.py
    rm -f "$work/samples.tsv" "$work/skipped" "$work/trees.tsv"
    if [ -d "$work/python" ]; then
        export BENCH_PYTHON_PACKAGE=1 PATH=$work/python/bin:$PATH
    else
        echo "bench: no Python package here: SKIPPED" >"$work/skipped"
    fi
    local kind peer
    PATH=$PATH:$work/tree-peers/bin
    for peer in duperemove jdupes rmlint fclones; do
        command -v "$peer" >/dev/null || echo "bench: no $peer here: SKIPPED" | tee -a "$work/skipped" >&2
    done
    for kind in ${FILESYSTEMS:-xfs btrfs ext4 tmpfs}; do
        echo "$kind" >&2
        on "$kind" count start steps small python
        on "$kind" ranges sizes
        case $kind in
        ext4 | tmpfs) on "$kind" tiny ;;
        esac
        [ "$kind" = tmpfs ] || on "$kind" maps
        on "$kind" fragmented
        on "$kind" dense sparse
        case $kind in
        xfs | btrfs) on "$kind" dedupe ;;
        esac
    done
}

describe() {
    {
        date -u +'date %Y-%m-%d %H:%M UTC'
        echo "amount $amount"
        echo "kernel $(uname -r) $(uname -m)"
        awk -F': *' '/^model name/ { print "cpu " $2; exit }' /proc/cpuinfo
        awk -F': *' '/^vendor_id/ { print "vendor " $2; exit }' /proc/cpuinfo
        # How the kernel copies into a program's buffer: the numbers of one processor are not another's.
        grep -m 1 '^flags' /proc/cpuinfo | grep -ow 'erms\|fsrm' | sort | paste -sd ' ' | sed 's/^/flags /'
        echo "cores $(nproc)"
        awk '/^MemTotal/ { printf "memory %d GiB\n", $2 / 1048576 }' /proc/meminfo
        systemd-detect-virt 2>/dev/null | sed 's/^/virtual /'
        echo "load $load_before before, $(cut -d' ' -f1 /proc/loadavg) after"
        echo "where $(cat "$work/where")"
        "$work/harness" versions
        sed -n 's/^reflink-copy = "=\(.*\)"/reflink-copy \1/p' "$here/peer-reflink-copy/Cargo.toml"
        cp --version | sed -n '1s/.* /cp /p'
        python3 --version
        mkfs.xfs -V | sed 's/mkfs.xfs version/xfsprogs/'
        mkfs.btrfs --version | sed 's/.* v\?/btrfs-progs /'
        mkfs.ext4 -V 2>&1 | sed -n '1s/mke2fs \([^ ]*\).*/e2fsprogs \1/p'
        cat "$work/commit" # of what was built: the tree may have moved on since
    } >"$work/machine"
}

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" = 0 ] || { echo "bench: needs root, to mount" >&2 && exit 1; }
    install_tools
    build
    exec unshare -m --propagation private "$0" --inside
fi
prepare_lab
load_before=$(cut -d' ' -f1 /proc/loadavg)
if [ -n "${TREES:-}" ]; then
    trees
    echo "load $load_before before, $(cut -d' ' -f1 /proc/loadavg) after; $(cat "$work/commit")"
    exec python3 "$here/trees_report.py" "$work/trees.tsv"
fi
measure
[ -n "${QUICK:-}" ] || trees
describe
PYTHONDONTWRITEBYTECODE=1 python3 "$here/report.py" "$work" "${REPORT:-$root/docs}"
