#!/bin/bash
# elsewhere.sh: what can be seen here of systems that this machine cannot run. Writes down for report.sh what ran: the models of other
# systems' clones, the backend that the other Unixes share in the place of Linux's own, and the Windows build under Wine.
set -euo pipefail

root=$(realpath "$(dirname "$0")/../..")
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
results=$CARGO_TARGET_DIR/targets/results
log=$CARGO_TARGET_DIR/targets/elsewhere.log
cargo=${CARGO:-cargo}
bad=0
mkdir -p "$results"
rm -f "$results"/{simulated,portable,wine}
cd "$root"

say() { echo "targets: $*" >&2; }

# observe NAME COMMAND...: runs it, with what it says in the log; 77 is no failure, and no result either.
observe() {
    local code=0
    say "running $*"
    "${@:2}" >"$log" 2>&1 || code=$?
    [ $code != 77 ] || { say "SKIPPED: $1: $(tail -n 1 "$log")" && return 1; }
    [ $code = 0 ] || { tail -n 60 "$log" >&2 && say "FAILED: $1" && bad=1; }
}

# "N passed; N failed; N ignored" of the nth program of a log of cargo test.
counts() { sed -n 's/^test result: [A-Za-z]*\. \([0-9]* passed; [0-9]* failed; [0-9]* ignored\).*/\1/p' "$log" | sed -n "$1p"; }

if observe "the simulations" "$cargo" test --locked --lib -- sys::model::rules; then
    sed -n 's/^test sys::model::rules::\([a-z_]*\)::.* \.\.\. \(ok\|FAILED\)$/\1 \2/p' "$log" | sort | uniq -c |
        awk '{ print $2 "=" $1 ($3 == "ok" ? " passed" : " FAILED") }' >"$results/simulated"
fi
if observe "the backend of other Unixes" tests/portable.sh; then
    printf 'unit=%s\ncontract=%s\n' "$(counts 1)" "$(counts 2)" >"$results/portable"
fi
if observe "the Windows build" tests/windows/run.sh; then
    printf 'version=%s\nran=%s\n' "$(sed -n 's/^Wine: wine-//p' "$log")" \
        "$(sed -n 's/^\([0-9]* passed, [0-9]* failed, [0-9]* skipped\).*/\1/p' "$log" | tail -n 1)" >"$results/wine"
fi
exit $bad
