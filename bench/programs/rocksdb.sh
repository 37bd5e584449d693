# rocksdb.sh - RocksDB's own load: filled, overwritten, read at random by two threads, scanned.
. "${0%/*}/common.sh"
need db_bench rocksdb-tools
entries=$(amount 100000 25000)
result() { grep -o '([0-9]* of [0-9]* found)' stdout; }
measure db_bench --benchmarks=fillseq,overwrite,readrandom,readseq --num="$entries" --threads=2 --value_size=200 \
	--env_uri=mem:// --stats_interval=1000000000 --db=db --disable_wal=1 --cache_size=16777216 --write_buffer_size=8388608 --seed=1 --compression_type=none
