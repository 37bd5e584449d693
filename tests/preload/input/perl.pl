# The work of programs/perl.sh, which says what it is for.

use strict; use warnings; use threads;
use Digest::SHA qw(sha256_hex);
use Data::Dumper; $Data::Dumper::Sortkeys = 1; $Data::Dumper::Indent = 0;

my $state = 1;
sub rnd { $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $_[0] }
my @syllables = qw(ka lo mi ru ten sha vor il pe zu an gri);
my @words = map { join '', map { $syllables[rnd(12)] } 0 .. 1 + rnd(4) } 1 .. 60000;

my (%count, %by_first, %places);
for my $i (0 .. $#words) {
    my $word = $words[$i];
    $count{$word}++;
    push @{ $by_first{substr $word, 0, 2} }, $word;
    $places{$word} .= "$i,";
}
print scalar(keys %count), " different words\n";
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$_ $count{$_}\n" for @top[0 .. 9];
print "$_: ", scalar(@{ $by_first{$_} }), "\n" for sort keys %by_first;

my $text = join ' ', @words;
my $doubled = () = $text =~ /\b(\w+)(?:ka|lo)\w* \1\w*/g;
(my $upper = $text) =~ s/(\b[aeiou]\w+)|(\w*zu\b)/defined $1 ? uc $1 : "<$2>"/ge;
print "$doubled pairs, ", sha256_hex($upper), "\n";
print sha256_hex(Dumper(\%places)), "\n";
my $copy = eval "my " . Dumper(\%by_first) . '; $VAR1';
print sha256_hex(join '', map { "$_@{ $copy->{$_} }" } sort keys %$copy), "\n";

my @pipes;
for my $child (1 .. 8) {
    pipe my $read, my $write or die;
    my $pid = fork // die;
    if (!$pid) {
        my %own = map { ($_ x $child) => [ split //, $_ ] } @words[0 .. 4000 * $child];
        print $write sha256_hex(join ',', sort keys %own), "\n";
        close $write;
        exit 0;
    }
    close $write;
    push @pipes, [ $read, $pid ];
}
for (@pipes) { my ($read, $pid) = @$_; print scalar <$read>; waitpid $pid, 0; print "exit $?\n" }

%places = %by_first = (); $copy = undef;
my @threads = map { my $n = $_; threads->create(sub {
    my %mine = map { $_ => scalar reverse $_ } grep { length($_) % $n == 0 } @words;
    return sha256_hex(join ',', map { "$_$mine{$_}" } sort keys %mine);
}) } 1 .. 4;
print $_->join, "\n" for @threads;
