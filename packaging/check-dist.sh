#!/bin/sh
# Two clones in two places must give the same tarballs, and builds from these in two places the same libraries: without
# a network (as root: in an empty network namespace) and without anything from ~/.cargo.
set -eu

version=$1
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"
rustc=$(rustc --print sysroot)
name=libreflink-$version

same() { # WHAT FILE FILE
    cmp "$2" "$3" || { echo "$1 differs" >&2; exit 1; }
    echo "$1: the same bytes twice"
}

for place in one another/place; do
    mkdir -p "$work/$place"
    git clone --quiet "$here" "$work/$place/clone"
    (cd "$work/$place/clone" && umask "$([ $place = one ] && echo 022 || echo 077)" &&
        ./packaging/dist.sh "$work/$place/dist" "$version" > /dev/null)
done
for tarball in "$name.tar.gz" "$name-vendored.tar.gz"; do
    same "$tarball" "$work/one/dist/$tarball" "$work/another/place/dist/$tarball"
done
(cd "$work/one/dist" && sha256sum --check --quiet SHA256SUMS)

alone=
if [ "$(id -u)" = 0 ] && unshare --net true 2> /dev/null; then
    alone="unshare --net"
else
    echo "SKIPPED: not root, so that the network is only not used, and not taken away"
fi
for place in one another/place; do
    tar --directory "$work/$place" -xzf "$work/one/dist/$name-vendored.tar.gz"
    mkdir "$work/$place/home"
    # shellcheck disable=SC2086 # words
    (cd "$work/$place/$name" && env -i PATH="$rustc/bin:/usr/bin:/bin" HOME="$work/$place/home" LC_ALL=C.UTF-8 $alone \
        make --silent install CARGO_FLAGS='--quiet --locked --offline' PREFIX=/usr DESTDIR="$work/$place/stage")
done
for file in lib/libreflink.so.$version lib/libreflink.a lib/pkgconfig/libreflink.pc \
    share/cmake/libreflink/libreflink-config.cmake; do
    same "$file" "$work/one/stage/usr/$file" "$work/another/place/stage/usr/$file"
done
! grep -q -F "$work" "$work/one/stage/usr/lib/libreflink.so.$version" || { echo "the path of the build is in it" >&2; exit 1; }
echo "built without a network, in two places"
