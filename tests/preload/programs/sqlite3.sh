# SQLite's shell: large transactions in memory and in a file (B-trees, sorts, full text, JSON, window functions), with
# integrity_check after each. SQLite allocates cell by cell and page by page and grows what it holds with realloc, so a
# block that is too short or overlaps another shows as a corrupt page.

needs=(sqlite3 sha256sum)
probe=(sqlite3 :memory: "SELECT 1")

workload() {
	echo "in memory:"
	sqlite3 -batch :memory: <"$input/sqlite3.sql"
	echo "in a file:"
	sqlite3 -batch shop.db <"$input/sqlite3.sql"
	echo "with a log, cut off and recovered:"
	sqlite3 -batch shop.db "PRAGMA journal_mode = wal; UPDATE sale SET amount = amount + 1; PRAGMA integrity_check;"
	sqlite3 -batch shop.db .dump | sha256sum
}
