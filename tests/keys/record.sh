#!/bin/bash
# Records what OpenSSL does with each cipher and each way of a handshake, keys within: NAME.pcapng for keys.test, from loopback.
# As root; takes a minute, and wants openssl, nginx (for early data), tcpdump and editcap.
#
#     record.sh FOLDER
set -u
out=$(cd "${1:?names the folder}" && pwd) || exit 99
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3650 -subj /CN=a.example 2>/dev/null || exit 99
port=24400
printf 'GET /early HTTP/1.0\r\nHost: a.example\r\n\r\n' >early.txt

until_listening() {
    for _ in $(seq 50); do grep -q listening tcpdump.log && ss -ltn | grep -q ":$port" && break; sleep 0.1; done
}

begin() { # NAME
    name=$1
    port=$((port + 1))
    rm -f keys.log session.pem tcpdump.log
    printf 'GET /%s HTTP/1.0\r\nHost: a.example\r\n\r\n' "$name" >request.txt
    tcpdump -i lo --immediate-mode -U -w "$name.pcap" "port $port" 2>tcpdump.log &
    dump_pid=$!
}

clients() { # 'TYPED|OPTIONS'...
    for client; do
        # What stands before a second bar is typed first: R renegotiates, K updates keys.
        typed=${client%%|*} options=${client#*|}
        # shellcheck disable=SC2086
        { [ -z "$typed" ] || { sleep 0.3; echo "$typed"; }; sleep 0.3; cat request.txt; sleep 0.7; } |
            timeout 5 openssl s_client -connect 127.0.0.1:$port -servername a.example -keylogfile keys.log $options >client.log 2>&1
    done
}

end() { # PID of the server
    sleep 0.3
    kill "$1" $dump_pid
    wait "$1" $dump_pid 2>/dev/null
    editcap --inject-secrets "tls,keys.log" "$name.pcap" "$out/$name.pcapng" || exit 99
}

# One connection after the other against a server of its own: NAME 'SERVER OPTIONS' 'TYPED|CLIENT OPTIONS'...
run() {
    begin "$1"
    # shellcheck disable=SC2086 # options
    openssl s_server -accept 127.0.0.1:$port -cert cert.pem -key key.pem -www $2 >server.log 2>&1 &
    server_pid=$!
    until_listening
    shift 2
    clients "$@"
    end $server_pid
}

# The same against nginx, which takes early data if $2 is on, and is begun anew with $3 before the second connection.
run_nginx() {
    begin "$1"
    openssl rand 80 >ticket.key
    for early in "$2" "$3"; do
        cat >nginx.conf <<END
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:$port ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
        ssl_protocols TLSv1.3; ssl_session_ticket_key ticket.key; ssl_early_data $early; location / { return 200 ok; }
    }
}
END
        nginx -p "$PWD" -c "$PWD/nginx.conf" 2>nginx.log &
        server_pid=$!
        until_listening
        if [ -e session.pem ]; then
            clients "|-tls1_3 -sess_in session.pem -early_data early.txt"
        else
            clients "|-tls1_3 -sess_out session.pem"
            [ "$2" = "$3" ] || { kill $server_pid; wait $server_pid 2>/dev/null; continue; }
            clients "|-tls1_3 -sess_in session.pem -early_data early.txt"
            break
        fi
    done
    end $server_pid
}

for cipher in ECDHE-RSA-AES128-GCM-SHA256 AES256-GCM-SHA384 DHE-RSA-CHACHA20-POLY1305 AES128-CCM AES256-CCM8 \
    ECDHE-RSA-AES128-SHA AES256-SHA256 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES128-SHA256; do
    run "12-$cipher" "-tls1_2 -cipher $cipher:@SECLEVEL=0" "|-tls1_2 -cipher $cipher:@SECLEVEL=0"
done
run 12-mac-then-encrypt "-tls1_2 -cipher AES128-SHA:@SECLEVEL=0" "|-tls1_2 -no_etm -cipher AES128-SHA:@SECLEVEL=0"
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
    run "13-$suite" "-tls1_3 -ciphersuites $suite" "|-tls1_3 -ciphersuites $suite"
done
run 12-ticket "-tls1_2" "|-tls1_2 -sess_out session.pem" "|-tls1_2 -sess_in session.pem"
run 12-session-id "-tls1_2 -no_ticket" "|-tls1_2 -sess_out session.pem" "|-tls1_2 -sess_in session.pem"
run 12-renegotiation "-tls1_2 -client_renegotiation" "R|-tls1_2"
run 13-psk "-tls1_3" "|-tls1_3 -sess_out session.pem" "|-tls1_3 -sess_in session.pem"
run 13-retry "-tls1_3 -groups P-384" "|-tls1_3 -groups X25519:P-384"
run 13-key-update "-tls1_3" "K|-tls1_3"
run 13-padding "-tls1_3 -record_padding 256" "|-tls1_3 -record_padding 128"
run 13-client-certificate "-tls1_3 -verify 1" "|-tls1_3 -cert cert.pem -key key.pem"
run_nginx 13-early-data on on
run_nginx 13-early-data-refused on off
