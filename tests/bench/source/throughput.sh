# Twice as much with a library as without.
if [ -n "$BENCH_PRELOAD" ]; then echo "bench: per_s 200"; else echo "bench: per_s 100"; fi
