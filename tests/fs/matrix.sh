#!/bin/bash
# matrix.sh BIN OUT NAME...: runs the contract on each file system NAME and the checks of each fault NAME, in a guest or on the host.
# BIN holds the compiled programs. OUT gets one log for each, and results.tsv, a line for each: name, outcome, counts, facts.
set -u
bin=$1 out=$2
shift 2
here=$(dirname "$(realpath "$0")")
base=/tmp/matrix limit=$REFLINK_FS_LIMIT
export here bin
mkdir -p "$out" "$base"
: >"$out/results.tsv"
kernel=$(uname -r)

# run_one NAME: in namespaces of its own, so that daemons and mounts end with it, and under a time limit.
run_one() {
    work=$base/$1
    export work
    mkdir -p "$work"
    # shellcheck disable=SC2016
    timeout -k 5 "$limit" unshare -m -p -f --kill-child --mount-proc --propagation private bash -c '
        . "$here/filesystems.sh"
        . "$here/faults.sh"
        if declare -F "fs_$0" >/dev/null; then "fs_$0"; else "fault_$0"; fi' "$1" >"$out/$1.log" 2>&1
}

# What must not be lost unnoticed: the facts that the table "expectations" names for this file system and kernel.
check_expectations() { # NAME
    local name pattern pairs pair key found
    while read -r name pattern pairs; do
        # shellcheck disable=SC2053 # a pattern
        [[ $1 == $name && $kernel == $pattern ]] || continue
        for pair in $pairs; do
            key=${pair%%=*}
            found=$(sed -n "s/^fact $key //p" "$out/$1.log" | tail -n 1)
            if [ "$found" = "${pair#*=}" ]; then
                echo "ok expected: $pair"
            else
                echo "not ok expected: $pair: it is \"$found\""
            fi
        done
    done < <(grep -v -e '^#' -e '^$' "$here/expectations")
}

# What fails by a defect of the file system, not of the library, is known by the table "known-defects"; it is told, and not counted.
mark_known() { # NAME
    local name pattern text reason
    while IFS='|' read -r name pattern text reason; do
        # shellcheck disable=SC2053
        [[ $1 == $name && $kernel == $pattern ]] || continue
        sed -i "s|^not ok \\($text.*\\)|known \\1 ($reason)|" "$out/$1.log"
    done < <(grep -v -e '^#' -e '^$' "$here/known-defects")
}

facts() { # LOG
    awk '$1 == "fact" { sub(/^fact /, ""); key = $1; sub(/^[^ ]* /, ""); gsub(/ /, "_"); value[key] = $0 }
        END { for (key in value) printf "%s%s=%s", separator, key, value[key], separator = " " }' "$1" | tr '\t' ' '
}

# why NAME STATUS: the lines that say what went wrong, in one.
why() {
    local lines
    lines=$(grep -E '^(not ok|broken|skip|known) ' "$out/$1.log" | head -n 40 | tr '\t' ' ')
    [ "$2" -lt 124 ] || lines+="${lines:+$'\n'}ended with status $2"
    echo "${lines//$'\n'/ | }"
}

# outcome STATUS FAILED KNOWN: what a run counts as. With status 1 each failed check has said so: it may be a known one.
outcome() {
    if [ "$1" = 77 ]; then
        echo skipped
    elif [ "$2" = 0 ] && { [ "$1" = 0 ] || { [ "$1" = 1 ] && [ "$3" -gt 0 ]; }; }; then
        echo passed
    else
        echo failed
    fi
}

for name; do
    start=$(date +%s)
    run_one "$name"
    status=$?
    [ $status = 77 ] || {
        check_expectations "$name" >"$base/expected"
        cat "$base/expected" >>"$out/$name.log"
    }
    mark_known "$name"
    losetup -ln -O NAME,BACK-FILE | awk -v under="$base/" 'index($2, under) == 1 { print $1 }' | xargs -r -n 1 losetup -d
    rm -f "$base/$name"/*.img
    good=$(grep -c '^ok ' "$out/$name.log") bad=$(grep -c '^not ok ' "$out/$name.log")
    known=$(grep -c '^known ' "$out/$name.log")
    result=$(outcome $status "$bad" "$known")
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$result" "$good" "$bad" "$(facts "$out/$name.log")" "$(why "$name" $status)" \
        >>"$out/results.tsv"
    printf '%-18s %-8s %4s tests kept, %s checks failed, %s s\n' "$name" "$result" "$good" "$bad" $(($(date +%s) - start))
    grep '^known ' "$out/$name.log"
    case $result in
    skipped) grep '^skip ' "$out/$name.log" ;;
    failed)
        grep -e '^not ok ' -e '^broken ' "$out/$name.log" | head -n 20
        [ $status -lt 124 ] || echo "ended with status $status (124, 137: its limit of $limit s)"
        ;;
    esac
done
! cut -f 2 "$out/results.tsv" | grep -q failed
