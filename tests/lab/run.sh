#!/bin/bash
# One run of the lab: programs in network namespaces that end with it, and what tcpdump saw at both
# ends of each hop.
#
#     run.sh OUT NAME DELAY SERVER PROXY CLIENT
#
# OUT is the folder for NAME-HOP-END.pcap and NAME.log. DELAY is what each hop takes, one way, in
# milliseconds. SERVER, PROXY and CLIENT are shell commands; "-" stands for none. LAB_BUILT is the
# folder of the program that lab.sh has compiled. LAB_TLS is the version of TLS that the client speaks to
# whom it asks (1.2, 1.3), and NAME.keys its secrets; empty: it asks in the clear.
#
#     client 192.0.2.10 --- direct --- 192.0.2.20:8080 server
#     client 192.0.2.10 --- front --- 192.0.2.20:8080 proxy 198.51.100.20 --- back --- 198.51.100.30:8080 server

set -eu

here=$(cd "$(dirname "$0")" && pwd)

# Everything below runs in namespaces of its own: nothing reaches the machine's network, and no
# process stays behind, whatever happens.
if [ -z "${LAB_INSIDE:-}" ]; then
    exec unshare --net --mount --pid --fork --kill-child --mount-proc env LAB_INSIDE=1 "$0" "$@"
fi
mount -t tmpfs tmpfs /run           # "ip netns" keeps its names here: ours meet nobody else's

out=$1 name=$2 delay=$3 server=$4 proxy=$5 client=$6
LAB_WORK=$(mktemp -d)
trap 'rm -rf "$LAB_WORK"' EXIT
export LAB_WORK
PATH=$here/programs:$LAB_BUILT:$PATH:/usr/sbin
export URL=http${LAB_TLS:+s}://192.0.2.20:8080
secure=                             # the environment of whom the client asks
if [ -n "${LAB_TLS:-}" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=lab -days 2 \
        -keyout "$LAB_WORK/key.pem" -out "$LAB_WORK/cert.pem" 2>/dev/null
    secure="LAB_CERT=$LAB_WORK/cert.pem LAB_KEY=$LAB_WORK/key.pem"
    chmod a+r "$LAB_WORK"/*.pem
    export LAB_TLS SSLKEYLOGFILE=$out/$name.keys
    : >"$SSLKEYLOGFILE"
fi
programs=()                         # pids, in the order in which they were started
captures=()

# until_true COMMAND...: waits, at most 10 s, until it succeeds
until_true() {
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    echo "run.sh: $name: gave up waiting for: $*" >&2
    exit 1
}

# hop NAME CLIENT'S-END ADDRESS SERVER'S-END ADDRESS
hop() {
    "$here/../../samples/record/delay_link.py" "$1-client" "$1-server" "$delay" >"$LAB_WORK/$1" &
    export LINK=$!                  # for clients that stop it
    until_true grep -q ready "$LAB_WORK/$1"
    hop_end "$1-client" "$2" "$3" 02:00:00:00:00:0a
    hop_end "$1-server" "$4" "$5" 02:00:00:00:00:14
    # Both know each other: an ARP round trip would make the first connection slower than the others.
    ip -n "$2" neighbour replace "$5" lladdr 02:00:00:00:00:14 dev "$1-client"
    ip -n "$4" neighbour replace "$3" lladdr 02:00:00:00:00:0a dev "$1-server"
}

hop_end() {     # DEVICE NAMESPACE ADDRESS MAC
    ip link set "$1" netns "$2" address "$4"
    ip -n "$2" address add "$3/24" dev "$1"
    ip -n "$2" link set "$1" up
    ip netns exec "$2" tcpdump -i "$1" -n -U --immediate-mode -Z root -w "$out/$name-$1.pcap" tcp \
        2>"$LAB_WORK/tcpdump-$1" &
    captures+=($!)
    until_true grep -q "listening on" "$LAB_WORK/tcpdump-$1"
}

# start NAMESPACE COMMAND ENVIRONMENT: a server; returns when it listens
start() {
    # shellcheck disable=SC2086 # a word for each variable
    ip netns exec "$1" env -u SSLKEYLOGFILE $3 bash -c "exec $2" >>"$LAB_WORK/$1.log" 2>&1 &
    programs+=($!)
    until_true listens "$1"
}

listens() {
    ip netns exec "$1" ss -Hltn "sport = :8080" | grep -q LISTEN
}

for end in client proxy server; do
    ip netns add $end
    ip -n $end link set lo up
    : >"$LAB_WORK/$end.log"
done
if [ "$proxy" = - ]; then
    hop direct client 192.0.2.10 server 192.0.2.20
else
    hop front client 192.0.2.10 proxy 192.0.2.20
    hop back proxy 198.51.100.20 server 198.51.100.30
fi
behind=                             # a proxy asks in the clear
[ "$proxy" = - ] && behind=$secure
[ "$server" = - ] || start server "$server" "$behind"
export SERVER=${programs[0]:-}      # for clients that end it
[ "$proxy" = - ] || start proxy "$proxy" "$secure"

# That a client fails is what many runs are about.
ip netns exec client timeout 60 bash -c "$client" >>"$LAB_WORK/client.log" 2>&1 || true

settle=$(awk -v delay="$delay" 'BEGIN { print 0.3 + 4 * delay / 1000 }')
sleep "$settle"                     # for the last packets on the way
for ((i = ${#programs[@]} - 1; i >= 0; i--)); do
    kill "${programs[i]}" 2>/dev/null || true
    wait "${programs[i]}" 2>/dev/null || true
    sleep "$settle"
done
kill -INT "${captures[@]}"
wait "${captures[@]}" || true

# A proxy that asked nobody leaves an empty capture.
for end in direct front back; do
    for file in "$out/$name-$end"-client.pcap "$out/$name-$end"-server.pcap; do
        [ "$(stat -c %s "$file" 2>/dev/null || echo 24)" -gt 24 ] || rm -f "$file"
    done
done

# The programs' own words, without those about their start and end.
for end in client proxy server; do
    sed "/notice\]/d; s|$LAB_WORK|WORK|g; s|$here/||g; s|^|$end: |" "$LAB_WORK/$end.log"
done >"$out/$name.log"
