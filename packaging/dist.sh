#!/bin/sh
# dist.sh OUT VERSION: the source tarball, one with the dependencies in it (for builds without a network), and checksums.
# Both hold what the last commit holds, and the same commit gives the same bytes on any machine with the same gzip.
# Refuses while packaging/publisher has placeholders, unless PLACEHOLDERS is set.
set -eu

out=$1 version=$2
here=$(cd "$(dirname "$0")/.." && pwd)
: "${CARGO:=cargo}"
cd "$here"
# Its own repository, and not one that an unpacked tarball happens to lie in.
[ "$(git rev-parse --show-toplevel 2> /dev/null)" = "$(pwd -P)" ] || { echo "dist.sh: needs the git repository" >&2; exit 1; }
[ -z "$(git status --porcelain --untracked-files=no)" ] ||
    echo "dist.sh: there are changes that are not committed; the tarballs hold the last commit" >&2

export LC_ALL=C TZ=UTC
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=libreflink-$version

pack() { # TARBALL
    # Names in order, one time, nobody's, and no more of the modes than whether it can be executed.
    tar --directory "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX --format=gnu -cf - "$name" | gzip -9n > "$work/tarball"
    mv "$work/tarball" "$out/$1"
}

git archive --format=tar --prefix="$name/" HEAD | tar --directory "$work" -xf -
packed=$(sed -n 's/^version = "\(.*\)"/\1/p' "$work/$name/Cargo.toml" | head -n 1)
[ "$packed" = "$version" ] || { echo "dist.sh: $version was asked for, and the commit is $packed" >&2; exit 1; }
"$work/$name/packaging/publisher.sh" check
[ -n "${PLACEHOLDERS-}" ] || "$work/$name/packaging/publisher.sh" release
pack "$name.tar.gz"

# Those of tests and tools are in it too: a package is tested where there is no network either.
(cd "$work/$name" && $CARGO vendor --quiet --locked --versioned-dirs vendor)
mkdir "$work/$name/.cargo"
cat > "$work/$name/.cargo/config.toml" << 'END'
# The dependencies are in vendor/, with checksums; nothing is fetched.
[source.crates-io]
replace-with = "vendored-sources"

[source.vendored-sources]
directory = "vendor"
END
pack "$name-vendored.tar.gz"

cd "$out"
sha256sum "$name.tar.gz" "$name-vendored.tar.gz" > SHA256SUMS
echo "$out:"
cat SHA256SUMS
