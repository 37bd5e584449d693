<?php
// Arrays of arrays, strings, objects and JSON: filled, grouped, sorted, thrown away.
class Item {
	public function __construct(public int $id, public string $name, public array $parts) {}
}
$count = (int)$argv[1];
$state = 12345;
function next_random(int $bound): int {
	global $state;
	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return $state % $bound;
}
$index = [];
for ($i = 0; $i < $count; $i++) {
	$name = "item " . next_random($count);
	$index[$name] = new Item($i, $name, ["part $i", ["deep" => next_random(100)], str_repeat("x", next_random(100))]);
	if ($i % 3 == 0)
		unset($index["item " . next_random($count)]);
}
$groups = [];
foreach ($index as $item)
	$groups[$item->id % 1000][] = strrev($item->name) . implode(",", array_keys($item->parts));
ksort($groups);
$text = json_encode($groups);
$again = json_decode($text, true);
$words = array_count_values(explode(",", str_replace('"', ",", $text)));
asort($words);
echo count($index), " ", count($words), " ", crc32($text), " ", crc32(json_encode($again)), "\n";
