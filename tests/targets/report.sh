#!/bin/bash
# report.sh: writes docs/platforms.md from what run.sh saw. A target that was not run has no figures, and the table says so.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"
results=${CARGO_TARGET_DIR:-$root/target}/targets/results

# result TARGET KEY [IF NONE]
result() {
    local found
    found=$(sed -n "s/^$2=//p" "$results/$1" 2>/dev/null | tail -n 1)
    echo "${found:-${3-}}"
}

how() { # TARGET
    case $(runs_with "$1") in
    native) echo "natively" ;;
    *) echo "under emulation ($(runs_with "$1"))" ;;
    esac
}

# Whether check.sh compiled it without a warning.
compiled() { # TARGET
    [ ! -e "$results/$1.check" ] || { cat "$results/$1.check" && return; }
    echo "not checked"
}

clones() { # TARGET
    # clone_contract.c and c-programs.sh fail where a clone is not seen to be shared.
    if [ "$(result "$1" c)" = passed ]; then echo "Btrfs, XFS"; else echo "not seen"; fi
}

row() { # TARGET
    local target=$1 ran
    ran=$(how "$target")
    if [ -z "$(result "$target" c)" ]; then
        ran="not run"
        [ "$(result "$target" linked)" != yes ] || ran="compiled, never run"
    fi
    echo "| \`$target\` | $(compiled "$target") | $(result "$target" linked "not tried") | $ran | $(result "$target" c "not run") |" \
        "$(result "$target" contract "not run") | $(result "$target" reflink "not run") | $(clones "$target") |" \
        "$(result "$target" date) |"
}

# What each emulator was seen to lack, and what was left out for it.
lacking() {
    local target lacks
    for target in $(all_targets); do
        lacks=$(result "$target" lacks)
        [ -z "$lacks" ] || echo "- \`$target\`: ${lacks// /, }"
    done
}

rustc_version() { LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu "$rust/usr/bin/rustc" -V | cut -d' ' -f1,2; }
zig_version() { "$cache/zig/bin/python" -m ziglang version; }
qemu_version() { "$cache/qemu/usr/bin/qemu-s390x-static" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'; }

cat <<HEAD >"$root/docs/platforms.md.new"
<!-- Written by "make test-targets" (tests/targets/report.sh) from what ran: do not edit it. -->
# Platforms

libreflink 0.1 has a backend for Linux, and compiles for nothing else. This table is what was seen on one x86_64 machine
with Linux $(uname -r | cut -d. -f1,2), $(rustc_version) (Debian's), zig $(zig_version) as C compiler and linker, and qemu-user $(qemu_version).
None of the emulated architectures was run on its own hardware or kernel: the kernel that cloned was always this x86_64 one.

| target | compiled | linked | run | C programs | contract | unit tests | clones seen shared | date |
|---|---|---|---|---|---|---|---|---|
$(for target in $(all_targets); do row "$target"; done)

- *Compiled*: clippy with warnings denied (\`make check-targets\`).
- *Linked*: shared and static library; the C programs with both.
- *C programs*: \`tests/c/layout.c\` and \`promises.c\`, each with the shared and the static library, and \`tests/targets/clone_contract.c\`
  (clones of files and ranges, offsets beyond 4 GiB), on Btrfs and on XFS, both loop-mounted.
- *Contract*: \`tests/contract\`, all of it natively; under emulation on Btrfs, on XFS and on XFS without reflink. *Ignored* are tests
  that need what is not there: strace (emulated: the emulator's own calls would be seen), and what the emulator lacks.
- *Unit tests*: all natively; under emulation those of the system calls.
- *Clones seen shared*: FIEMAP called by the target's own program said so of every byte, and so did this machine's filefrag of the file.

What the emulator was seen not to pass on, by a program without the library (\`tests/targets/emulator.c\`); the tests that need it were left out there:

$(lacking)

"dedupe" is FIDEDUPERANGE: the probe's answer about it is then no. "nanoseconds" are those that fstat(2) gives.

Not tried on other Linux architectures (loongarch64, powerpc, mips, sparc, riscv32, …): their ioctl numbers and structures are asserted
when the library is compiled.

## 32-bit Linux

Sizes, offsets, inode numbers and device numbers are 64 bits wide on every target; nothing depends on how the calling program was compiled
(\`_FILE_OFFSET_BITS\`, \`_TIME_BITS\`): neither \`off_t\` nor \`time_t\` is in the interface. Structures have the sizes that the C compiler
gives them: on ARM 4 bytes of padding stand before the first 64-bit member, on i386 none.

Times after 19 January 2038 are read by statx(2) and set by utimensat_time64 on i686 and ARM, whatever the C library's \`time_t\`. That takes Linux 5.1. On an older
kernel, under a filter that refuses these calls, on Android, and on other 32-bit architectures whose \`time_t\` has 32 bits, a file of such a time
cannot be copied (EOVERFLOW) or its times cannot be preserved (EOVERFLOW at REFLINK_STEP_METADATA).
HEAD
mv "$root/docs/platforms.md.new" "$root/docs/platforms.md"
echo "docs/platforms.md is written" >&2
