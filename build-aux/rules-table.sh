#!/bin/sh
# The README's table of rules, from the rule files. With --write FILE: puts it between the marks there; else prints it.
set -e
rules=$(cd "$(dirname "$0")/../rules" && pwd)

table() {
    echo '| rule | severity | what it finds |'
    echo '| --- | --- | --- |'
    for severity in error warning info; do
        for file in "$rules"/*.yaml; do
            awk -v wanted="$severity" '
                /^[a-z_]+:/ { key = $1; value = $0; sub(/^[a-z_]+: */, "", value); if (value == ">") value = "" }
                /^[a-z_]+:/ && !(key in first) { first[key] = value; next }
                /^  / && key == "summary:" { sub(/^ +/, ""); first[key] = first[key] (first[key] == "" ? "" : " ") $0 }
                END { if (first["severity:"] == wanted)
                          printf "| `%s` | %s | %s |\n", first["id:"], wanted, first["summary:"] }' "$file"
        done
    done
}

[ "$1" = --write ] || { table; exit; }
table >"$2.table"
awk -v table="$2.table" '
    /^<!-- rules:/ { print; while ((getline line < table) > 0) print line; skipping = 1 }
    /^<!-- end of rules -->/ { skipping = 0 }
    !skipping' "$2" >"$2.new"
rm "$2.table"
mv "$2.new" "$2"
