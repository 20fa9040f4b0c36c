#!/bin/sh
# Formatting, warnings and the rules that no compiler knows, as CI sees them.
# Tools of another version see other things: then what they say is shown and does not count.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
failed=0

skipped() { echo "SKIPPED: $*"; }

# held_to TOOL COMMAND: sets `counts` to whether this machine's version of it is the one in tests/toolchain.
held_to() {
    wanted=$(sed -n "s/^$1 //p" tests/toolchain)
    [ -n "$wanted" ] || { echo "lint: tests/toolchain does not name $1" >&2; exit 1; }
    case $("$2" --version) in *" $wanted."*) counts=yes ;; *) counts=no ;; esac
}

# check NAME RELEVANT COMMAND...: runs a check that counts if RELEVANT is yes.
check() {
    name=$1 relevant=$2
    shift 2
    if "$@"; then
        echo "lint: $name: ok"
    elif [ "$relevant" = yes ]; then
        echo "lint: $name: FAILED" >&2
        failed=1
    else
        skipped "$name: this version of the tool is not the one that the code is held to"
    fi
}

# Files under version control, or all where there is none (a tarball).
files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -- "$@"
    else
        for pattern; do
            find . -path ./target -prune -o -name "${pattern##*/}" -type f -print
        done
    fi
}

rust() {
    held_to cargo "$cargo"
    if "$cargo" fmt --version >/dev/null 2>&1; then
        check rustfmt $counts "$cargo" fmt --check
    else
        skipped "rustfmt is not here"
    fi
    if "$cargo" clippy --version >/dev/null 2>&1; then
        check clippy $counts "$cargo" clippy --quiet --locked --all-targets -- --deny warnings
    else
        skipped "clippy is not here"
    fi
}

c() {
    if ! command -v clang-format >/dev/null 2>&1; then
        skipped "clang-format is not here"
        return
    fi
    held_to clang-format clang-format
    # The header is cbindgen's.
    sources=$(files '*.c' '*.h' '*.hpp' '*.cpp' | grep -v -x -e include/libreflink.h -e ./include/libreflink.h)
    # shellcheck disable=SC2086 # no name here has a space
    check clang-format $counts clang-format --dry-run --Werror $sources
}

shell() {
    if ! command -v shellcheck >/dev/null 2>&1; then
        skipped "shellcheck is not here"
        return
    fi
    # shellcheck disable=SC2046 # no name here has a space
    check shellcheck yes shellcheck $(files '*.sh' .ci/run)
}

# Against the schema of such files: they cannot be run here. Pip fetches the tool once, where there is no better one.
workflows() {
    if command -v actionlint >/dev/null 2>&1; then
        check actionlint yes actionlint
        return
    fi
    linter=$(command -v check-jsonschema || true)
    if [ -z "$linter" ]; then
        tools=${CARGO_TARGET_DIR:-target}/lint
        linter=$tools/bin/check-jsonschema
        [ -x "$linter" ] || { python3 -m venv "$tools" && "$tools/bin/pip" install -q check-jsonschema; } >/dev/null 2>&1 || {
            skipped "neither actionlint nor check-jsonschema is here, and pip cannot fetch it: .github/workflows is not checked"
            return
        }
    fi
    # shellcheck disable=SC2046 # no name here has a space
    check "schema of workflows" yes "$linter" --builtin-schema vendor.github-workflows $(files '.github/workflows/*.yml')
}

# nowhere PATTERN PLACE...: no line of the sources there may match.
# shellcheck disable=SC2317 # called by name, through check
nowhere() {
    pattern=$1
    shift
    ! grep -rnE "$pattern" "$@"
}

rules() {
    safe=$(find src -name '*.rs' ! -path 'src/sys/*' ! -path 'src/capi/*' ! -path src/lib.rs ! -path '*/tests*')
    # shellcheck disable=SC2086
    check "unsafe only in src/sys and src/capi" yes nowhere '^[^/]*\bunsafe\b' $safe
    # shellcheck disable=SC2086
    check "system calls only in src/sys and src/capi" yes nowhere '^[^/]*\blibc::' $safe
    deciding=$(printf '%s\n' "$safe" | grep -v '^src/copy/table\.rs$')
    # shellcheck disable=SC2086
    check "errnos are compared in src/copy/table.rs only" yes nowhere '^[^/]*(\.is\(E|\.number\(\) *[!=]=|matches!\([a-z_.]*number\(|[!=]= *Errno\()' $deciding
    # systemd#29044: splice keeps references to pages; a mapped file that shrinks is a SIGBUS.
    check "no splice, no mmap of files, no umask" yes nowhere '^[^/]*\b(splice|vmsplice|mmap|umask)\(' src --include=*.rs --exclude-dir=tests
    check "no std::fs::copy, no io::copy" yes nowhere '^[^/]*\b(fs::copy|io::copy)\(' src
}

# Relative links in the pages; nothing on the network is asked. A template's links hold where its page is written.
# shellcheck disable=SC2317 # called by name, through check
links_resolve() {
    # shellcheck disable=SC2046 # no name here has a space
    ! grep -oE '\]\([^)# ]+' $(files '*.md' | grep -v '\.template\.md$') /dev/null | sed 's/:\](/ /' |
        grep -v ' [a-z]*:' | while read -r page target; do
            [ -e "$(dirname "$page")/$target" ] || echo "$page: no $target"
        done | grep .
}

# Its introduction, its rows' meanings and its tables are in tests/fs. A change there must reach the page without a run.
# shellcheck disable=SC2317 # called by name, through check
filesystems_are_written() {
    tests/fs/report.sh | cmp - docs/filesystems.md
}

commits() {
    code=0
    tests/commits.sh || code=$?
    [ $code = 77 ] || check "commit messages" yes [ $code = 0 ]
}

rust
c
shell
workflows
rules
check "links between pages lead somewhere" yes links_resolve
check "docs/filesystems.md is what tests/fs/report.sh writes" yes filesystems_are_written
commits
exit $failed
