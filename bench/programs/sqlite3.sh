# sqlite3.sh - a database in memory: inserts, indices, groups, joins, updates, deletes.
. "${0%/*}/common.sh"
need sqlite3 sqlite3
rows=$(amount 200000 60000)
generate() {
	cat <<-END
		create table item(id integer primary key, name text, grp integer, amount real);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < $rows)
			insert into item select i, 'name ' || (i * 7919 % $rows) || hex(i), i % 997, i * 0.5 from n;
		create index item_name on item(name);
		create index item_grp on item(grp, amount);
		create table total as select grp, count(*) c, sum(amount) s, group_concat(name) g from item group by grp;
		update item set name = name || ' changed' where id % 3 = 0;
		delete from item where id % 5 = 0;
		select count(*), sum(t.s), max(a.name) from item a join total t on a.grp = t.grp where a.name > 'name 5';
		select sum(length(g)), max(g) from total;
		select grp, count(distinct name), min(amount) from item group by grp order by 2, 1 limit 20;
		vacuum;
		pragma integrity_check;
	END
}
once "$rows.sql" generate
measure sqlite3 -batch :memory: ".read '$data/$rows.sql'"
