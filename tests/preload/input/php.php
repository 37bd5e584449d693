<?php
// The work of programs/php.sh, which says what it is for.

foreach (["ctype", "tokenizer", "iconv", "posix", "fileinfo", "phar"] as $x) echo $x, extension_loaded($x), "\n";
mt_srand(4);
$words = [];
for ($i = 0; $i < 60000; $i++) $words[] = substr(md5((string) mt_rand()), 0, mt_rand(2, 5));
$count = array_count_values($words);
ksort($count, SORT_STRING); arsort($count);
echo hash("sha256", serialize($count)), "\n";
$text = implode(" ", $words);
echo hash("sha256", preg_replace_callback('/\b([a-f]\w+)/', fn($m) => strtoupper($m[1]), $text)), "\n";
echo count(array_filter($words, 'ctype_alpha')), " ", count(array_filter($words, 'ctype_digit')), "\n";
echo hash("sha256", json_encode(json_decode(json_encode(array_chunk($words, 7)), true))), "\n";
$code = "<?php\n" . str_repeat('function f($a) { return [$a, "x{$a}" => strlen($a)]; } // c' . "\n", 3000);
$tokens = PhpToken::tokenize($code);
echo count($tokens), " ", hash("sha256", implode("", array_map(fn($t) => $t->text, $tokens))), "\n";
for ($i = 0; $i < 2000; $i++) $wide = iconv("UTF-8", "UTF-16LE", str_repeat("äöü$i", $i % 100));
echo hash("sha256", iconv("UTF-16LE", "UTF-8", $wide)), "\n";
$info = new finfo(FILEINFO_MIME_TYPE);
echo $info->buffer("%PDF-1.4 x"), $info->buffer("\x89PNG\r\n\x1a\n"), $info->file("/bin/true"), "\n";
ini_set("phar.readonly", "0");
$phar = new PharData("words.tar");
foreach (array_chunk($words, 2000) as $i => $chunk) $phar["part$i.txt"] = implode("\n", $chunk);
unset($phar);
foreach (new PharData("words.tar") as $f) $back[$f->getFilename()] = hash_file("crc32b", $f->getPathname());
ksort($back); echo hash("sha256", serialize($back)), "\n";
echo posix_getpwnam("root")["dir"], " ", count(posix_times()), "\n";
$slots = [];
for ($i = 0; $i < 300000; $i++) $slots[mt_rand(0, 3000)] = str_repeat(chr(65 + $i % 26), mt_rand(1, 800));
ksort($slots); echo hash("sha256", implode("", $slots)), "\n";
