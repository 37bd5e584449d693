# git.sh - git collects the garbage of a generated repository and packs it anew, with two threads.
. "${0%/*}/common.sh"
need git git
need perl perl
commits=$(amount 2500 500)
# A stream for git fast-import: each commit changes some of 60 files, in folders.
stream() {
	perl -e '
		use integer;
		my ($commits, $state) = (shift, 1);
		sub random { $state = ($state * 1103515245 + 12345) & 0x7fffffff; return ($state >> 8) % $_[0] }
		my @files = map { join "", map { "line $_ " . random(1000) . "\n" } 1 .. 150 } 1 .. 60;
		for my $number (1 .. $commits) {
			printf "commit refs/heads/main\ncommitter A <a\@example.org> %d +0000\n", 1000000000 + $number;
			my $message = "change $number";
			printf "data %d\n%s\n", length $message, $message;
			for (1 .. 4) {
				my $i = random(60);
				my @lines = split /^/, $files[$i];
				$lines[random(scalar @lines)] = "line " . random(100000) . " of $number\n";
				splice @lines, random(scalar @lines), 0, "more of $number\n" if random(3) == 0;
				$files[$i] = join "", @lines;
				printf "M 644 inline folder%d/file%d.txt\ndata %d\n%s\n", $i % 7, $i, length $files[$i], $files[$i];
			}
		}' "$commits"
}
export HOME=$work GIT_CONFIG_NOSYSTEM=1
repository=$data/$commits.git
if [ ! -d "$repository" ]; then
	git init -q --bare -b main "$repository.$$"
	stream | git -C "$repository.$$" fast-import --quiet
	mv "$repository.$$" "$repository"
fi
prepare() { cp -r "$repository" repository.git; }
result() {
	git -C repository.git fsck --full --strict 2>&1 &&
		git -C repository.git rev-parse main &&
		ls repository.git/objects
}
measure git -C repository.git -c pack.threads=2 -c gc.aggressiveWindow=30 -c gc.aggressiveDepth=30 \
	gc -q --aggressive --prune=now
