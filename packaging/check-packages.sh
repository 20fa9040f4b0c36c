#!/bin/sh
# check-packages.sh OUT TARBALL STEP...: builds in Debian trixie's Rust (1.85) and makes, checks, installs and uses its
# packages, in clean chroots without a network. Needs root and mmdebstrap; STEP is msrv, cinstall, deb, smoke (the last
# part of deb, over the packages in OUT), cross or rpm.
# Packages are left in OUT. Nothing is mounted outside of a namespace of its own, and the chroots are removed.
set -eu

out=$1 tarball=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
suite=${SUITE:-trixie}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
: "${CC:=cc}"

[ "$(id -u)" = 0 ] || { echo "check-packages.sh: needs root, for chroots" >&2; exit 77; }
command -v mmdebstrap > /dev/null || { echo "SKIPPED: no mmdebstrap here" >&2; exit 77; }
mkdir -p "$out"
out=$(cd "$out" && pwd)
# Not in /tmp: that may be a tmpfs or noexec.
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
name=$(basename "$tarball" -vendored.tar.gz)
version=${name#libreflink-}

bootstrap() { # ROOT PACKAGES [ARCHITECTURES]
    echo "-- $suite with $2"
    unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant=minbase --include="$2" \
        --architectures="${3:-$(dpkg --print-architecture)}" --aptopt='APT::Install-Recommends "false"' "$suite" "$1" "deb $mirror $suite main"
}

# Runs without a network, with a clean environment, and as an ordinary user.
inside() { # ROOT COMMAND
    # shellcheck disable=SC2016 # for the shell inside
    unshare --mount --net --pid --fork --kill-child --propagation private sh -c '
        mount -t proc proc "$0/proc" && exec chroot --userspec=65534:65534 "$0" \
            env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/build LC_ALL=C.UTF-8 sh -euc "$1"' "$1" "$2"
}

# The same as root, for steps that install.
inside_as_root() { # ROOT COMMAND
    # shellcheck disable=SC2016 # for the shell inside
    unshare --mount --net --pid --fork --kill-child --propagation private sh -c '
        mount -t proc proc "$0/proc" && exec chroot "$0" \
            env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            sh -euc "$1"' "$1" "$2"
}

unpack() { # ROOT: a fresh source tree in /build
    rm -rf "$1/build"
    mkdir "$1/build"
    tar --directory "$1/build" -xzf "$tarball"
    chown -R 65534:65534 "$1/build"
}

builder() {
    [ -d "$work/builder" ] ||
        bootstrap "$work/builder" build-essential,debhelper,rustc,cargo,cargo-c,libstd-rust-dev,lintian,pkgconf,clang,lld
    unpack "$work/builder"
}

msrv() {
    builder
    inside "$work/builder" "
        cd /build/$name
        rustc -V
        case \$(rustc -V) in 'rustc 1.85.'*) ;; *) echo 'this is not 1.85'; exit 1 ;; esac
        make install CARGO_FLAGS='--locked --offline' PREFIX=/build/prefix
        cp target/release/package/libreflink.so.$version /build/stripped.so
        strip --strip-unneeded /build/stripped.so
        stat -c '%s bytes, stripped' /build/stripped.so
        [ \$(stat -c %s /build/stripped.so) -le \$(cat tests/largest-library) ]
        mkdir /build/run
        cc -std=c99 -D_POSIX_C_SOURCE=200809L -I/build/prefix/include -o /build/use tests/c/consumer_use.c \
            -L/build/prefix/lib -lreflink
        LD_LIBRARY_PATH=/build/prefix/lib /build/use /build/run
        cargo test --quiet --locked --offline --lib"
    echo "-- msrv: built and tested with Rust 1.85"
}

# The same tree from Debian's cargo-c as from make install.
cinstall() {
    builder
    inside "$work/builder" "
        cd /build/$name
        make install CARGO_FLAGS='--locked --offline' DESTDIR=/build/make PREFIX=/usr LIBDIR=/usr/lib/x
        cargo cinstall --version
        cargo cinstall --release --locked --offline --destdir=/build/cinstall --prefix=/usr --libdir=/usr/lib/x
        (cd /build/make && find . ! -type d | sort) > /build/make.list
        (cd /build/cinstall && find . ! -type d | sort) > /build/cinstall.list
        diff /build/make.list /build/cinstall.list"
    echo "-- cinstall: the same tree"
}

deb() {
    builder
    cp "$tarball" "$work/builder/build/libreflink_$version.orig.tar.gz"
    cp -r "$here/packaging/debian" "$work/builder/build/$name/debian"
    chown -R 65534:65534 "$work/builder/build"
    inside "$work/builder" "
        cd /build/$name
        dpkg-buildpackage -us -uc
        cd ..
        # Warnings and below are shown; errors end this.
        lintian --fail-on error --display-info --pedantic libreflink_*.changes"
    cp "$work"/builder/build/libreflink*.deb "$work"/builder/build/libreflink_*.dsc "$work"/builder/build/libreflink_*.tar.* \
        "$work"/builder/build/libreflink_*.changes "$out"
    smoke
    echo "-- deb: built and checked: $out"
}

# What a user has: the packages and a compiler, in a chroot that has never seen the source.
smoke() {
    bootstrap "$work/user" gcc,g++,libc6-dev,pkgconf,libgcc-s1
    mkdir "$work/user/debs"
    cp "$out"/libreflink0_*.deb "$out"/libreflink-dev_*.deb "$work/user/debs"
    # Of the tree only the test and its programs, as autopkgtest has them.
    mkdir -p "$work/user/build/debian" "$work/user/build/tests"
    cp -r "$here/packaging/debian/tests" "$work/user/build/debian"
    cp -r "$here/tests/c" "$work/user/build/tests"
    inside_as_root "$work/user" "dpkg -i /debs/*.deb"
    inside "$work/user" "sh /build/debian/tests/smoke"
    inside_as_root "$work/user" "
        dpkg -L libreflink0 libreflink-dev
        apt-get purge -y -q libreflink0 libreflink-dev
        [ -z \"\$(find / -xdev -name '*reflink*' -not -path '/build/*' -not -path '/debs/*' -not -path '/proc/*' \
            -not -path '/var/lib/dpkg/*' -not -path '/var/log/*' -not -path '*/coreutils*' -print)\" ]"
    echo "-- smoke: installed, used, removed without a trace"
}

# Cross-builds for another architecture, and runs a program with the result in an emulator.
cross() {
    bootstrap "$work/cross" "build-essential,crossbuild-essential-arm64,debhelper,rustc,cargo,libstd-rust-dev,\
libstd-rust-dev:arm64,qemu-user" "$(dpkg --print-architecture),arm64"
    unpack "$work/cross"
    cp "$tarball" "$work/cross/build/libreflink_$version.orig.tar.gz"
    cp -r "$here/packaging/debian" "$work/cross/build/$name/debian"
    chown -R 65534:65534 "$work/cross/build"
    inside "$work/cross" "
        cd /build/$name
        DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -us -uc -b -aarm64
        mkdir /build/root /build/run
        for package in ../libreflink0_*_arm64.deb ../libreflink-dev_*_arm64.deb; do dpkg -x \$package /build/root; done
        lib=/build/root/usr/lib/aarch64-linux-gnu
        readelf -h \$lib/libreflink.so.0 | grep AArch64
        nm -D --defined-only \$lib/libreflink.so.0 | grep -c '@@LIBREFLINK_0.1' | grep -x \
            \$(grep -c -v '^#' include/reflink.symbols)
        aarch64-linux-gnu-gcc -std=c99 -D_POSIX_C_SOURCE=200809L -I/build/root/usr/include -o /build/use \
            tests/c/consumer_use.c -L\$lib -lreflink
        qemu-aarch64 -L / -E LD_LIBRARY_PATH=\$lib /build/use /build/run"
    echo "-- cross: built for arm64, and run in an emulator"
}

# Debian has rpmbuild but no Fedora: the spec is checked and built with Debian's tools, not with Fedora's macros for Rust.
rpm() {
    command -v rpmbuild > /dev/null || { echo "SKIPPED: no rpmbuild here" >&2; return 0; }
    if command -v rpmlint > /dev/null; then
        rpmlint --ignore-unused-rpmlintrc --rpmlintrc "$here/packaging/rpm/rpmlintrc" "$here/packaging/rpm/libreflink.spec" | tee "$work/rpmlint"
        ! grep -q -E ': E: ' "$work/rpmlint" || return 1
    else
        echo "SKIPPED: no rpmlint here"
    fi
    mkdir -p "$work/rpm/SOURCES"
    cp "$tarball" "$work/rpm/SOURCES/"
    # --nodeps: rpm does not know what dpkg installed.
    unshare --net rpmbuild --quiet --nodeps --define "_topdir $work/rpm" -ba "$here/packaging/rpm/libreflink.spec"
    find "$work/rpm" -name '*.rpm' -exec cp {} "$out" \;
    if command -v rpmlint > /dev/null; then
        rpmlint --ignore-unused-rpmlintrc --rpmlintrc "$here/packaging/rpm/rpmlintrc" "$out"/libreflink*.rpm | tee "$work/rpmlint"
        ! grep -q -E ': E: ' "$work/rpmlint" || return 1
    fi
    for package in "$out"/libreflink*.rpm; do
        echo "-- $package"
        command rpm -qlp "$package"
    done
    # Unpacked and used, as the package's contents would be.
    mkdir -p "$work/rpm/root" "$work/rpm/run"
    for package in "$out"/libreflink*.rpm; do
        case $package in *.src.rpm | *debug*) continue ;; esac
        rpm2cpio "$package" | (cd "$work/rpm/root" && cpio --quiet -idm)
    done
    libdir=$(dirname "$(find "$work/rpm/root" -name 'libreflink.so.0')")
    $CC -std=c99 -D_POSIX_C_SOURCE=200809L -I"$work/rpm/root/usr/include" -o "$work/rpm/use" "$here/tests/c/consumer_use.c" \
        -L"$libdir" -lreflink
    LD_LIBRARY_PATH=$libdir "$work/rpm/use" "$work/rpm/run"
    echo "-- rpm: built, checked, unpacked, used: $out"
}

for step; do
    case $step in
        msrv | cinstall | deb | smoke | cross | rpm) "$step" ;;
        *) echo "check-packages.sh: no step $step" >&2; exit 2 ;;
    esac
done
