# PHP, on its own allocator and then on malloc alone (USE_ZEND_ALLOC=0). It opens its extensions with RTLD_DEEPBIND,
# which makes them prefer libc's malloc to a preloaded one; objects they allocate are freed by PHP and the other way
# round, in which every other replacement aborts. So extensions that are shared objects do much of the work here.

needs=(php)
probe=(php -r "echo ctype_alpha('x');")

workload() {
	for zend in 1 0; do
		rm -f words.tar
		USE_ZEND_ALLOC=$zend php -d phar.readonly=0 -f "$input/php.php"
	done
}
