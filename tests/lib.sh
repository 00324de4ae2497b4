# Helpers of the shell tests. They speak TAP: `ok`, `not ok`, and a plan at the end.
# HANGUP names the program, srcdir the sources; both come from the Makefile.
set -u
LC_ALL=C
export LC_ALL
: "${HANGUP:?HANGUP names the program to test}"
: "${srcdir:=.}"
count=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

# check NAME COMMAND...: passes if the command succeeds; its output shows why not.
check() {
    name=$1
    shift
    count=$((count + 1))
    if "$@" >"$scratch/check.out" 2>&1; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        sed 's/^/# /' "$scratch/check.out"
    fi
}

skip() { # NAME WHY
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

done_testing() {
    echo "1..$count"
}

# gives STATUS TEXT COMMAND...: exits with STATUS, and says TEXT (a grep pattern) on stderr in one
# line.
gives() {
    status=$1 text=$2
    shift 2
    "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    echo "exit $got, wanted $status; stderr:"
    cat "$scratch/err"
    [ "$got" = "$status" ] && grep -q -- "$text" "$scratch/err" &&
        [ "$(wc -l <"$scratch/err")" = 1 ]
}

# Finding ids of a JSON report, with counts: "request-fin-race=5 rst-after-close=1"
findings() {
    "$HANGUP" -o json "$@" | python3 -c "
import json, sys
found = json.load(sys.stdin)['findings']
print(' '.join('%s=%d' % (f['rule']['id'], f['count']) for f in found) or 'nothing')
"
}
