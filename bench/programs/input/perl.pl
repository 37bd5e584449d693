# Hashes of arrays of strings: filled, split, joined, sorted, deleted.
use strict;
use warnings;
use integer;

my $count = shift;
my $state = 12345;
sub next_random { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return $state % $_[0] }

my %index;
for my $i (1 .. $count) {
	my $text = join ",", map { "w" . next_random($count) } 1 .. 4;
	push @{$index{"k" . next_random($count)}}, $text;
	delete $index{"k" . next_random($count)} if $i % 3 == 0;
}
my %words;
for my $key (sort keys %index) {
	$words{$_}++ for map { split /,/ } @{$index{$key}};
}
my @order = sort { $words{$a} <=> $words{$b} || $a cmp $b } keys %words;
die "words were lost" unless @order == keys %words && @order > 100;
print scalar(@order), " ", scalar(keys %index), " ", unpack("%32C*", join ",", @order), " @order[0, 1, -2, -1]\n";
