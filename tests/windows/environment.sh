# shellcheck shell=bash
# What builds for Windows and runs it on Linux: mingw-w64, a Rust with a standard library for it, Wine. For amd64 machines.
# Sourced by the other scripts here and by packaging/windows.sh; exits 77, saying why, where this machine cannot have it.

target=x86_64-pc-windows-gnu
windows_here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034 # for those who source this
windows_root=$(realpath "$windows_here/../..")
# shellcheck source=../targets/targets.sh source-path=SCRIPTDIR
. "$windows_here/../targets/targets.sh"

say() { echo "windows: $*" >&2; }
unavailable() { say "NOT AVAILABLE: $*"; exit 77; }

# need COMMAND PACKAGE: installs it where that is possible.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $2"
        apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1 || {
            apt-get update -qq >&2
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null || true
        }
    fi
    command -v "$1" >/dev/null 2>&1 || unavailable "$1 is missing (package $2)"
}

# The compiler that uses Windows' own threads: what it links needs no DLL of its own.
mingw() {
    need x86_64-w64-mingw32-gcc-win32 gcc-mingw-w64-x86-64-win32
    need x86_64-w64-mingw32-dlltool binutils-mingw-w64-x86-64
    need pkg-config pkg-config
}

windows_cc() { nice x86_64-w64-mingw32-gcc-win32 "$@"; }

# Whether the machine's own compiler can make programs for Windows.
own_std() {
    local libraries
    libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) && compgen -G "$libraries/libstd*.rlib" >/dev/null
}

# Else Debian's compiler, with a standard library made from its sources.
standard_library() {
    own_std && return
    local to=$rust/usr/lib/rustlib/$target flags
    [ -e "$to" ] && return
    "$windows_here/../targets/environment.sh" x86_64-unknown-linux-gnu || exit $?
    (
        flock 9 # two runs at once would make it twice
        [ -e "$to" ] && exit
        say "building the standard library (about a minute)"
        flags='-Zforce-unstable-if-unmarked -Cpanic=unwind -Cembed-bitcode=yes'
        RUSTC_BOOTSTRAP=1 more_rust_flags="$flags --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo" \
            debians_cargo build --quiet --release --features backtrace,panic-unwind \
            --manifest-path "$(echo "$rust"/usr/src/rustc-*/library)/sysroot/Cargo.toml" --target-dir "$cache/std-windows" >&2 ||
            unavailable "the standard library does not build"
        mkdir -p "$to.new/lib"
        cp "$cache/std-windows/$target/release/deps/"*.rlib "$to.new/lib/"
        rm -rf "$cache/std-windows"
        mv "$to.new" "$to"
    ) 9>"$cache/lock" || exit $?
}

debians_cargo() { # COMMAND ARGUMENT...
    local real
    real=$(rustup which cargo 2>/dev/null || command -v cargo)
    (
        unset RUSTUP_TOOLCHAIN RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_TARGET
        # shellcheck disable=SC2031 # meant for this subshell only
        export LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu RUSTC=$rust/usr/bin/rustc CARGO=$real
        export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS=${more_rust_flags-}
        nice "$real" "$1" --target "$target" "${@:2}"
    )
}

# windows_cargo COMMAND ARGUMENT...: cargo for Windows. What the caller has in $more_rust_flags is said to the compiler too.
windows_cargo() {
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc-win32
    if own_std; then
        CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS=${more_rust_flags-} nice cargo "$1" --target "$target" "${@:2}"
    else
        debians_cargo "$@"
    fi
}

# wine_prefix FOLDER: a Windows of one's own in it, and what Wine 8 and older lack of it.
wine_prefix() {
    wine=$(command -v wine64 || command -v /usr/lib/wine/wine64 || true)
    if [ -z "$wine" ]; then
        need /usr/lib/wine/wine64 wine64
        wine=/usr/lib/wine/wine64
    fi
    # No display, no sound, no menu entries, and no questions whether to install Mono.
    export WINEPREFIX=$1/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=;winemenubuilder.exe=' DISPLAY=
    if [ ! -e "$WINEPREFIX/system.reg" ]; then
        say "making a Wine prefix"
        mkdir -p "$1"
        nice "$wine" wineboot -i >/dev/null 2>&1 || true
        wine_end
    fi
    [ -e "$WINEPREFIX/drive_c/windows/system32" ] || unavailable "Wine does not start here"
    if [ ! -e "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" ]; then
        windows_cc -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
            "$windows_here/bcryptprimitives.c" -ladvapi32
    fi
}

# Waits until nothing of Wine runs in the prefix any more, and puts an end to what would.
wine_end() {
    local server
    for server in /usr/lib/wine/wineserver64 /usr/lib/wine/wineserver "$(command -v wineserver || true)"; do
        [ -x "$server" ] || continue
        timeout 20 "$server" -w 2>/dev/null || "$server" -k 2>/dev/null || true
        return 0
    done
}

# run_in_wine SECONDS PROGRAM ARGUMENT...
run_in_wine() { nice timeout "$1" "$wine" "${@:2}"; }
