#!/bin/bash
# report.sh: writes docs/filesystems.md to its output, from document-header.md and the results that the last runs left in results/.
# Lines that say the same of several kernels become one.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

# rows KIND: "NAME|what it is" for each function KIND_NAME that sets a row up: the comment on its first line.
rows() {
    local functions
    functions=$(grep -hE "^$1_[a-z0-9_]+\\(\\) \\{" "$here/filesystems.sh" "$here/faults.sh")
    if echo "$functions" | grep -vE '(\{|\}) # .' >&2; then
        echo "report.sh: the functions above do not say what their rows are" >&2
        return 1
    fi
    echo "$functions" | sed -E 's/^[a-z]+_([a-z0-9_]+)\(\) \{(.*\})? # /\1|/'
}

cat "$here/document-header.md"

echo "## The runs"
echo
echo "| kernel | release | date | passed | failed | skipped |"
echo "|---|---|---|---|---|---|"
for file in "$here"/results/*.tsv; do
    awk -F '\t' '$1 == "#" { label = $2; release = $3; date = $4; next } { count[$2]++ }
        END { printf "| %s | %s | %s | %d | %d | %d |\n", label, release, date, count["passed"], count["failed"], count["skipped"] }' "$file"
done
[ -e "$here/results/qemu-6.12.tsv" ] || { echo; echo "ZFS and bcachefs (\`make test-zfs\`): not run."; }

# shellcheck disable=SC2016 # awk's own
library='
function word(key,    found, i, all, n) {
    n = split($5, all, " ")
    for (i = 1; i <= n; i++) if (index(all[i], key "=") == 1) return substr(all[i], length(key) + 2)
    return ""
}
function keep(row) {
    if (!(row in kernels)) { order[++rows] = row; kernels[row] = label; return }
    kernels[row] = kernels[row] ", " label
}
function is_fault(name) { return name ~ /^quota_|^dust_|^error_/ }
function outcome() { return $2 == "passed" ? "kept" : $2 == "skipped" ? "skipped" : "**" $4 " failed**" }
$1 == "#" { label = $2; next }
'

echo
echo "## The rows"
echo
rows=$(rows fs)
echo "| file system | what it is |"
echo "|---|---|"
echo "$rows" | sed 's/|/ | /; s/.*/| & |/'

echo
echo "## What each file system can do"
echo
echo "| file system | kernels | clone | ranges | shared | fallback | holes | unnamed files | new name by | permission bits | contract |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
# shellcheck disable=SC2016
awk -F '\t' "$library"'
function sharing(value) { return value == "all" ? "yes" : value == "none" ? "no" : value == "some" ? "partly" : "?" }
function shared(    here, behind) {
    here = sharing(word("shared")); behind = word("shared_behind")
    return behind == "" ? here : here " / " sharing(behind)
}
function named(value) {
    return value == "unnamed,linked" ? "link" : value == "renamed" ? "rename" : value == "linked,unlinked" ? "link, unlink" : value
}
function answer(value) { return value == "1" ? "yes" : value == "0" ? "no" : "unknown" }
!is_fault($1) && $2 == "skipped" { next }
!is_fault($1) && word("clone") == "" { keep("| " $1 " | @ | | | | | | | | | " outcome() " |"); next }
!is_fault($1) {
    range = word("range") == "1" ? word("granularity") : "no"
    keep("| " $1 " | @ | " answer(word("clone")) " | " range " | " shared() " | " word("fallback") " | " word("holes") " | " \
        answer(word("unnamed")) " | " named(word("publish")) " | " word("permissions") " | " outcome() " |")
}
END { for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[row], row); print row } }' \
    "$here"/results/*.tsv | sort -s -t '|' -k 2,2

echo
echo "## What trees can do"
echo
echo "| file system | kernels | files | replaced in one step | hard links | symbolic links | FIFOs | durable | folds names |"
echo "|---|---|---|---|---|---|---|---|---|"
# shellcheck disable=SC2016
awk -F '\t' "$library"'
function answer(key) { return word(key) == "1" ? "yes" : word(key) == "0" ? "no" : "?" }
!is_fault($1) && word("tree_clones") != "" {
    keep("| " $1 " | @ | " (word("tree_clones") == "1" ? "cloned" : "copied") " | " answer("tree_exchange") " | " \
        answer("hard_links") " | " answer("tree_symlinks") " | " answer("tree_fifos") " | " answer("tree_durable") " | " \
        answer("folds") " |")
}
END { for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[row], row); print row } }' \
    "$here"/results/*.tsv | sort -s -t '|' -k 2,2

echo
echo "## Faults and quotas"
echo
echo "A failing copy gives the errno, leaves an old file as it was and no new name, and what fits afterwards still does."
echo
echo "| fault | what it is | kernels | contract |"
echo "|---|---|---|---|"
rows=$(rows fault)
# shellcheck disable=SC2016
awk -F '\t' -v meanings="$rows" "$library"'
function meaning(name,    i, all, n) {
    n = split(meanings, all, "\n")
    for (i = 1; i <= n; i++) if (index(all[i], name "|") == 1) return substr(all[i], length(name) + 2)
    return "?"
}
is_fault($1) { keep("| " $1 " | " meaning($1) " | @ | " outcome() " |") }
END { for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[row], row); print row } }' \
    "$here"/results/*.tsv | sort -s -t '|' -k 2,2

echo
echo "## Checks that failed"
echo
awk -F '\t' "$library"'
$2 == "failed" {
    lines = $6
    n = split(lines, all, / \| /)
    for (i = 1; i <= n; i++) if (all[i] !~ /^known / && sub(/^not ok /, "", all[i]) >= 0) keep("- `" $1 "` (@): " all[i])
    failed = 1
}
END {
    for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[order[i]], row); print row }
    if (!failed) print "None."
}' "$here"/results/*.tsv

echo
echo "## Defects of file systems, seen"
echo
echo "They are not the library's, and it cannot tell; each run looks whether they are still there."
echo
awk -F '\t' "$library"'
{
    n = split($6, all, / \| /)
    for (i = 1; i <= n; i++) if (sub(/^known /, "", all[i])) { keep("- `" $1 "` (@): " all[i]); known = 1 }
}
END {
    for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[order[i]], row); print row }
    if (!known) print "None."
}' "$here"/results/*.tsv

echo
echo "## Skipped"
echo
awk -F '\t' "$library"'
$2 == "skipped" { reason = $6; sub(/^skip /, "", reason); keep("- `" $1 "` (@): " reason); skipped = 1 }
END {
    for (i = 1; i <= rows; i++) { row = order[i]; sub("@", kernels[order[i]], row); print row }
    if (!skipped) print "None."
}' "$here"/results/*.tsv
