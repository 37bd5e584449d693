# Perl: an index of 60,000 generated words (hashes, regexes, sort, strings that grow), its own parser for
# documentation over the largest modules it ships, eight forked children that allocate at once and answer through
# pipes, and interpreter threads, each of which clones and later frees the whole heap of the one that starts it.

needs=(perl pod2man pod2text sha256sum)
probe=(perl -MData::Dumper -e 1)

workload() {
	export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0
	perl "$input/perl.pl"
	for module in perl5db.pl CPAN.pm Getopt/Long.pm Math/BigFloat.pm Test/More.pm; do
		file=$(perl -e 'for (@INC) { if (-e "$_/$ARGV[0]") { print "$_/$ARGV[0]"; last } }' "$module")
		echo "$module $(pod2man --date=today --release=any "$file" | sha256sum) $(pod2text "$file" | sha256sum)"
	done
}
