#!/bin/sh
# new-machine.sh [SUITE...]: the last commit on a bare Debian (bookworm and trixie), which has make, git and certificates:
# "make demo" and "make test" as root, who installs what they need, then as an ordinary user. COMMANDS="make demo" does less.
# Needs root, debootstrap and 15 GB. Each suite takes half an hour, its folder is removed (KEEP=1 keeps it).
# Exits 77, saying why, where this cannot be.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
base=${NEW_MACHINES:-/var/tmp/libreflink-new-machines} # /tmp may be in memory, or noexec
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
commands=${COMMANDS:-make demo && make test}

unavailable() {
    echo "SKIPPED: $*" >&2
    exit 77
}

[ "$(id -u)" = 0 ] || unavailable "new machines need root, for chroots"
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null 2>&1 || unavailable "no debootstrap here"

# complete or not there at all
bare() { # ROOT SUITE
    rm -rf --one-file-system "$1.new"
    debootstrap --variant=minbase --include=make,git,ca-certificates "$2" "$1.new" "$mirror" >"$1.log" ||
        { tail "$1.log" >&2 && return 1; }
    cat >"$1.new/etc/apt/sources.list" <<SOURCES
deb $mirror $2 main
deb $mirror $2-updates main
deb $mirror-security $2-security main
SOURCES
    chroot "$1.new" useradd --create-home --shell /bin/sh ordinary
    mv "$1.new" "$1"
}

# How this machine reaches the registries.
same_network() { # ROOT
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt "$HOME/.cargo/config.toml"; do
        [ ! -f "$file" ] || install -D -m 644 "$file" "$1$file"
    done
    for file in /etc/apt/apt.conf.d/*; do
        ! grep -qi '^acquire' "$file" || cp "$file" "$1/etc/apt/apt.conf.d/"
    done
}

# inside ROOT USER COMMAND: in a mount namespace whose root is a mount, so that file systems can be mounted in it.
inside() {
    # shellcheck disable=SC2016 # for the shell inside
    unshare --mount --propagation private sh -euc '
        mount --bind "$0" "$0"
        mount --rbind /dev "$0/dev"
        mount --rbind /sys "$0/sys"
        mount -t proc proc "$0/proc"
        exec chroot "$0" su - "$1" --whitelist-environment="$3" -c "$2"' "$1" "$2" "$3" "$passed"
}

# Variables that say how registries are reached, and none of the toolchain that is here.
passed=$(env | sed -nE 's/^((https?|no|all)_proxy|HTTPS?_PROXY|NO_PROXY|ALL_PROXY|(PIP|CARGO_HTTP|CARGO_NET|CARGO_REGISTRIES|CARGO_SOURCE)_[A-Z_]*|REFLINK_SKIP_TARGETS)=.*/\1/p' |
    paste -s -d ,)

machine() { # SUITE
    root=$base/$1
    [ -d "$root" ] || bare "$root" "$1"
    same_network "$root"
    failed=0
    for user in root ordinary; do
        echo "-- $1, $user: $commands"
        rm -rf --one-file-system "$root/srv/$user"
        git clone --quiet --no-hardlinks "$here" "$root/srv/$user"
        [ "$user" = root ] || chroot "$root" chown -R "$user:" "/srv/$user"
        inside "$root" "$user" "cd /srv/$user && ${NICE:-nice} sh -c '$commands'" || {
            echo "FAILED: $1, $user: $?" >&2
            failed=1
        }
    done
    [ -n "${KEEP-}" ] || rm -rf --one-file-system "$root"
    return $failed
}

mkdir -p "$base"
bad=0
[ $# -gt 0 ] || set -- bookworm trixie
for suite; do
    machine "$suite" || bad=1
done
exit $bad
