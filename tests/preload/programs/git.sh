# Git: 1,200 commits imported in one stream, 40 made one by one, branches that are merged and rebased, a threaded
# repack, a prune, fsck, blame, and a clone through a pack that is sent over a pipe. It allocates objects in slabs of
# its own, inflates and deltas into exact blocks, and starts many short processes.

needs=(git awk sha256sum)
probe=(git --version)

workload() {
	export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
	export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
	git init -q -b main one
	cd one
	git config gc.auto 0
	git config pack.threads 2
	git config advice.detachedHead false
	awk 'BEGIN {
		for (c = 1; c <= 1200; c++) {
			body = ""
			for (l = 1; l <= 20 + c % 150; l++)
				body = body "line " l " of file " c % 40 " at " int(c / (l + 1)) "\n"
			message = "commit " c "\n\nwith a body\n"
			printf "commit refs/heads/main\ncommitter C <c@example.org> %d +0000\n", 1000000000 + c * 60
			printf "data %d\n%s\nM 100644 inline dir%d/file%d\ndata %d\n%s\n",
				length(message), message, c % 7, c % 40, length(body), body
		}
	}' | git fast-import --quiet
	git reset -q --hard main
	date=1100000000
	for i in $(seq 30); do
		date=$((date + 60))
		export GIT_AUTHOR_DATE="$date +0000" GIT_COMMITTER_DATE="$date +0000"
		echo "more $i" >>"dir1/file$((i % 5 * 7 + 1))"
		git checkout -q -B "topic$((i % 3))"
		git add -A
		git commit -q -m "step $i"
	done
	git checkout -q main
	for i in 0 1 2; do git merge -q --no-ff -m "merge topic$i" "topic$i"; done
	git checkout -q -b rebased main~40
	for i in $(seq 10); do echo "$i" >"new$i"; git add -A; git commit -q -m "new $i"; done
	git rebase -q main
	git repack -q -adf --window=30 --threads=2
	git gc -q --prune=now
	git fsck --strict --full --no-progress
	git count-objects -v | grep -E '^(count|in-pack|garbage)'
	git log --graph --stat --format='%H %s' -n 200 | sha256sum
	git log -p --all --topo-order | sha256sum
	git blame dir1/file1 | sha256sum
	git shortlog -sn HEAD
	git archive --format=tar HEAD | sha256sum
	git clone -q --no-local . ../two
	cd ../two
	git fsck --strict --no-progress
	git rev-parse HEAD
	git grep -c "line 99" | sha256sum
	git for-each-ref
}
