#!/bin/sh
# Every allocation of an analysis fails once: there must be an error and exit status 2, or the same report as ever.
#
#     faults.sh FAIL_ALLOC.SO STEP FILE...    every STEP-th allocation, with each format; names the faults
#
# What a start allocates is the same for each file: it is tried with the first one alone.
# HANGUP names the program. KEEP: a folder for reports that differ. Exit status 1 if there was a fault.
set -u
: "${HANGUP:=./hangup}"
library=$1 step=$2
shift 2
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT

# run FROM FORMAT FILE: into $scratch/out and $scratch/log
run() {
    LD_PRELOAD=$library FAULTS_FROM=$1 FAULTS_STEP=$step FAULTS_REPORT=$scratch/report FAULTS_LOG=$scratch/log FAULTS_KEEP=${KEEP:-} \
        "$HANGUP" --no-sandbox --threads 1 -o "$2" "$3" >"$scratch/out" 2>/dev/null
}
printf '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\0\0\4\0\1\0\0\0' >"$scratch/empty.pcap" # a head, and no packet
run 999999999 text "$scratch/empty.pcap"
start=$(($(sed -n 's/.* of \([0-9]*\) allocations.*/\1/p' "$scratch/log") * 9 / 10)) # the last tenth may be of the analysis
from=1 status=0
for file in "$@"; do
    for format in text json; do
        "$HANGUP" --no-sandbox --threads 1 -o "$format" "$file" >"$scratch/report" 2>/dev/null
        run "$from" "$format" "$file"
        cmp -s "$scratch/out" "$scratch/report" || { echo "$file, $format: the run itself failed"; status=1; }
        tail -n 1 "$scratch/log" | grep -q " 0 faults$" && continue
        echo "$file, $format:"
        cat "$scratch/log"
        status=1
    done
    from=$start
done
exit $status
