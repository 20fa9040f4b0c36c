#!/bin/bash
# zig.sh: fetches zig and cargo-zigbuild of PyPI, once, into the cache, and prints the Python that has them. Installs nothing
# but, as root, python3-venv; exits 77, saying why, where this machine cannot have them.
set -euo pipefail

# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$(dirname "$(realpath "$0")")/targets.sh"
packages='ziglang==0.17.1 cargo-zigbuild==0.24.0'

say() { echo "targets: $*" >&2; }
unavailable() { say "NOT AVAILABLE: $*"; exit 77; }

install() {
    say "installing $packages into $cache/zig"
    rm -rf "$cache/zig"
    python3 -m venv "$cache/zig" >/dev/null 2>&1 || {
        [ "$(id -u)" = 0 ] || unavailable "python3-venv is needed"
        apt-get install -y -qq --no-install-recommends python3-venv >/dev/null 2>&1 || true
        python3 -m venv "$cache/zig" >/dev/null || unavailable "python3-venv is needed"
    }
    # shellcheck disable=SC2086 # two words
    "$cache/zig/bin/pip" install --quiet --disable-pip-version-check $packages >&2 ||
        unavailable "pip cannot install $packages"
    echo "$packages" >"$cache/zig/packages"
}

mkdir -p "$cache"
exec 9>"$cache/zig.lock"
flock 9 # two runs at once would fetch it twice
[ "$(cat "$cache/zig/packages" 2>/dev/null)" = "$packages" ] || install
echo "$cache/zig/bin/python"
