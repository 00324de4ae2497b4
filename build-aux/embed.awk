# Text files -> a C table of name and contents (src/rules/builtin.h), where pack_rules cannot run because the build is for another machine.
function base(path) { sub(/.*\//, "", path); return path }
BEGIN {
    print "/* Made from rules/ by build-aux/embed.awk. */"
    print "#include <stddef.h>"
    print "#include \"rules/builtin.h\""
    print "const struct builtin_file builtin_rules[] = {"
}
FNR == 1 {
    if (NR > 1) print "      , NULL },"
    printf "    { \"%s\",\n", base(FILENAME)
}
{
    gsub(/["\\]/, "\\\\&")
    gsub(/\t/, "\\t")
    printf "      \"%s\\n\"\n", $0
}
END {
    if (NR > 0) print "      , NULL },"
    print "    { NULL, NULL, NULL }"
    print "};"
}
