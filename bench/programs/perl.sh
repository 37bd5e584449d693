# perl.sh - Perl hashes of arrays and strings.
. "${0%/*}/common.sh"
need perl perl
export PERL_HASH_SEED=0
measure perl "$input/perl.pl" "$(amount 140000 40000)"
