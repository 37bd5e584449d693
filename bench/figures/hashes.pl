# Builds and changes hashes of strings and arrays.
use strict;
use warnings;

my %table;
$table{"key $_"} = [$_, "$_" x 3, "$_ " x 20] for 0 .. 99_999;
delete $table{"key " . $_ * 3} for 0 .. 33_332;
$table{"new $_"} = {a => $_, b => [($_) x 10]} for 0 .. 66_666;
my %count;
$count{$_}++ for map { split / / } keys %table;
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print scalar(@sorted), " $sorted[0] $sorted[-1]\n";
