# tar with xz -T0: perl's library packed, compressed by one thread for each CPU with blocks small enough that all of
# them work, unpacked and compared. liblzma takes large blocks, aligned ones, and frees them from other threads.
# The archive names the user of the test as the owner of each file: without root, tar can give files to nobody else.

needs=(tar xz perl sha256sum)
probe=(xz -T0 --version)

workload() {
	local library
	library=$(perl -MConfig -e 'print $Config{privlibexp}')
	tar -C "$library" --sort=name --mtime=@0 --owner=":$(id -u)" --group=":$(id -g)" -cf library.tar .
	for settings in -1 "-2 --block-size=1MiB"; do
		# shellcheck disable=SC2086 # words
		xz -T0 $settings -c library.tar >library.tar.xz
		sha256sum <library.tar.xz
		xz -T0 -t library.tar.xz
	done
	mkdir back
	tar -C back -I "xz -T0 -d" -xpf library.tar.xz
	tar -C back -df library.tar
	(cd back && find . -type f | sort | xargs sha256sum | sha256sum)
}
