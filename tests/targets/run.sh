#!/bin/bash
# run.sh [TARGET...]: builds the library for each Linux target and runs its tests there, natively or under qemu-user, on real
# Btrfs and XFS; writes down what was seen for report.sh. Exits 77 where nothing can be had. Root, to mount.
# With QUICK=1 only the C programs are run (for two targets within `make test`).
set -euo pipefail

here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"
work=${CARGO_TARGET_DIR:-$root/target}/targets
results=$work/results${QUICK:+-quick}
export CARGO_TARGET_DIR=$work/cargo CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_TEST_DEBUG=0

# Emulated, the contract is run on Btrfs and XFS alone: it takes minutes, and no other file system tells more of an architecture.
only_clones=(--skip overlay- --skip ext4:: --skip tmpfs:: --skip xfs-1k:: --skip xfs-64k:: --skip btrfs-nodatacow::)

say() { echo "targets: $*" >&2; }

# The crate as it is, but for the generator of its header, which no test here needs and every target would have to build.
tree() {
    local each
    mkdir -p "$work/tree"
    for each in src tests include build.rs; do
        ln -sfn "$root/$each" "$work/tree/$each"
    done
    sed '/^cbindgen *=/d' "$root/Cargo.toml" >"$work/tree/Cargo.toml.new"
    cmp -s "$work/tree/Cargo.toml.new" "$work/tree/Cargo.toml" || mv "$work/tree/Cargo.toml.new" "$work/tree/Cargo.toml"
    cp "$root/Cargo.lock" "$work/tree/Cargo.lock"
}

# Makes a program find the C library that was fetched for it, where no emulator does.
loader() { # TARGET
    case $1 in
    i686-*) echo "-Wl,--dynamic-linker,$cache/root-i386/usr/lib/ld-linux.so.2 -Wl,-rpath,$cache/root-i386/usr/lib/i386-linux-gnu" ;;
    # By default zig makes static programs, which load no library.
    *-linux-musl) echo "-dynamic -Wl,--dynamic-linker,$cache/root-musl/lib/ld-musl-x86_64.so.1" ;;
    esac
}

# The emulator and its arguments, or nothing.
runner() { # TARGET
    local with
    with=$(runs_with "$1")
    [ "$with" = native ] || echo "$cache/qemu/usr/bin/$with-static -L $cache/root-$(std_from "$1")"
}

# cargo_tests TARGET FOLDER COMMAND ARGUMENT...: builds test programs of the crate in FOLDER and prints where they are.
cargo_tests() {
    local target=$1 folder=$2 command=$3 word more_rust_flags=''
    shift 3
    for word in $(loader "$target"); do
        more_rust_flags+=" -Clink-arg=$word"
    done
    cross_cargo "$target" "$command" --quiet "$@" --manifest-path "$folder/Cargo.toml" --target-dir "$work/harness" \
        --message-format json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'
}

build_c() { # TARGET PROGRAM SOURCE STATIC?
    local target=$1 program=$2 source=$3 linkage=$4 from=$work/cargo/$1/release words
    read -ra words <<<"$(loader "$target")"
    if [ "$linkage" = static ]; then
        zig_cc "$target" -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -I "$root/include" "$source" \
            "$from/libreflink.a" -lunwind "${words[@]}" -o "$program"
    else
        zig_cc "$target" -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -I "$root/include" "$source" \
            "$from/libreflink.so" -Wl,-rpath,"$from" "${words[@]}" -o "$program"
    fi
}

# The portable contract, which tests/contract runs.
build_contract() { # TARGET
    local from=$work/cargo/$1/release words
    read -ra words <<<"$(loader "$1")"
    zig_cc "$1" -std=c99 -Wall -Wextra -Wpedantic -Werror -O1 -I "$root/include" "$root"/tests/contract-c/*.c \
        "$from/libreflink.so" -Wl,-rpath,"$from" "${words[@]}" -pthread -o "$work/c/$1/contract-c"
}

build() { # TARGET
    local target=$1 out=$work/c/$1 name
    say "$target: building the library and C programs"
    cross_cargo "$target" zigbuild --quiet --release --locked --lib --manifest-path "$root/Cargo.toml" || return
    ln -sf libreflink.so "$work/cargo/$target/release/libreflink.so.0"
    mkdir -p "$out"
    for name in layout promises; do
        build_c "$target" "$out/$name-shared" "$root/tests/c/$name.c" shared || return
        build_c "$target" "$out/$name-static" "$root/tests/c/$name.c" static || return
    done
    for name in clone_contract preserve_times emulator; do
        build_c "$target" "$out/$name" "$here/$name.c" shared || return
    done
    [ -n "${QUICK-}" ] || { build_contract "$target" && build_tests "$target" >"$out/tests"; }
}

# The programs of "cargo test" that say something of a target. Natively all but those of the packaging and the manual, which
# are this machine's business; under emulation the contract and a part of the unit tests.
build_tests() { # TARGET
    local target=$1
    say "$target: building the tests"
    if [ "$(runs_with "$target")" = native ]; then
        compilers "$target"
        cargo_tests "$target" "$root" test --locked --no-run --lib --test contract --test torture --test c_programs \
            --test header --test symbols
    else
        tree
        cargo_tests "$target" "$work/tree" test --no-run --lib --test contract
    fi
}

# clang and clang++ as programs that make programs of the target, among all that is in this machine's PATH but gcc: in such a
# folder c_programs finds no compiler of this machine's own.
compilers() { # TARGET
    local target=$1 bin=$work/c/$1/bin language
    rm -rf "$bin"
    mkdir -p "$bin"
    ln -s /usr/bin/* "$bin/"
    rm -f "$bin"/{gcc,g++,clang,clang++}
    for language in "clang cc" "clang++ c++"; do
        cat >"$bin/${language% *}" <<SCRIPT
#!/bin/sh
exec "$cache/zig/bin/python" -m ziglang ${language#* } -target $(zig_target "$target") "\$@" $(loader "$target")
SCRIPT
        chmod +x "$bin/${language% *}"
    done
}

# One figure or word of a target's row.
note() { echo "$2=$3" >>"$results/$1"; }

# The tests that need what the emulator was seen to lack; libtest-mimic's way to leave them out.
left_out() { # WORD...
    local word
    for word; do
        case $word in
        nanoseconds) echo --skip times_are_kept_when_asked --skip descriptors_take_metadata_but_no_mode --skip statx_says \
            --skip times_beyond_2038 ;;
        dedupe) echo --skip the_probe_tells_the_truth ;;
        *) echo "run.sh: the emulator lacks \"$word\": which tests is that?" >&2 && return 1 ;;
        esac
    done
}

run_c() { # TARGET
    local target=$1
    if REFLINK_RUNNER=$(runner "$target") "$here/on-mounts.sh" "$here/c-programs.sh" "$work/c/$target" >"$work/c/$target/log" 2>&1; then
        note "$target" c "passed"
    else
        note "$target" c "FAILED"
        cat "$work/c/$target/log" >&2
        return 1
    fi
}

# run_tests TARGET KIND ARGUMENT...: one of the Rust test programs; its last line goes into the row.
run_tests() {
    local target=$1 kind=$2 program log=$work/c/$1/$2.log words status=0
    shift 2
    say "$target: running $kind"
    program=$(grep "/$kind-[^/]*$" "$work/c/$target/tests")
    read -ra words <<<"$(runner "$target")"
    [ ${#words[@]} -eq 0 ] || export REFLINK_TEST_RUNNER="${words[*]}"
    # No gcc there: see "compilers".
    [ "$kind" != c_programs ] || words=(env "PATH=$work/c/$target/bin:/usr/sbin:/sbin")
    (cd "$root" && REFLINK_LIBRARY=$work/cargo/$target/release/libreflink.so REFLINK_CONTRACT_PROGRAM=$work/c/$target/contract-c \
        nice "${words[@]}" "$program" "$@" >"$log" 2>&1) || status=$?
    unset REFLINK_TEST_RUNNER
    note "$target" "$kind" "$(sed -n 's/^test result: [A-Za-z]*\. \([0-9]* passed; [0-9]* failed; [0-9]* ignored\).*/\1/p' "$log" | tail -n 1)"
    [ $status -eq 0 ] || sed -n '/^failures:/,$p' "$log" >&2
    return $status
}

natively() { # TARGET
    local target=$1 failed=0 kind
    for kind in reflink contract c_programs header symbols; do
        run_tests "$target" $kind || failed=1
    done
    CC=$work/c/$target/bin/clang run_tests "$target" torture || failed=1
    return $failed
}

emulated() { # TARGET LACKING
    local target=$1 failed=0 words
    # shellcheck disable=SC2086 # words
    read -ra words <<<"$(left_out $2 | tr '\n' ' ')"
    run_tests "$target" contract "${words[@]}" "${only_clones[@]}" || failed=1
    # What depends on a system or an architecture: the engine's tests over a model would take a quarter of an hour.
    run_tests "$target" reflink sys:: capi:: copy::table copy::name "${words[@]}" || failed=1
    return $failed
}

run() { # TARGET
    local target=$1 failed=0 lacks
    say "$target: running the C programs on Btrfs and XFS"
    run_c "$target" || failed=1
    lacks=$(sed -n 's/^the emulator lacks //p' "$work/c/$target/log" | sort -u | tr '\n' ' ')
    note "$target" lacks "${lacks% }"
    [ -z "${QUICK-}" ] || return $failed
    case $(runs_with "$target") in
    native) natively "$target" || failed=1 ;;
    *) emulated "$target" "$lacks" || failed=1 ;;
    esac
    return $failed
}

[ "$(id -u)" = 0 ] || { say "NOT RUN: root is needed, to mount"; exit 77; }
read -ra targets <<<"${*:-$(linux_targets | tr '\n' ' ')}"
"$here/environment.sh" "${targets[@]}"
mkdir -p "$results"
bad=0
for target in "${targets[@]}"; do
    rm -f "$results/$target"
    note "$target" date "$(date -u +%F)"
    if build "$target"; then
        note "$target" linked yes
        run "$target" || bad=1
    else
        note "$target" linked FAILED
        bad=1
    fi
    sed "s/^/  $target: /" "$results/$target"
done
exit $bad
