#!/bin/bash
# Records the captures of this project: real clients and servers in network namespaces of their
# own, with a link between them that delays every frame.
#
#     record.sh [CASE...]       as root; without CASE, all of them
#
# The captures go to the folder above this one, or to $OUT. Needs go, nginx, curl, python3,
# tcpdump, iproute2 and /dev/net/tun; no network.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here/..}
cases=(traces write-timeout upload-eof conn-deadline fin-wait2-pileup gateway-write-timeout
       gateway-idle-race gateway-panic gateway-refused gateway-healthy truncated keepalive-idle
       silent-idle-drop mtu-black-hole expect-continue delayed-ack)

client=192.0.2.10
server=192.0.2.20
url=http://$server:8080

# Everything below runs in namespaces that end with this script, however it ends: nothing can
# leak to the machine's network, and no process can stay behind.
if [ -z "${RECORD_INSIDE:-}" ]; then
    exec unshare --net --mount --pid --fork --kill-child --mount-proc \
        env RECORD_INSIDE=1 "$0" "$@"
fi
mount -t tmpfs tmpfs /run           # "ip netns" keeps its names here: ours meet nobody else's

work=$(mktemp -d)
mkdir "$work/tmp"                   # for nginx
programs=()                         # pids, in the order in which they were started
captures=()
link=

# --- the tools of a case -------------------------------------------------------------------------

# until_true COMMAND...: waits, at most 5 s, until it succeeds
until_true() {
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    echo "record.sh: gave up waiting for: $*" >&2
    exit 1
}

# lay_link MILLISECONDS: two ends, "client" and "server", and that delay each way between them
lay_link() {
    lay "$here/delay_link.py" tap-client tap-server "$1"
}

# lay_device MILLISECONDS OPTION...: the same with a device on the link, see device_link.py
lay_device() {
    lay "$here/device_link.py" tap-client tap-server "$@"
}

lay() {
    "$@" >"$work/link.log" &
    link=$!
    until_true grep -q ready "$work/link.log"
    lay_end client $client 02:00:00:00:00:0a
    lay_end server $server 02:00:00:00:00:14
}

lay_end() {     # NAME ADDRESS MAC
    ip netns add "$1"
    ip link set "tap-$1" netns "$1" address "$3"
    ip -n "$1" address add "$2/24" dev "tap-$1"
    ip -n "$1" link set lo up
    ip -n "$1" link set "tap-$1" up
}

# capture END NAME: from here to finish
capture() {
    ip netns exec "$1" tcpdump -i "tap-$1" -n -U --immediate-mode -Z root -w "$out/$2.pcap" tcp \
        2>"$work/tcpdump-$1.log" &
    captures+=($!)
    until_true grep -q "listening on" "$work/tcpdump-$1.log"
    echo "== $2"
}

# start END PORT COMMAND...: a server, until finish; returns when it listens on the port
start() {
    ip netns exec "$1" "${@:3}" >>"$work/programs.log" 2>&1 &
    programs+=($!)
    until_true listens "$1" "$2"
}

listens() {
    ip netns exec "$1" ss -Hltn "sport = :$2" | grep -q LISTEN
}

# stop: ends the program that was started last
stop() {
    kill "${programs[-1]}"
    wait "${programs[-1]}" || true
    unset 'programs[-1]'
}

# finish: ends programs, captures and the link, and shows what the programs said
finish() {
    sleep 0.3                       # for the last packets on the link
    while [ ${#programs[@]} -gt 0 ]; do
        stop
        sleep 0.3
    done
    kill -INT "${captures[@]}"
    wait "${captures[@]}" || true
    captures=()
    kill "$link"
    wait "$link" || true
    link=
    ip netns del client
    ip netns del server
    sed 's/^/   [log] /' "$work/programs.log"
    : >"$work/programs.log"
}

on_client() {
    ip netns exec client "$@" 2>&1 | sed 's/^/   /'
}

# get URL...: one curl, so one connection, for each. That curl fails is what some cases are about.
get() {
    for address; do
        on_client curl -sS -o /dev/null -w '%{http_code} after %{time_total} s\n' "$address"
    done
}

cleanup() {
    for pid in "${programs[@]}" "${captures[@]}" $link; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# --- the cases -----------------------------------------------------------------------------------

traces() {
    echo "== traces"
    "$here/trace2pcap.py" "$here/traces/write-timeout-30s-handler.wireshark.csv" \
        "$out/trace-write-timeout-30s.pcap"
    "$here/trace2pcap.py" "$here/traces/write-timeout-3s-behind-gateway.tcpdump.txt" \
        "$out/trace-write-timeout-3s-gateway.pcap"
    "$here/trace2pcap.py" "$here/traces/idle-timeout-5s-behind-gateway.tcpdump.txt" \
        "$out/trace-idle-timeout-5s.pcap"
}

write_timeout() {           # NAME WRITE-TIMEOUT
    lay_link 5
    capture client "$1"
    start server 8080 "$work/record" server -write "$2" -handler 2s
    get $url/report $url/report $url/report
    finish
}

write-timeout() {
    write_timeout write-timeout 1s
    write_timeout write-timeout-healthy 5s
}

# The server's FIN leaves 2 s after the handshake has reached it, and arrives two delays after the
# client's view of the handshake plus 2 s. In the middle of that span the client's request crosses it.
upload-eof() {
    lay_link 20
    capture server upload-eof
    capture client upload-eof-at-client
    start server 8080 "$work/record" server -read 2s
    on_client "$work/record" upload -server $server:8080 -wait 2020ms
    finish

    lay_link 20
    capture server upload-eof-healthy
    start server 8080 "$work/record" server -read 6s
    on_client "$work/record" upload -server $server:8080 -wait 2020ms -requests 2
    finish
}

conn_deadline() {           # NAME CLIENT-OPTION
    lay_link 2
    capture client "$1"
    start server 8080 "$work/record" server -handler 100ms
    on_client "$work/record" deadline -url $url/measure "$2"
    finish
}

conn-deadline() {
    conn_deadline conn-deadline -on-connection=3s
    conn_deadline conn-deadline-healthy -timeout=3s
}

# NAME HANDLER-TIME CLIENT-TIMEOUT SECONDS-UNTIL-THE-LAST-HANDLER-ENDS
fin_wait2_pileup() {
    lay_link 5
    capture server "$1"
    start server 8080 "$work/record" server -handler "$2"
    on_client "$work/record" impatient -url $url/search -timeout "$3"
    sleep "$4"
    finish
}

# 260 ms, because then no answer comes while net/http dials for the next request: it would take the
# connection that has become free, and leave the new one unused.
fin-wait2-pileup() {
    fin_wait2_pileup fin-wait2-pileup 6s 1s 6
    fin_wait2_pileup fin-wait2-pileup-healthy 260ms 10s 0
}

# lay_gateway NAME SERVER-OPTION...: nginx at the client's end, the capture on its hop to the backend
lay_gateway() {
    lay_link 20
    capture client "$1"
    start server 8080 "$work/record" server "${@:2}"
    start_gateway
}

start_gateway() {
    start client 80 nginx -e stderr -p "$work" -c "$here/gateway.conf"
}

gateway=http://127.0.0.1

gateway-write-timeout() {
    lay_gateway gateway-write-timeout -write 1s -handler 2s
    get $gateway/report $gateway/report $gateway/report
    finish
}

# The backend's FIN leaves 2 s after its response did, which is one delay less after the response's
# arrival at the gateway. A request sent at that very moment crosses it.
gateway-idle-race() {
    lay_gateway gateway-idle-race -idle 2s
    on_client "$work/record" reuse -server 127.0.0.1 -gap 1980ms -pairs 4
    on_client "$work/record" reuse -server 127.0.0.1 -gap 1980ms -method GET
    finish
}

gateway-panic() {
    lay_gateway gateway-panic
    on_client "$work/record" reuse -server 127.0.0.1 -gap 200ms -path /panic -pairs 3
    on_client "$work/record" reuse -server 127.0.0.1 -gap 200ms -path /panic -method GET
    finish
}

gateway-refused() {
    lay_link 20
    capture client gateway-refused
    start_gateway
    start server 8080 "$work/record" server
    get $gateway/now $gateway/now
    stop
    sleep 0.3                       # nginx shall know that its idle connection has gone
    get $gateway/now $gateway/now $gateway/now
    finish
}

gateway-healthy() {
    lay_gateway gateway-healthy -write 5s -handler 2s -idle 10s
    get $gateway/report $gateway/report
    on_client "$work/record" reuse -server 127.0.0.1 -gap 1980ms -pairs 2
    finish
}

truncated() {
    lay_link 5
    capture client truncated
    start server 8080 "$here/short_server.py"
    get $url/short $url/aborted $url/unchunked
    finish

    lay_link 5
    capture client truncated-healthy
    start server 8080 "$here/short_server.py"
    get $url/full $url/full-chunked
    finish
}

keepalive_idle() {          # NAME HOLD
    lay_link 5
    capture server "$1"
    start server 8080 nginx -e stderr -p "$work" -c "$here/keepalive.conf"
    on_client "$work/record" hold -url $url/ -hold "$2"
    finish
}

keepalive-idle() {
    keepalive_idle keepalive-idle 3s
    keepalive_idle keepalive-idle-healthy 1s
}

# The device forgets after 12 s: rests of 11 s live, rests of 13 s do not.
silent_idle_drop() {        # NAME REST...
    lay_device 5 --forget 12
    capture client "$1"
    start server 8080 "$here/plain_server.py" --nodelay
    on_client "$here/plain_client.py" rest "${@:2}"
    finish
}

silent-idle-drop() {
    silent_idle_drop silent-idle-drop 13 13 11
    silent_idle_drop silent-idle-drop-healthy 11 11 11
}

mtu_black_hole() {          # NAME LARGEST
    lay_device 5 --largest "$2"
    capture client "$1"
    start server 8080 "$here/plain_server.py" --nodelay
    on_client "$here/plain_client.py" upload 5000
    finish
}

mtu-black-hole() {
    mtu_black_hole mtu-black-hole 1300
    mtu_black_hole mtu-black-hole-healthy 1500
}

expect_continue() {         # NAME SERVER-OPTION...
    lay_link 5
    capture client "$1"
    start server 8080 "$here/plain_server.py" --nodelay "${@:2}"
    for _ in 1 2 3; do
        on_client curl -sS -o /dev/null -w '%{http_code} after %{time_total} s\n' \
            -H "Expect: 100-continue" -d "$(head -c 2000 /dev/zero | tr '\0' x)" $url/
    done
    finish
}

expect-continue() {
    expect_continue expect-continue --ignore-expect
    expect_continue expect-continue-healthy
}

delayed_ack() {             # NAME SERVER-OPTION...
    lay_link 5
    capture client "$1"
    start server 8080 "$here/plain_server.py" "${@:2}"
    on_client "$here/plain_client.py" gets 20
    finish
}

delayed-ack() {
    delayed_ack delayed-ack
    delayed_ack delayed-ack-healthy --nodelay
}

# -------------------------------------------------------------------------------------------------

if [ $# -eq 0 ]; then set -- "${cases[@]}"; fi
for name; do
    if ! printf '%s\n' "${cases[@]}" | grep -qx -e "$name"; then
        echo "record.sh: no case named $name; there are: ${cases[*]}" >&2
        exit 2
    fi
done
(cd "$here/programs" && go build -trimpath -o "$work/record" .)
for name; do
    "$name"
done
