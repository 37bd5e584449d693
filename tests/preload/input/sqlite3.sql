-- The work of programs/sqlite3.sh, which says what it is for.

PRAGMA temp_store = memory;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price REAL, body BLOB);
CREATE TABLE sale (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item, day INTEGER, amount INTEGER);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
	INSERT INTO item SELECT i, printf('item %07d %s', i * 7919 % 40000, hex(i * 2654435761)), i % 1000 / 7.0,
		zeroblob(i * 31 % 700) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
	INSERT INTO sale SELECT i, i * 48271 % 40000 + 1, i * 16807 % 365, i % 13 FROM n;
COMMIT;
CREATE INDEX item_name ON item(name);
CREATE INDEX sale_item ON sale(item, day);
PRAGMA integrity_check;
BEGIN;
UPDATE item SET name = name || ' ' || upper(name), body = zeroblob(length(body) * 3) WHERE id % 3 = 0;
DELETE FROM sale WHERE id % 5 = 0;
SAVEPOINT undone;
DELETE FROM item WHERE id % 2 = 0;
ROLLBACK TO undone;
COMMIT;
PRAGMA integrity_check;
SELECT day, count(*), sum(amount), printf('%.3f', sum(price * amount)), max(name)
	FROM sale JOIN item ON item.id = sale.item GROUP BY day ORDER BY day LIMIT 20;
SELECT count(DISTINCT name), length(group_concat(name)) FROM item;
SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY day ORDER BY amount, id) AS r FROM sale);
CREATE VIRTUAL TABLE words USING fts5(name);
INSERT INTO words SELECT name FROM item WHERE id % 4 = 0;
SELECT count(*) FROM words WHERE words MATCH 'item AND 0000*';
SELECT count(*), sum(json_extract(value, '$.p') > 70) FROM json_each((SELECT
	json_group_array(json_object('n', name, 'p', price)) FROM item WHERE id < 20000));
VACUUM;
PRAGMA integrity_check;
PRAGMA page_count;
