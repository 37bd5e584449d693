# php.sh - PHP arrays, strings and objects, with its own allocator switched off: each is a block from malloc.
. "${0%/*}/common.sh"
need php php-cli
export USE_ZEND_ALLOC=0
measure php -n -d memory_limit=-1 -f "$input/php.php" "$(amount 150000 40000)"
