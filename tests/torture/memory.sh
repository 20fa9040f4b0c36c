#!/bin/sh
# memory.sh valgrind|sanitize LIBRARY_DIR: the C programs of tests/c and examples-c under what watches memory, threads and
# undefined behaviour, on every file system that can be mounted here. Ends with a line that counts runs and skips.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1
libraries=$(cd "$2" && pwd)

# What is missing is installed where that is possible (Debian, Ubuntu: as root).
install() { # PACKAGE
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: $1"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 || true
    fi
}

# Once more where the file systems are.
if [ -z "${REFLINK_TEST_TMPFS:-}${TORTURE_INSIDE:-}" ]; then
    TORTURE_INSIDE=1 exec "$root/bindings/with-filesystems.sh" "$0" "$@"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ran=0
skips=0
wrong=0

skip() { # REASON
    echo "SKIPPED: $1"
    skips=$((skips + 1))
}

# Where to run: one directory on each file system.
directories() {
    for place in "${REFLINK_TEST_XFS:-}" "${REFLINK_TEST_BTRFS:-}" "${REFLINK_TEST_EXT4:-}" "${REFLINK_TEST_TMPFS:-$work}"; do
        [ -n "$place" ] || continue
        mkdir -p "$place/torture"
        echo "$place/torture"
    done
}

run() { # WHAT COMMAND...
    what=$1
    shift
    ran=$((ran + 1))
    if "$@" >"$work/out" 2>&1; then
        return 0
    fi
    wrong=$((wrong + 1))
    echo "WRONG: $what: $*"
    sed 's/^/    /' "$work/out" | tail -60
}

# Proves that the checker works: it must find a mistake made on purpose.
control() { # LABEL COMMAND...
    what=$1
    shift
    ran=$((ran + 1))
    status=0
    "$@" >"$work/out" 2>&1 || status=$?
    if [ $status != 99 ]; then
        wrong=$((wrong + 1))
        echo "WRONG: $what does not find a mistake made on purpose (status $status): $*"
    fi
}

# The C programs linked with one library, into $work/LABEL.
build() { # LABEL COMPILER LIBRARY FLAGS...
    label=$1
    compiler=$2
    library=$3
    shift 3
    mkdir -p "$work/$label"
    for source in "$root/tests/c/torture_api.c" "$root/tests/c/torture_threads.c" "$root/tests/c/torture_trees.c" \
        "$root/examples-c/copy_file.c" "$root/examples-c/copy_range.c" "$root/examples-c/probe.c"; do
        # shellcheck disable=SC2086 # the library may need others behind it
        "$compiler" -std=c99 -g -O1 -Wall -Wextra "$@" -I"$root/include" -o "$work/$label/$(basename "$source" .c)" \
            "$source" $library -lpthread -ldl -lm
    done
}

# Copies trees in a directory that is removed, whatever it leaves.
trees() { # WHAT DIRECTORY COMMAND...
    label_of_trees=$1
    room=$2/trees
    shift 2
    mkdir -p "$room"
    run "$label_of_trees" "$@" "$room"
    rm -rf "$room"
}

# Each program on each file system, behind what is given.
each() { # LABEL PREFIX...
    label=$1
    shift
    for directory in $(directories); do
        programs=$work/$label
        run "$label: api on $directory" "$@" "$programs/torture_api" "$directory"
        run "$label: threads on $directory" "$@" "$programs/torture_threads" "$directory"
        trees "$label: trees on $directory" "$directory" "$@" "$programs/torture_trees"
        head -c 300000 /dev/urandom >"$directory/source"
        rm -f "$directory/copy"
        run "$label: copy_file on $directory" "$@" "$programs/copy_file" "$directory/source" "$directory/copy"
        run "$label: copy_range on $directory" "$@" "$programs/copy_range" "$directory/source" 100 70000 "$directory/copy" 4196
        # probe answers "no" with status 1, which is no finding; the checkers use 99.
        run "$label: probe on $directory" sh -c '"$@" || [ $? = 1 ]' sh "$@" "$programs/probe" "$directory"
        rm -f "$directory/source" "$directory/copy"
    done
}

# Without the sanitizer's functions in the program nothing would be found: check that they are there.
prove() { # SYMBOL FILE
    if ! nm "$2" 2>/dev/null | grep "$1" >/dev/null; then
        echo "WRONG: $2 has no $1: the sanitizer is not in it"
        wrong=$((wrong + 1))
    fi
}

valgrind_all() {
    command -v valgrind >/dev/null 2>&1 || install valgrind
    if ! command -v valgrind >/dev/null 2>&1; then
        skip "valgrind is not here"
        return
    fi
    build plain "${CC:-cc}" "$libraries/libreflink.a"
    # Valgrind 3.19 does not know what FICLONE and FICLONERANGE read; their arguments are initialised whole.
    each plain valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=all --errors-for-leak-kinds=all \
        --track-fds=no
    directory=$(directories | head -n 1)
    control memcheck valgrind --quiet --error-exitcode=99 "$work/plain/torture_api" "$directory" overrun
    for checker in helgrind drd; do
        run "$checker" valgrind --quiet --tool=$checker --error-exitcode=99 "$work/plain/torture_threads" "$directory"
        control "$checker" valgrind --quiet --tool=$checker --error-exitcode=99 "$work/plain/torture_threads" "$directory" race
        # The library's own threads wait for each other by futex(2), which these two take for no lock: see sanitize_library.
        room=$directory/trees
        mkdir -p "$room"
        run "$checker: trees" valgrind --quiet --tool=$checker --error-exitcode=99 "$work/plain/torture_trees" "$room" alone
        rm -rf "$room"
    done
}

has_sanitizers() { # COMPILER
    echo 'int main(void) { return 0; }' >"$work/empty.c"
    "$1" -fsanitize=address,undefined -o "$work/empty" "$work/empty.c" 2>/dev/null
}

# The C side: both compilers, the library as it is shipped.
sanitize_programs() {
    for compiler in gcc clang; do
        if ! command -v $compiler >/dev/null 2>&1; then
            skip "$compiler is not here"
            continue
        fi
        if ! has_sanitizers $compiler; then
            [ $compiler = gcc ] || install "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
            if ! has_sanitizers $compiler; then
                skip "$compiler has no sanitizers here"
                continue
            fi
        fi
        build "asan-$compiler" $compiler "$libraries/libreflink.a" -fsanitize=address,undefined -fno-sanitize-recover=all
        prove __asan_init "$work/asan-$compiler/torture_api"
        prove __ubsan_handle "$work/asan-$compiler/torture_api"
        control "$compiler's sanitizer" env ASAN_OPTIONS=exitcode=99 \
            "$work/asan-$compiler/torture_api" "$(directories | head -n 1)" overrun
        each "asan-$compiler" env ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1:exitcode=99 UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
    done
}

# The Rust side: the library itself instrumented, linked into the same programs with the runtime of the same compiler.
sanitize_library() { # address|thread SYMBOL
    if ! rustc +nightly --version >/dev/null 2>&1; then
        skip "the library under -Zsanitizer=$1: no nightly toolchain (rustup toolchain install nightly)"
        return
    fi
    target=$(rustc +nightly -vV | sed -n 's/^host: //p')
    short=asan
    [ "$1" = address ] || short=tsan
    runtime=$(rustc +nightly --print sysroot)/lib/rustlib/$target/lib/librustc-nightly_rt.$short.a
    if ! [ -e "$runtime" ]; then
        skip "the library under -Zsanitizer=$1: no runtime for $target"
        return
    fi
    built=$libraries/../sanitize-$1
    std=
    if [ "$1" = thread ]; then
        # The locks of trees are in the standard library: without it each of them would pass for a race.
        std=-Zbuild-std=std,panic_unwind
        rustup component add rust-src --toolchain nightly >/dev/null 2>&1 || true
        if ! [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library/std" ]; then
            skip "the library under -Zsanitizer=thread: no rust-src of the nightly toolchain (rustup component add rust-src)"
            return
        fi
    fi
    # Under the address sanitizer the standard library is not instrumented; it is taken as correct.
    # shellcheck disable=SC2086 # nothing, or one option
    if ! RUSTFLAGS="-Zsanitizer=$1 -Cunsafe-allow-abi-mismatch=sanitizer -Cdebug-assertions=on" CARGO_PROFILE_RELEASE_LTO=off \
        cargo +nightly rustc --lib --crate-type staticlib --release --quiet --locked --manifest-path "$root/Cargo.toml" \
        --target "$target" --target-dir "$built" $std >"$work/out" 2>&1; then
        sed 's/^/    /' "$work/out" | tail -20
        echo "WRONG: the library does not build with -Zsanitizer=$1"
        wrong=$((wrong + 1))
        return
    fi
    library=$built/$target/release/libreflink.a
    prove "$2" "$library"
    build "rust-$1" "${CC:-cc}" "$library -Wl,--whole-archive $runtime -Wl,--no-whole-archive -lstdc++ -lrt -lresolv" -fPIE -pie
    directory=$(directories | head -n 1)
    if [ "$1" = address ]; then
        control "the library's sanitizer" env ASAN_OPTIONS=exitcode=99 "$work/rust-$1/torture_api" "$directory" overrun
    else
        control "the library's sanitizer" env TSAN_OPTIONS=exitcode=99 "$work/rust-$1/torture_threads" "$directory" race
        mkdir -p "$directory/trees"
        control "the library's sanitizer, of trees" env TSAN_OPTIONS=exitcode=99 "$work/rust-$1/torture_trees" "$directory/trees" race
        rm -rf "$directory/trees"
    fi
    each "rust-$1" env ASAN_OPTIONS=detect_leaks=1:exitcode=99 TSAN_OPTIONS=halt_on_error=1:exitcode=99
}

case $tool in
valgrind) valgrind_all ;;
sanitize)
    sanitize_programs
    sanitize_library address __asan_report
    sanitize_library thread __tsan_read
    ;;
*)
    echo "usage: memory.sh valgrind|sanitize LIBRARY_DIR" >&2
    exit 2
    ;;
esac
echo "$tool: $ran runs, $wrong wrong, $skips skipped"
[ "$wrong" = 0 ]
