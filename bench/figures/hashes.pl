# hashes.pl COUNT - builds and changes hashes of strings and arrays.
use strict;
use warnings;

my $count = shift;
my %table;
$table{"key $_"} = [$_, "$_" x 3, "$_ " x 20] for 0 .. $count - 1;
delete $table{"key " . $_ * 3} for 0 .. $count / 3 - 1;
$table{"new $_"} = {a => $_, b => [($_) x 10]} for 0 .. $count * 2 / 3;
my %seen;
$seen{$_}++ for map { split / / } keys %table;
my @sorted = sort { $seen{$b} <=> $seen{$a} || $a cmp $b } keys %seen;
print scalar(@sorted), " $sorted[0] $sorted[-1]\n";
