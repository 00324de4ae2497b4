#!/bin/sh
# What the folders hold, as lists for automake: a new source file, rule or test is one new file and no edit here.
#
#     build-aux/lists.sh > lists.am      (bootstrap does it)
set -e
cd "$(dirname "$0")/.."
LC_ALL=C
export LC_ALL

list() { # NAME FILE...
    name=$1
    shift
    printf '%s =' "$name"
    for file in "$@"; do
        printf ' \\\n\t%s' "$file"
    done
    printf '\n'
}

list HANGUP_LIBRARY src/*/*.[ch] src/*/*.def
list RULES rules/*.yaml
list SCRIPTED_TESTS tests/*.test
list UNIT_TESTS $(printf '%s\n' tests/unit/test_*.c | sed 's/\.c$//')
list TEST_FILES tests/*.sh tests/*.py tests/*.tsv tests/accuracy/*.py tests/accuracy/*.md tests/bench/*.sh tests/bench/*.tsv \
    tests/bench/measure.c tests/bench/pcaploop.c tests/fuzz/*.sh tests/fuzz/*.c tests/faults/* tests/hostile/*
