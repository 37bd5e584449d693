# rocksdb.sh - RocksDB's own load: filled, overwritten, read at random, scanned, by two threads and its own that
# compact. Its files lie in memory, if they can, so that the disk's time is not measured.
. "${0%/*}/common.sh"
need db_bench rocksdb-tools
entries=$(amount 60000 20000)
[ ! -w /dev/shm ] || { folder=$(mktemp -d /dev/shm/bench-rocksdb.XXXXXX) && scratch+=("$folder"); }
prepare() { ln -s "${folder:-.}" files; }
result() { grep -o '([0-9]* of [0-9]* found)' stdout; }
measure db_bench --benchmarks=fillseq,overwrite,compactall,readrandom,readseq --num="$entries" --threads=2 \
	--value_size=200 --db=files/db --stats_interval=1000000000 --disable_wal=1 --cache_size=16777216 \
	--write_buffer_size=8388608 --seed=1 --compression_type=none
