# imagemagick.sh - pictures scaled, blurred, turned and put together by two threads: blocks of kilobytes to megabytes.
. "${0%/*}/common.sh"
need convert imagemagick
export MAGICK_THREAD_LIMIT=2 OMP_NUM_THREADS=2
size=$(amount 500 250)
generate() { # a picture with 16 bits a channel, without noise that would depend on the program's version
	awk -v n="$size" 'BEGIN {
		printf "P3 %d %d 255\n", n, n
		for (y = 0; y < n; y++)
			for (x = 0; x < n; x++)
				printf "%d %d %d\n", (x * y) % 256, (x * 3 + y) % 256, (x * x + y * y) / 64 % 256
	}'
}
once "$size.ppm" generate
measure convert "$data/$size.ppm" -duplicate 5 -resize 120% -blur 0x1 -rotate 7 +repage -crop 50x50 +repage \
	-level 10%,90% -sharpen 0x1 -resize 10x10! -append -depth 8 ppm:-
