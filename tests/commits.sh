#!/bin/sh
# commits.sh [RANGE]: each commit's subject has at most 60 characters, and a body says why. RANGE is all since the rule was made.
# Exits 77, saying why, where the history is not there (a tarball, a shallow clone).
set -eu
cd "$(dirname "$0")/.."
since=93d675d26b93
range=${1:-$since..HEAD}

[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] || { echo "SKIPPED: commits: no git repository here"; exit 77; }
[ $# -gt 0 ] || git merge-base --is-ancestor "$since" HEAD 2>/dev/null ||
    { echo "SKIPPED: commits: the history does not go back to $since"; exit 77; }

failed=0
wrong() { # COMMIT WHAT
    echo "$(git log -1 --format='%h %s' "$1"): $2" >&2
    failed=1
}
for commit in $(git rev-list --no-merges "$range"); do
    # Characters and not bytes, whatever awk is here.
    length=$(git log -1 --format=%s "$commit" | tr -d '\n' | LC_ALL=C.UTF-8 wc -m)
    [ "$length" -le 60 ] || wrong "$commit" "the subject has $length characters, of at most 60"
    [ -n "$(git log -1 --format=%b "$commit" | tr -d '[:space:]')" ] || wrong "$commit" "no body says why"
done
exit $failed
