#!/bin/sh
# figures.sh RUN COMMAND...: runs the command, and if it succeeds puts the figures that it printed ("part: figures") into
# docs/reliability-figures.md, instead of those of the last such run. Other runs' figures stay, with their date and commit.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
page=${REFLINK_FIGURES:-$root/docs/reliability-figures.md}
run=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of the tree that is tested: it may move on during a long run.
commit=$(git -C "$root" describe --always --dirty --exclude '*' 2>/dev/null || echo "no commit")
# To a terminal and into a file, with the command's own exit status (sh has no pipefail).
{ "$@" 2>&1 && echo 0 >"$work/code" || echo $? >"$work/code"; } | tee "$work/said"
code=$(cat "$work/code")
[ "$code" = 0 ] || exit "$code"

when=$(date -u +%Y-%m-%d)
# The lines that the tests, tests/torture/memory.sh and fuzz/run.sh print as figures.
sed -n -E \
    -e 's/Tally \{ ([^}]*) \}/\1/' \
    -e 's/^((model|inject|crash|sharing) on [^:]+|fuzz [a-z]+|valgrind|sanitize|probe): (.*)/\1 | \3/p' \
    -e 's/^(.*): ([0-9]+ scenarios, [0-9]+ cases)$/\1 | \2/p' \
    -e 's/^test result: ok\. ([0-9]+ passed; [0-9]+ failed; [0-9]+ ignored).*/all | \1/p' "$work/said" |
    sort -u | sed -e "s/^/| $run | /" -e "s/\$/ | $when, $commit, $(uname -s) $(uname -r | sed "s/-.*//") $(uname -m) |/" >"$work/rows"
if [ ! -s "$work/rows" ] && grep -q SKIPPED "$work/said"; then exit; fi
[ -s "$work/rows" ] || { echo "figures.sh: $run printed no figures" >&2; exit 1; }
{ grep -v "^| $run |" "$page"; cat "$work/rows"; } >"$work/page"
cp "$work/page" "$page"
echo "written: $page"
