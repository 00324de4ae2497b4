#!/usr/bin/env bash
# bench.sh - what hangup costs, next to the bare libpcap loop and to other capture readers.
#
#     bench.sh HANGUP_BINARY BUILD_DIR [--profile NAME]... [--mb N] [--runs N] [--threads N]
#
# Builds its helpers and makes the captures in BUILD_DIR when missing (default: profiles web, conns,
# incidents and bodies; `all` for every profile, see gen_profiles.h). The programs take turns within each round, so that
# a slow minute of the machine hits all of them. hangup (with 1 and N threads, default one for each core)
# and pcaploop run 5 times, the slow programs once and for at most SLOW_SECONDS (120); --runs N sets both.
# Prints a table for each profile and writes all to BUILD_DIR/bench.json.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
    printf 'bench.sh: %s\n' "$*" >&2
    exit 2
}

usage="usage: bench.sh HANGUP_BINARY BUILD_DIR [--profile NAME]... [--mb N] [--runs N] [--threads N]"
(($# >= 2)) || die "$usage"
hangup=$(command -v -- "$1") || die "$1: no such program"
hangup=$(cd "$(dirname "$hangup")" && pwd)/$(basename "$hangup")
mkdir -p "$2"
build=$(cd "$2" && pwd)
shift 2
profiles=() mb='' runs=5 slow_runs=1 threads=$(getconf _NPROCESSORS_ONLN)
slow_seconds=${SLOW_SECONDS:-120}
while (($#)); do
    (($# >= 2)) || die "$1 needs a value"
    [[ $1 == --profile || $2 =~ ^[1-9][0-9]*$ ]] || die "$1 needs a positive number, not '$2'"
    case $1 in
        --profile) profiles+=("$2") ;;
        --threads) threads=$2 ;;
        --mb) mb=$2 ;;
        --runs) runs=$2 slow_runs=$2 ;;
        *) die "unknown option '$1'; $usage" ;;
    esac
    shift 2
done
((${#profiles[@]})) || profiles=(web conns incidents bodies)
[[ ${profiles[*]} == all ]] && profiles=(web conns incidents bodies opaque http2 giant pipelined)

# Helpers: built each time, it takes a second and no stale one is ever measured.
cc=${CC:-cc}
flags=(-std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -O2)
"$cc" "${flags[@]}" -o "$build/gen" "$here/gen.c" "$here/gen_message.c"
"$cc" "${flags[@]}" -o "$build/measure" "$here/measure.c"
"$cc" "${flags[@]}" -o "$build/pcaploop" "$here/pcaploop.c" -lpcap

# make_capture PROFILE: sets capture, packets, bytes. A capture appears under its name only when it is
# complete, and is made again when gen changed.
make_capture() {
    capture=$build/$1${mb:+-${mb}mb}.pcap
    local stale='' source
    for source in "$here"/gen*.[ch]; do
        [[ $capture -nt $source ]] || stale=yes
    done
    if [[ $stale ]]; then
        "$build/gen" "$1" ${mb:+--mb "$mb"} -o "$capture.part"
        mv "$capture.part" "$capture"
    fi
    cat "$capture" >/dev/null # the page cache: nobody is to wait for the disk
    read -r packets _ < <("$build/pcaploop" "$capture")
    bytes=$(wc -c <"$capture")
}

# Programs may leave files behind: they run in a folder of their own.
work=$(mktemp -d "$build/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# run NAME COMMAND...: one run; its figures become a line of NAME.figures. A slow program that fails or takes
# too long is left out.
declare -A failed=()
run() {
    local name=$1 status=0 limit=()
    shift
    [[ ${failed[$name]:-} ]] && return
    [[ $name == hangup* || $name == pcaploop ]] || limit=(timeout "$slow_seconds")
    "${limit[@]}" "$build/measure" "$@" >"$name.figure" 2>"$name.log" || status=$?
    if ((status)); then
        tail -n 5 "$name.log" >&2
        [[ $name == hangup* || $name == pcaploop ]] && die "$name failed with status $status"
        local why="status $status"
        ((status == 124)) && why="more than $slow_seconds s"
        printf 'bench.sh: %s: %s: left out\n' "$name" "$why" >&2
        failed[$name]=yes
        rm -f "$name.figures"
        return
    fi
    cat "$name.figure" >>"$name.figures"
}

have() {
    command -v "$1" >/dev/null
}

run_all() {
    local round
    for ((round = 1; round <= runs || round <= slow_runs; round++)); do
        if ((round <= runs)); then
            run hangup-1 "$hangup" --threads 1 -o json:/dev/null "$capture"
            run hangup-1-text "$hangup" --threads 1 -o text:/dev/null "$capture"
            ((threads > 1)) && run "hangup-$threads" "$hangup" --threads "$threads" -o json:/dev/null "$capture"
            run pcaploop "$build/pcaploop" "$capture"
        fi
        if ((round <= slow_runs)); then
            have tshark && run tshark tshark -q -z conv,tcp -r "$capture"
            have tcptrace && run tcptrace tcptrace -n "$capture"
            have tcpflow && run tcpflow tcpflow -c -r "$capture"
            have nfpcapd && mkdir -p flows && run nfpcapd nfpcapd -r "$capture" -w flows
        fi
    done
    return 0
}

# column N NAME: the N-th figure of NAME's runs, in order of size.
column() {
    awk -v n="$1" '{ print $n }' "$2.figures" | sort -g
}
# shellcheck disable=SC2016 # awk's dollars
median='{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'

# One line a program: name, runs, CPU s, wall s, Mpackets/s, CPU and wall ratio to pcaploop, peak MB.
# Rates are per CPU second: another process on the machine does not change them.
figures() {
    local base_cpu base_wall name
    base_cpu=$(column 2 pcaploop | awk "$median")
    base_wall=$(column 1 pcaploop | awk "$median")
    for name in hangup-1 hangup-1-text "hangup-$threads" pcaploop tshark tcptrace tcpflow nfpcapd; do
        [[ -e $name.figures && $name != "${last:-}" ]] || continue
        last=$name
        awk -v name="$name" -v runs="$(wc -l <"$name.figures")" -v packets="$packets" \
            -v wall="$(column 1 "$name" | awk "$median")" -v cpu="$(column 2 "$name" | awk "$median")" \
            -v kib="$(column 3 "$name" | tail -n 1)" -v base_cpu="$base_cpu" -v base_wall="$base_wall" 'BEGIN {
                least = 1e-6; if (cpu < least) cpu = least; if (base_cpu < least) base_cpu = least
                if (base_wall < least) base_wall = least
                printf "%s %d %.3f %.3f %.2f %.2f %.2f %.1f\n", name, runs, cpu, wall,
                    packets / cpu / 1e6, cpu / base_cpu, wall / base_wall, kib * 1024 / 1e6 }'
    done
}

model=$(awk -F ': *' '/^model name/ { gsub(/["\\]/, "", $2); print $2; exit }' /proc/cpuinfo 2>/dev/null || true)
cores=$(getconf _NPROCESSORS_ONLN)
printf 'machine: %s cores, %s\n' "$cores" "${model:-model unknown}"
printf '{ "machine": { "cores": %d, "model": "%s" }, "captures": [' "$cores" "$model" >"$build/bench.json.part"

separator=''
for profile in "${profiles[@]}"; do
    rm -f ./*.figures
    failed=()
    make_capture "$profile"
    run_all
    figures >table
    printf '\ncapture: %s, %d packets, %d MB; medians; x: times the bare libpcap loop\n\n' \
        "$profile" "$packets" "$((bytes / 1000000))"
    awk 'BEGIN { f = "%-13s %5s %9s %9s %11s %7s %7s %9s\n"
                 printf f, "program", "runs", "CPU s", "wall s", "Mpackets/s", "x CPU", "x wall", "peak MB" }
         { printf f, $1, $2, $3, $4, $5, $6, $7, $8 }' table
    awk -v separator="$separator" -v profile="$profile" -v packets="$packets" -v bytes="$bytes" '
        BEGIN { printf "%s\n  { \"profile\": \"%s\", \"packets\": %d, \"bytes\": %d, \"programs\": [",
                       separator, profile, packets, bytes }
        { printf "%s\n    { \"name\": \"%s\", \"runs\": %d, \"cpu_s\": %s, \"wall_s\": %s, \"mpackets_per_s\": %s, " \
                 "\"cpu_ratio\": %s, \"wall_ratio\": %s, \"peak_mb\": %s }",
                 (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, $6, $7, $8 }
        END { print "\n  ] }" }' table >>"$build/bench.json.part"
    separator=','
done
echo ']}' >>"$build/bench.json.part"
mv "$build/bench.json.part" "$build/bench.json"
