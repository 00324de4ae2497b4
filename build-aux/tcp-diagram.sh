#!/bin/sh
# RFC 9293 figure 5 as hangup reads it, a picture from src/tcp/tcp_edges.def. With --write FILE: puts it in place of the
# picture there; else prints it.
set -e
edges=$(cd "$(dirname "$0")/../src/tcp" && pwd)/tcp_edges.def

picture() {
    echo '```mermaid'
    echo 'stateDiagram-v2'
    echo '    [*] --> CLOSED'
    sed -n 's/^EDGE(\([A-Z0-9_]*\), *\([A-Z0-9_]*\), *\([A-Z0-9_]*\), .*/    \1 --> \3: \2/p' "$edges" |
        sed 's/: SND_SYN$/: sends SYN/; s/: RCV_SYN$/: gets SYN/; s/: RCV_SYN_ACK$/: gets SYN, ACK/
             s/: RCV_ACK_OF_SYN$/: gets ACK of its SYN/; s/: SND_FIN$/: sends FIN/; s/: RCV_FIN$/: gets FIN/
             s/: RCV_ACK_OF_FIN$/: gets ACK of its FIN/; s/: EXPIRE_2MSL$/: 2 MSL later/'
    echo '```'
}

[ "$1" = --write ] || { picture; exit; }
picture >"$2.picture"
awk -v picture="$2.picture" '
    /^```mermaid/ { while ((getline line < picture) > 0) print line; skipping = 1; next }
    skipping && /^```$/ { skipping = 0; next }
    !skipping' "$2" >"$2.new"
rm "$2.picture"
mv "$2.new" "$2"
