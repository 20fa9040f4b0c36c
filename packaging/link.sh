#!/bin/sh
# link.sh ARCHIVE OUT SOVERSION VERSION: from rustc's static library, the shared library with versioned symbols and a
# static library that shows nothing but them. In the environment: CC, CFLAGS, LDFLAGS, NATIVE_LIBS, OBJCOPY, AR, LINK_STRIP.
#
# rustc gives each cdylib an anonymous version script. GNU ld refuses a second script with names; lld accepts it and
# makes no versions. So the library is linked here a second time, which works with both.
set -eu

archive=$1 out=$2 soversion=$3 version=$4
here=$(cd "$(dirname "$0")/.." && pwd)
: "${CC:=cc}" "${OBJCOPY:=objcopy}" "${AR:=ar}" "${CFLAGS=}" "${LDFLAGS=}"
: "${NATIVE_LIBS?the libraries that rustc names with --print native-static-libs}"
# Distributions that make packages of debugging symbols set it to nothing.
: "${LINK_STRIP=-Wl,--strip-debug}"

mkdir -p "$out"
work=$(mktemp -d "$out/link.XXXXXX")
trap 'rm -rf "$work"' EXIT

awk '!/^#/ && NF { print $2 }' "$here/include/reflink.symbols" > "$work/symbols"
wanted=
while read -r symbol; do
    wanted="$wanted -Wl,-u,$symbol"
done < "$work/symbols"

link_shared() {
    # nodelete: a thread that has used the library may end after dlclose, and its exit handlers must still be mapped
    # (rust-lang/rust#91979). relro, now: nothing is left to be written once the library is loaded.
    # shellcheck disable=SC2086 # flags are words
    $CC $CFLAGS $LDFLAGS -shared -o "$work/libreflink.so" \
        -Wl,-soname,"libreflink.so.$soversion" -Wl,--version-script="$here/include/reflink.map" \
        -Wl,--gc-sections -Wl,-z,defs -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now $LINK_STRIP \
        $wanted "$archive" -Wl,--as-needed $NATIVE_LIBS
}

# Only the flags that name the machine: -pie, -flto and sanitizers have no meaning for an object file.
machine=
for flag in $CFLAGS $LDFLAGS; do
    case $flag in
        -m32 | -m64 | -mx32 | -mabi=* | -march=* | -mfloat-abi=* | --target=* | --sysroot=* | -B*) machine="$machine $flag" ;;
    esac
done

link_object() { # LINKER_FLAG...
    # Groups are dissolved, or each one's name would have to stay global. Only GNU ld can.
    # shellcheck disable=SC2086
    $CC $machine "$@" -r -nostdlib -o "$work/all.o" \
        -Wl,--gc-sections -Wl,--force-group-allocation $LINK_STRIP $wanted "$archive"
}

# One object with all other symbols local. Otherwise two Rust libraries in one program would clash: each brings its own
# rust_eh_personality and the rest of the standard library.
make_static() {
    if ! link_object 2> "$work/first" && ! link_object -fuse-ld=bfd 2> "$work/second"; then
        cat "$work/first" "$work/second" >&2
        echo "link.sh: no GNU ld for -r: libreflink.a is rustc's own, which cannot share a program with other Rust libraries" >&2
        cp "$archive" "$work/libreflink.a"
        return
    fi
    "$OBJCOPY" --keep-global-symbols="$work/symbols" --remove-section .llvmbc --remove-section .llvmcmd \
        "$work/all.o" "$work/reflink.o"
    # D: no times and owners in it, so that the same input gives the same bytes.
    (cd "$work" && "$AR" rcsD libreflink.a reflink.o)
}

link_shared
make_static
mv "$work/libreflink.a" "$out/libreflink.a"
mv "$work/libreflink.so" "$out/libreflink.so.$version"
ln -sf "libreflink.so.$version" "$out/libreflink.so.$soversion"
ln -sf "libreflink.so.$soversion" "$out/libreflink.so"
