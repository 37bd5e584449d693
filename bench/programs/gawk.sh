# gawk.sh - hash tables of strings, split and joined. (mawk would show little: it has an allocator of its own.)
. "${0%/*}/common.sh"
need gawk gawk
measure gawk -v "n=$(amount 300000 80000)" -f "$input/gawk.awk"
