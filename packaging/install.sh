#!/bin/sh
# install.sh install|uninstall: one list of files for both, so that what goes in comes out. Called by install.mk with
# VERSION SOVERSION BUILT PREFIX LIBDIR INCLUDEDIR DATADIR MANDIR DOCDIR CMAKEDIR PKGCONFIGDIR NATIVE_LIBS DESTDIR set.
set -eu

action=$1
here=$(cd "$(dirname "$0")/.." && pwd)
: "${DESTDIR=}"
for directory in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$DATADIR" "$MANDIR" "$DOCDIR" "$CMAKEDIR" "$PKGCONFIGDIR"; do
    case $directory in
        /*) ;;
        *) echo "install.sh: $directory is not an absolute path" >&2; exit 1 ;;
    esac
    # pkg-config and CMake take none of these apart from their own syntax.
    case $directory in
        *[!A-Za-z0-9/._+@%,:=~-]*) echo "install.sh: $directory: only letters, digits and /._+@%,:=~- are possible" >&2; exit 1 ;;
    esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

put() { # MODE FILE DIRECTORY [NAME]
    target=$DESTDIR$3/${4:-${2##*/}}
    case $action in
        install)
            mkdir -p "$DESTDIR$3"
            # Written beside its place, then renamed over it: a running program keeps the old library mapped.
            install -m "$1" "$2" "$target.new.$$"
            mv -f "$target.new.$$" "$target"
            ;;
        uninstall) rm -f "$target" ;;
    esac
}

link() { # TO DIRECTORY NAME
    case $action in
        install) ln -sfn "$1" "$DESTDIR$2/$3" ;;
        uninstall) rm -f "$DESTDIR$2/$3" ;;
    esac
}

# PATH with PREFIX written as ${prefix}, as pkg-config users who move the tree expect.
in_prefix() {
    case $1 in
        "$PREFIX"/*) printf '%s' "\${prefix}${1#"$PREFIX"}" ;;
        *) printf '%s' "$1" ;;
    esac
}

# The way from one directory to another. (realpath --relative-to is only GNU's.)
relative() { # FROM TO
    common=$1/ up=
    while :; do
        case $2/ in "$common"*) break ;; esac
        common=${common%/}
        common=${common%/*}/
        up=../$up
    done
    rest=$2/
    rest=$up${rest#"$common"}
    rest=${rest%/}
    printf '%s' "${rest:-.}"
}

# A program that is linked with -static finds no libgcc_s.a: its place is taken by libgcc_eh.a, which serves others too.
archive_needs=$(echo "$NATIVE_LIBS" | sed 's/-lgcc_s /-lgcc_eh /')
sed -e "s|@PREFIX@|$PREFIX|" -e "s|@LIBDIR@|$(in_prefix "$LIBDIR")|" -e "s|@INCLUDEDIR@|$(in_prefix "$INCLUDEDIR")|" \
    -e "s|@VERSION@|$VERSION|" -e "s|@NATIVE_LIBS@|$archive_needs|" "$here/packaging/libreflink.pc.in" > "$work/libreflink.pc"

# The way from the CMake package to the library, so that the tree can be moved.
sed -e "s|^set(_libreflink_libdir .*|set(_libreflink_libdir \"$(relative "$CMAKEDIR" "$LIBDIR")\")|" \
    -e "s|^set(_libreflink_includedir .*|set(_libreflink_includedir \"$(relative "$CMAKEDIR" "$INCLUDEDIR")\")|" \
    -e "s|^set(_libreflink_native_libs .*|set(_libreflink_native_libs \"$archive_needs\")|" \
    "$here/packaging/libreflink-config.cmake" > "$work/libreflink-config.cmake"

put 755 "$BUILT/libreflink.so.$VERSION" "$LIBDIR"
link "libreflink.so.$VERSION" "$LIBDIR" "libreflink.so.$SOVERSION"
link "libreflink.so.$VERSION" "$LIBDIR" libreflink.so
put 644 "$BUILT/libreflink.a" "$LIBDIR"
put 644 "$here/include/libreflink.h" "$INCLUDEDIR"
put 644 "$here/include/libreflink.hpp" "$INCLUDEDIR"
put 644 "$work/libreflink.pc" "$PKGCONFIGDIR"
put 644 "$work/libreflink-config.cmake" "$CMAKEDIR"
put 644 "$here/packaging/libreflink-config-version.cmake" "$CMAKEDIR"
for page in "$here"/man/*.[37]; do
    put 644 "$page" "$MANDIR/man${page##*.}"
done
put 644 "$here/LICENSE-MIT" "$DOCDIR"
put 644 "$here/LICENSE-APACHE" "$DOCDIR"

# Removes the library's own directories when they are empty; other directories stay.
if [ "$action" = uninstall ]; then
    for directory in "$CMAKEDIR" "$DOCDIR"; do
        rmdir "$DESTDIR$directory" 2>/dev/null || :
    done
fi
