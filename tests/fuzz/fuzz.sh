#!/bin/bash
# Coverage-guided fuzzing with clang's libFuzzer, ASan and UBSan; not part of make check.
#
#     fuzz.sh BUILD_DIR [SECONDS]      SECONDS for each target, default 60
#
# BUILD_DIR is a configured build folder (config.h and the built-in rules come from there). Seeds are the
# samples, the conversations and the rules; what crashes stays in BUILD_DIR/fuzz.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${1:?usage: fuzz.sh BUILD_DIR [SECONDS]}" && pwd)
seconds=${2:-60}
command -v clang >/dev/null || { echo "fuzz.sh: clang is missing (Debian: clang libclang-rt-14-dev)" >&2; exit 2; }

variable() { sed -n "s/^$1 = //p" "$build/Makefile"; }
work=$build/fuzz
mkdir -p "$work"
llhttp=()
[ -z "$(variable LLHTTP_LIBS)" ] && for file in api http llhttp; do llhttp+=("$(variable LLHTTP_SOURCE)/$file.c"); done

targets=(capture rule talk keylog)
for target in "${targets[@]}"; do
    # shellcheck disable=SC2046
    clang -std=c11 -D_GNU_SOURCE -g -O1 -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -I"$here/src" -I"$build" -include config.h $(variable LLHTTP_CFLAGS) \
        -o "$work/fuzz_$target" "$here/tests/fuzz/fuzz_$target.c" \
        $(ls "$here"/src/*/*.c) "$build/builtin_rules.c" "${llhttp[@]}" \
        $(variable PCAP_LIBS) $(variable JANSSON_LIBS) $(variable YAML_LIBS) $(variable NETTLE_LIBS) \
        $(variable NGHTTP2_LIBS) $(variable CAPNG_LIBS) $(variable LIBARCHIVE_LIBS) $(variable LIBCRYPTO_LIBS) $(variable LLHTTP_LIBS) -lm
    mkdir -p "$work/corpus_$target"
done
cp "$here"/samples/*.pcap "$here"/tests/lab/recorded/*h2*-client.pcap "$here"/tests/lab/recorded/grpc*-client.pcap \
    "$here"/tests/keys/recorded/*.pcapng "$here"/tests/keys/certificates/*.pcapng "$work/corpus_capture/"
python3 "$here/tests/fuzz/seeds.py" "$work/corpus_talk" "$here"/tests/lab/recorded/*-client.pcap* "$here"/tests/keys/recorded/*.pcapng \
    "$here"/tests/keys/certificates/*.pcapng
printf 'xCLIENT_RANDOM %064d %096d\n# comment\nSERVER_TRAFFIC_SECRET_0 %064d %064d\r\n' 1 2 3 4 >"$work/corpus_keylog/seed"
for case in "$here"/tests/cases/*/*.conv; do # two features may have a case of one name
    cp "$case" "$work/corpus_capture/$(basename "$(dirname "$case")")-$(basename "$case")"
done
cp "$here"/rules/*.yaml "$work/corpus_rule/"
cd "$work"
for target in "${targets[@]}"; do
    "./fuzz_$target" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="$work/$target-" "corpus_$target" 2>"$work/$target.log" ||
        { tail -40 "$work/$target.log"; exit 1; }
    tail -1 "$work/$target.log"
done
