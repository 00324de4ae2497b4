#!/usr/bin/env bash
# insns.sh - instructions per packet, counted by callgrind: repeatable where timings are not.
#
#     insns.sh HANGUP_BINARY BUILD_DIR [--accept]
#
# Compares with the figures in insns.tsv next to this script; --accept writes the new ones there. They depend
# on the compiler, so the table names it: look at the change, not at the number.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
hangup=$1 build=$2 accept=${3:-}
table=$here/insns.tsv
command -v valgrind >/dev/null || {
    echo "insns.sh: valgrind is missing" >&2
    exit 2
}
mkdir -p "$build"
cc=${CC:-cc}
"$cc" -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -o "$build/gen" "$here/gen.c" "$here/gen_message.c"

new=$build/insns.tsv
printf '# profile\tpackets\tinstructions per packet (%s)\n' "$("$cc" --version | head -n 1)" >"$new"
printf '%-10s %9s %9s %9s %7s\n' profile packets now before change
for profile in web conns bodies opaque http2 giant pipelined; do

    "$build/gen" "$profile" --mb 20 -o "$build/insns.pcap" >/dev/null 2>&1
    packets=$("$hangup" --no-sandbox --threads 1 -o json "$build/insns.pcap" | sed -n 's/.*"summary":{"packets":\([0-9]*\).*/\1/p')
    # What starting costs is taken off: it does not grow with the capture.
    count() {
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$hangup" --no-sandbox --threads 1 -o json:/dev/null "$1" 2>&1 |
            sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
    }
    head -c 24 "$build/insns.pcap" >"$build/empty.pcap"
    start=$(count "$build/empty.pcap")
    all=$(count "$build/insns.pcap")
    now=$(((all - start) / packets))
    before=$(awk -v p="$profile" '$1 == p { print $3 }' "$table" 2>/dev/null || true)
    printf '%s\t%d\t%d\n' "$profile" "$packets" "$now" >>"$new"
    awk -v p="$profile" -v n="$packets" -v now="$now" -v before="${before:-0}" 'BEGIN {
        printf "%-10s %9d %9d %9s %7s\n", p, n, now, before ? before : "-",
               before ? sprintf("%+.1f%%", (now / before - 1) * 100) : "-" }'
done
[[ $accept == --accept ]] && cp "$new" "$table"
rm -f "$build/insns.pcap" "$build/empty.pcap"
exit 0
