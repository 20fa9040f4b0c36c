#!/bin/bash
# report.sh: writes docs/platforms.md from what check.sh, run.sh and elsewhere.sh saw. What was not run has no figures, and the table
# says so.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
# shellcheck source=targets.sh source-path=SCRIPTDIR
. "$here/targets.sh"
results=${CARGO_TARGET_DIR:-$root/target}/targets/results

# result FILE KEY [IF NONE]: TARGET is what run.sh saw of it, TARGET.check what check.sh did; elsewhere.sh has files of its own.
result() {
    local found
    found=$(sed -n "s/^$2=//p" "$results/$1" 2>/dev/null | tail -n 1)
    echo "${found:-${3-}}"
}

simulations() { result simulated "$(simulated_by "$1")"; } # TARGET

how() { # TARGET
    local with simulated=''
    with=$(runs_with "$1")
    [ -z "$(simulations "$1")" ] || simulated=' and simulated'
    if [ -n "$(result "$1" c)" ]; then
        [ "$with" = native ] || { echo "under emulation ($with), on this machine's kernel" && return; }
        echo "natively, on this machine's kernel"
    elif [ "$with" = wine ] && [ -n "$(result wine ran)" ]; then
        echo "under Wine: refusals, the fallback copy, trees without links; compiled$simulated, never run on the real system"
    elif [ "$(result "$1.check" compiled)" = yes ]; then
        if [ -n "$simulated" ]; then echo "compiled and simulated, never run on the real system"; else echo "compiled, never run"; fi
    else
        echo "not run"
    fi
}

linked() { # TARGET
    case $(runs_with "$1"):$(result wine ran) in wine:?*) echo "yes (mingw-w64)" && return ;; esac
    [ "$(std_from "$1")" != types ] || { echo "nothing to link with here" && return; }
    result "$1.check" linked "not tried"
}

clones() { # TARGET
    # clone_contract.c and c-programs.sh fail where a clone is not seen to be shared.
    if [ "$(result "$1" c)" = passed ]; then echo "Btrfs, XFS"; else echo "-"; fi
}

contract() { # TARGET
    case $(runs_with "$1") in
    wine) result wine ran "not run" ;;
    *) result "$1" contract "not run" ;;
    esac
}

unit_tests() { # TARGET
    local simulations
    simulations=$(simulations "$1")
    if [ -n "$simulations" ]; then echo "model of its clones: $simulations"; else result "$1" reflink "not run"; fi
}

row() { # TARGET
    echo "| \`$1\` | $(result "$1.check" compiled "not checked") | $(result "$1.check" header "not compared") | $(linked "$1") | $(how "$1") |" \
        "$(result "$1" c "not run") | $(contract "$1") | $(result "$1" torture "not run") | $(unit_tests "$1") | $(clones "$1") |"
}

# Targets whose C programs are but these.
only_compiled() { # PROGRAMS
    local target
    for target in $(all_targets); do
        [ "$(result "$target.check" headers)" != "$1" ] || echo "\`$target\`"
    done
}

the_rest() {
    local target
    for target in $(linux_targets); do
        [ -z "$(result "$target" c_programs)" ] || echo "- \`$target\`: C programs of \`tests/c_programs.rs\` $(result "$target" c_programs);" \
            "\`tests/header\` $(result "$target" header); \`tests/symbols.rs\` $(result "$target" symbols)."
    done
}

# What each emulator was seen to lack, and what was left out for it.
lacking() {
    local target lacks
    for target in $(linux_targets); do
        lacks=$(result "$target" lacks)
        [ -z "$lacks" ] || echo "- \`$target\`: ${lacks// /, }"
    done
}

# A row for each file of tests/targets/seen: what "make contract" printed on machines of other people.
seen_elsewhere() {
    local file
    seen() { sed -n "s/^$1=//p" "$file" | tail -n 1; }
    for file in "$here"/seen/*; do
        case $file in */README.md) continue ;; esac
        echo "| $(seen system) | $(seen fs_name) | $(seen clone) | $(seen holes) | $(seen contract) | $(seen commit), $(seen date) |"
    done
}

rustc_version() { LD_LIBRARY_PATH=$rust/usr/lib/x86_64-linux-gnu "$rust/usr/bin/rustc" -V | cut -d' ' -f1,2; }
zig_version() { "$cache/zig/bin/python" -m ziglang version; }
qemu_version() { "$cache/qemu/usr/bin/qemu-s390x-static" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'; }

cat <<HEAD >"$root/docs/platforms.md.new"
<!-- Written by "make test-targets" (tests/targets/report.sh) from what ran: do not edit it. -->
# Platforms

libreflink has a backend for Linux and Android, one for Windows, and one for the other Unixes, with additions for macOS, iOS and
FreeBSD. **Of these systems only Linux was run.** The results in this table are of $(date -u +%F) on one x86_64 machine with Linux $(uname -r | cut -d. -f1,2),
$(rustc_version) (Debian's), zig $(zig_version) as C compiler and linker, and qemu-user $(qemu_version). No emulated architecture was run on
hardware or on a kernel of its own: the kernel that cloned was always this x86_64 one. No Windows, no macOS and no BSD has run any of it.

Do you have a Mac, a Windows machine with a Dev Drive, or FreeBSD 15? \`make contract DIR=…\` builds the library there, tests it in that
directory and prints the lines for this page.

| target | compiled | same header | linked | run | C programs | contract | torture | unit tests | clones seen shared |
|---|---|---|---|---|---|---|---|---|---|
$(for target in $(all_targets); do row "$target"; done)

- *Compiled*: clippy, which includes the compiler's checks, with warnings denied (\`make check-targets\`).
- *Same header*: cbindgen, given src/capi as the target's own compiler expands it, makes \`include/libreflink.h\` byte for byte; and the target's C
  compiler (zig's clang) sees the structures' sizes and offsets that \`tests/c/layout.c\` asserts, under \`-std=c99 -Wall -Wextra -Wpedantic -Werror\`.
  More C programs are compiled where zig has a C library. Where it has none, \`layout.c\` stands alone: $(only_compiled "layout.c " | tr '\n' ' ')
- *Linked*: shared and static library, and a C program with each. An ELF library exports exactly what the header declares. For Mach-O this is
  not checked: zig passes no list of exports on.
- *C programs*: \`tests/c/layout.c\` and \`promises.c\`, each with the shared and the static library, and \`tests/targets/clone_contract.c\`
  (clones of files and ranges, offsets beyond 4 GiB), on Btrfs and on XFS, both loop-mounted.
- *Contract*: \`tests/contract\`, all of it natively; under emulation on Btrfs, on XFS and on XFS without reflink. *Ignored* are tests
  that need what is not there: strace (emulated: the emulator's own calls would be seen), and what the emulator lacks. Of Windows it is
  what \`make test-windows\` runs under Wine $(result wine version "(not run)"), which refuses every clone.
- *Torture*: \`tests/torture\`, its short form. Not under emulation: its filters and injected faults would hit the emulator's own calls. *Unit tests*: \`cargo test --lib\`; under emulation
  those of the system calls, the errno tables, the interface and names.
- *Model of its clones*: the rules of cloning on ReFS, APFS and FreeBSD over a model of the system's calls (\`src/sys/tests/model/rules\`), written from the
  vendors' manuals; run on this machine. A model cannot show what the real system answers.
- *Clones seen shared*: FIEMAP, called by the target's own program, reported every byte as shared; so did this machine's filefrag.
- The backend that the other Unixes share (\`src/sys/unix\`), compiled for Linux instead of Linux's own (\`make test-portable\`): unit tests
  $(result portable unit "not run"); contract $(result portable contract "not run").

The rest of the tests, natively. (Packages and the manual are tested on the host only. Ignored C programs need gcc; the compiler for these
targets is zig's clang.)

$(the_rest)

What the emulator does not pass on to the kernel, as a program without the library (\`tests/targets/emulator.c\`) found. The tests that need it were left out there:

$(lacking)

"dedupe" is FIDEDUPERANGE; the probe then reports that it is not possible. "nanoseconds" are those of the times from fstat(2).

Not tried on other Linux architectures (loongarch64, powerpc, mips, sparc, riscv32, …): their ioctl numbers and structures are asserted
when the library is compiled.

## Seen on other machines

What \`make contract\` (on Windows \`tests/contract-c/run.ps1\`) said where somebody ran it (\`tests/targets/seen\`). Where there is no line, nobody has sent one.

| system | file system | clone | holes | contract | commit, date |
|---|---|---|---|---|---|
$(seen_elsewhere)

## 32-bit Linux

Sizes, offsets, inode numbers and device numbers are 64 bits wide on every target; nothing depends on how the calling program was compiled
(\`_FILE_OFFSET_BITS\`, \`_TIME_BITS\`): neither \`off_t\` nor \`time_t\` is in the interface. Structures have the sizes that the C compiler
gives them: on ARM 4 bytes of padding stand before the first 64-bit member, on i386 none.

Times after 19 January 2038 are read by statx(2) and set by utimensat_time64 on i686 and ARM, whatever the C library's \`time_t\`. That takes Linux 5.1. On an older
kernel, under a filter that refuses these calls, on Android, and on other 32-bit architectures whose \`time_t\` has 32 bits, a file of such a time
cannot be copied (EOVERFLOW) or its times cannot be preserved (EOVERFLOW at REFLINK_STEP_METADATA). Where a filter refuses statx with EPERM instead
of ENOSYS (containers of about 2018), glibc's own fstat64 fails in a 32-bit program, and so does every copy (EPERM at REFLINK_STEP_OPEN_SOURCE).
HEAD
mv "$root/docs/platforms.md.new" "$root/docs/platforms.md"
echo "docs/platforms.md is written" >&2
