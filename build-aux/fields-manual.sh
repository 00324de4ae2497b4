#!/bin/sh
# The sections FIELDS and EVENTS of hangup-rules(5), from what `hangup fields` prints.
#
#     build-aux/fields-manual.sh HANGUP [--write MANUAL]      (make manual)
set -e
sections() {
    printf '.Sh FIELDS\nThis is what\n.Ql hangup fields\nprints.\n'
    "$1" fields | awk '
        function flush() { if (name != "") printf ".It Cm %s%s\n%s\n", name, type, text; name = "" }
        /^[A-Z]/ {
            flush()
            if (started) print ".El"
            print $1 == "Events" ? ".Sh EVENTS" : ".Ss " $0
            print ".Bl -tag -width Ds"
            started = 1
            events = $1 == "Events"
            next
        }
        /^  [a-z]/ {
            flush()
            name = $1
            type = events ? "" : " Pq " $2
            text = $0
            sub(events ? "^ *[^ ]+ +" : "^ *[^ ]+ +[^ ]+ +", "", text)
            next
        }
        /^ / { sub(/^ +/, ""); text = text " " $0 }
        END { flush(); print ".El" }'
}
[ "$2" = --write ] || { sections "$1"; exit; }
sections "$1" >"$3.sections"
awk -v sections="$3.sections" '
    /^\.Sh FIELDS/ { while ((getline line < sections) > 0) print line; skipping = 1 }
    /^\.Sh TIMERS/ { skipping = 0 }
    !skipping' "$3" >"$3.new"
rm "$3.sections"
mv "$3.new" "$3"
