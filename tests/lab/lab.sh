#!/bin/bash
# Runs the scenarios of scenarios.tsv with real programs, and checks hangup's verdicts on what was
# captured (TAP). As root.
#
#     lab.sh [RUN...]           without RUN, all of them
#
# OUT is the folder for what is recorded (default: a scratch folder). HANGUP is the program to test. With LAB_TLS=1.2 or 1.3 the
# clients ask over TLS; what was recorded is RUN-tlsVERSION-HOP-END.pcap and RUN-tlsVERSION.keys, and with the keys hangup must find
# what it finds in the clear.

set -u

here=$(cd "$(dirname "$0")" && pwd)
: "${HANGUP:?names the program to test}"
programs="unshare ip ss tcpdump python3 go node nginx haproxy apache2 gunicorn uvicorn nghttp nghttpd curl openssl"

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
PATH=$PATH:/usr/sbin
[ "$(id -u)" = 0 ] || skip "needs root"
[ -w /dev/net/tun ] || skip "needs /dev/net/tun"
for program in $programs; do
    command -v "$program" >/dev/null || skip "$program is missing (tests/lab/README.md names the packages)"
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is missing"
/usr/bin/python3 -c 'import websockets' 2>/dev/null || skip "python3-websockets is missing"
unshare --net --mount --pid --fork --kill-child --mount-proc \
    sh -c 'mount -t tmpfs tmpfs /run && ip netns add try && ip netns exec try true' 2>/dev/null ||
    skip "may not make network namespaces"

for run; do
    grep -q "^$run	" "$here/scenarios.tsv" || {
        echo "lab.sh: no run named $run in $here/scenarios.tsv" >&2
        exit 2
    }
done

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
LAB_BUILT=$scratch/built
export LAB_BUILT
(cd "$here/../../samples/record/programs" && go build -trimpath -o "$LAB_BUILT/go-http" .) || exit 99
LAB_RECORDED=${OUT:-$scratch/recorded}
LAB_ONLY=$*
export LAB_RECORDED LAB_ONLY
mkdir -p "$LAB_RECORDED" || exit 99

while IFS='	' read -r run _ delay server proxy client <&3; do
    case $run in '#'* | '') continue ;; esac
    case " ${LAB_ONLY:-$run} " in *" $run "*) ;; *) continue ;; esac
    echo "# $run"
    run=$run${LAB_TLS:+-tls$LAB_TLS}
    rm -f "$LAB_RECORDED/$run".log "$LAB_RECORDED/$run"-{direct,front,back}-{client,server}.pcap
    "$here/run.sh" "$LAB_RECORDED" "$run" "$delay" "$server" "$proxy" "$client" || echo "# $run did not run"
done 3<"$here/scenarios.tsv"

# The check of the recorded copies, on what was recorded now.
srcdir=$here/../.. "$here/../lab.test"
