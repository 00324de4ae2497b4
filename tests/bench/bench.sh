#!/usr/bin/env bash
# bench.sh - what hangup costs, next to the bare libpcap loop and to other capture readers.
#
#     bench.sh HANGUP_BINARY BUILD_DIR [--profile NAME] [--mb N] [--runs N]
#
# Builds its helpers and makes the capture in BUILD_DIR when missing (default: profile web, 500 MB;
# other profiles have their own default size, see gen_profiles.h). The programs take turns within each
# round, so that a slow minute of the machine hits all of them. hangup and pcaploop run 5 times, the
# slow programs once; --runs N sets both. Prints a table and writes it to BUILD_DIR/bench.json.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
    printf 'bench.sh: %s\n' "$*" >&2
    exit 2
}

usage="usage: bench.sh HANGUP_BINARY BUILD_DIR [--profile NAME] [--mb N] [--runs N]"
(($# >= 2)) || die "$usage"
hangup=$(command -v -- "$1") || die "$1: no such program"
hangup=$(cd "$(dirname "$hangup")" && pwd)/$(basename "$hangup")
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 2
profile=web mb='' runs=5 slow_runs=1
while (($#)); do
    (($# >= 2)) || die "$1 needs a value"
    [[ $1 == --profile || $2 =~ ^[1-9][0-9]*$ ]] || die "$1 needs a positive number, not '$2'"
    case $1 in
        --profile) profile=$2 ;;
        --mb) mb=$2 ;;
        --runs) runs=$2 slow_runs=$2 ;;
        *) die "unknown option '$1'; $usage" ;;
    esac
    shift 2
done
[[ $profile == web && -z $mb ]] && mb=500

# Helpers: built each time, it takes a second and no stale one is ever measured.
cc=${CC:-cc}
flags=(-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -O2)
"$cc" "${flags[@]}" -o "$build/gen" "$here/gen.c" "$here/gen_message.c"
"$cc" "${flags[@]}" -o "$build/measure" "$here/measure.c"
"$cc" "${flags[@]}" -o "$build/pcaploop" "$here/pcaploop.c" -lpcap

# The capture appears under its name only when it is complete, and is made again when gen changed.
capture=$build/$profile${mb:+-${mb}mb}.pcap
stale=
for source in "$here"/gen*.[ch]; do
    [[ $capture -nt $source ]] || stale=yes
done
if [[ $stale ]]; then
    "$build/gen" "$profile" ${mb:+--mb "$mb"} -o "$capture.part"
    mv "$capture.part" "$capture"
fi
cat "$capture" >/dev/null # the page cache: nobody is to wait for the disk
read -r packets _ < <("$build/pcaploop" "$capture")
bytes=$(wc -c <"$capture")

# Programs may leave files behind: they run in a folder of their own.
work=$(mktemp -d "$build/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

declare -A failed=()
# run NAME COMMAND...: one run; its figures become a line of NAME.figures.
run() {
    local name=$1 status=0
    shift
    [[ ${failed[$name]:-} ]] && return
    "$build/measure" "$@" >"$name.figure" 2>"$name.log" || status=$?
    if ((status)); then
        tail -n 5 "$name.log" >&2
        [[ $name == hangup || $name == pcaploop ]] && die "$name failed with status $status"
        printf 'bench.sh: %s failed with status %d: left out\n' "$name" "$status" >&2
        failed[$name]=yes
        rm -f "$name.figures"
        return
    fi
    cat "$name.figure" >>"$name.figures"
}

have() {
    command -v "$1" >/dev/null
}

for ((round = 1; round <= runs || round <= slow_runs; round++)); do
    if ((round <= runs)); then
        run hangup "$hangup" -o json:/dev/null "$capture"
        run pcaploop "$build/pcaploop" "$capture"
    fi
    if ((round <= slow_runs)); then
        have tshark && run tshark tshark -q -z conv,tcp -r "$capture"
        have tcptrace && run tcptrace tcptrace -n "$capture"
        have tcpflow && run tcpflow tcpflow -c -r "$capture"
    fi
done

model=$(awk -F ': *' '/^model name/ { gsub(/["\\]/, "", $2); print $2; exit }' /proc/cpuinfo 2>/dev/null || true)
cores=$(getconf _NPROCESSORS_ONLN)

# column N NAME: the N-th figure of NAME's runs, in order of size.
column() {
    awk -v n="$1" '{ print $n }' "$2.figures" | sort -g
}
# shellcheck disable=SC2016 # awk's dollars
median='{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'

# One line a program: name, runs, CPU s, wall s, Mpackets/s, MB/s, ratio, peak MB. The rates are per
# CPU second: another process on the machine, or a second thread, does not change them.
base=$(column 2 pcaploop | awk "$median")
for name in hangup pcaploop tshark tcptrace tcpflow; do
    [[ -e $name.figures ]] || continue
    awk -v name="$name" -v runs="$(wc -l <"$name.figures")" -v packets="$packets" -v bytes="$bytes" \
        -v wall="$(column 1 "$name" | awk "$median")" -v cpu="$(column 2 "$name" | awk "$median")" \
        -v kib="$(column 3 "$name" | tail -n 1)" -v base="$base" 'BEGIN {
            least = 1e-6; if (cpu < least) cpu = least; if (base < least) base = least
            printf "%s %d %.3f %.3f %.2f %.0f %.2f %.1f\n", name, runs, cpu, wall,
                packets / cpu / 1e6, bytes / cpu / 1e6, cpu / base, kib * 1024 / 1e6 }'
done >table

printf 'machine: %s cores, %s\n' "$cores" "${model:-model unknown}"
printf 'capture: %s, %d packets, %d MB; medians; rates per CPU second\n\n' \
    "$profile" "$packets" "$((bytes / 1000000))"
awk 'BEGIN { f = "%-10s %5s %9s %9s %11s %8s %12s %9s\n"
             printf f, "program", "runs", "CPU s", "wall s", "Mpackets/s", "MB/s", "x pcaploop", "peak MB" }
     { printf f, $1, $2, $3, $4, $5, $6, $7, $8 }' table

awk -v model="$model" -v cores="$cores" -v profile="$profile" -v packets="$packets" -v bytes="$bytes" '
    BEGIN { printf "{ \"machine\": { \"cores\": %d, \"model\": \"%s\" },\n", cores, model
            printf "  \"capture\": { \"profile\": \"%s\", \"packets\": %d, \"bytes\": %d },\n", profile, packets, bytes
            printf "  \"programs\": [" }
    { printf "%s\n    { \"name\": \"%s\", \"runs\": %d, \"cpu_s\": %s, \"wall_s\": %s, \"mpackets_per_s\": %s, " \
             "\"mb_per_s\": %s, \"ratio_to_pcaploop\": %s, \"peak_mb\": %s }",
             (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, $6, $7, $8 }
    END { print "\n  ] }" }' table >"$build/bench.json"
