#!/bin/sh
# Every allocation of an analysis fails once: there must be an error and exit status 2, or the same report as ever.
#
#     faults.sh FAIL_ALLOC.SO STEP FILE...    every STEP-th allocation, with each format; names the faults
#
# HANGUP names the program. KEEP: a folder for reports that differ. Exit status 1 if there was a fault.
set -u
: "${HANGUP:=./hangup}"
library=$1 step=$2
shift 2
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
status=0
for file in "$@"; do
    for format in text json; do
        "$HANGUP" --no-sandbox --threads 1 -o "$format" "$file" >"$scratch/report" 2>/dev/null
        LD_PRELOAD=$library FAULTS_STEP=$step FAULTS_REPORT=$scratch/report FAULTS_LOG=$scratch/log FAULTS_KEEP=${KEEP:-} \
            "$HANGUP" --no-sandbox --threads 1 -o "$format" "$file" >"$scratch/out" 2>/dev/null
        cmp -s "$scratch/out" "$scratch/report" || { echo "$file, $format: the run itself failed"; status=1; }
        tail -n 1 "$scratch/log" | grep -q " 0 faults$" && continue
        echo "$file, $format:"
        cat "$scratch/log"
        status=1
    done
done
exit $status
