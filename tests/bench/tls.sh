#!/usr/bin/env bash
# tls.sh - how long TLS with keys takes, beside the same without keys and tshark: real traffic of nginx and curl, recorded in a
# network namespace of its own. As root.
#
#     tls.sh HANGUP_BINARY BUILD_DIR [MEGABYTES]      about so many are recorded, default 200
set -euo pipefail
export LC_ALL=C
hangup=$(realpath "$1") build=$2 megabytes=${3:-200} runs=5
mkdir -p "$build/tls" && cd "$build/tls"
for program in unshare ip nginx curl openssl tcpdump tshark; do
    command -v $program >/dev/null || { echo "tls.sh: $program is missing" >&2; exit 2; }
done

record() {
    rm -f keys.log
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3650 -subj /CN=a.example 2>/dev/null
    head -c 100000 /dev/urandom >large
    head -c 2000 /dev/urandom >small
    cat >nginx.conf <<END
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
    access_log off;
    server { listen 127.0.0.1:8443 ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem; root $PWD; }
}
END
    # A curl fetches 20 large and 60 small files: 2.2 MB.
    # shellcheck disable=SC2016
    unshare -n bash -c '
        ip link set lo up mtu 1500
        nginx -p "$PWD" -c "$PWD/nginx.conf" & server=$!
        tcpdump -i lo --immediate-mode -B 200000 -w tls.pcap port 8443 2>tcpdump.log & dump=$!
        sleep 1
        for ((i = 0; i < $1; i++)); do
            SSLKEYLOGFILE=keys.log curl -sk --parallel-max 1 -o /dev/null -o /dev/null \
                "https://127.0.0.1:8443/large?[1-20]" "https://127.0.0.1:8443/small?[1-60]" >/dev/null
        done
        sleep 1
        kill $dump $server
        wait' record $((megabytes * 10 / 22 + 1))
}

[[ -s tls.pcap && -s keys.log ]] || record
cat tls.pcap >/dev/null # the page cache

# seconds NAME COMMAND...: the median of its CPU times
seconds() {
    local name=$1 i
    shift
    for ((i = 0; i < runs; i++)); do
        { TIMEFORMAT='%U %S'; time "$@" >/dev/null 2>"$name.err"; } 2>&1 | awk '{ print $1 + $2 }'
    done | sort -g | awk -v name="$name" -v runs=$runs 'NR == int((runs + 1) / 2) { printf "%-14s %7.2f s of CPU\n", name, $1 }'
}
ls -l tls.pcap | awk '{ printf "%d MB\n", $5 / 1e6 }'
"$hangup" --keylog keys.log tls.pcap | grep -o 'Over TLS: .*'
seconds with-keys "$hangup" --threads 1 --keylog keys.log tls.pcap
seconds without-keys "$hangup" --threads 1 tls.pcap
runs=1 seconds tshark tshark -r tls.pcap -o tls.keylog_file:keys.log -Y http.request
