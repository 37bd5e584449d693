/* libmalloc/module.h: what a module uses besides the allocator. */
#include <libmalloc/kernel.h>
#include <libmalloc/module.h>

#include <unistd.h>

#include "check.h"

static int jobs = 3;
module_param(jobs, int, 0644);
module_param_named(other_name, jobs, int, 0);
MODULE_PARM_DESC(jobs, "how many");
MODULE_LICENSE("GPL");

static void errors(void)
{
	void *error = ERR_PTR(-ENOMEM);
	check(IS_ERR(error) && PTR_ERR(error) == -ENOMEM && IS_ERR_OR_NULL(error) && IS_ERR_OR_NULL(NULL));
	check(IS_ERR(ERR_PTR(-MAX_ERRNO)) && !IS_ERR(ERR_PTR(-MAX_ERRNO - 1)) && !IS_ERR(NULL) && !IS_ERR(&jobs));
	check(ERR_CAST(error) == error && PTR_ERR_OR_ZERO(error) == -ENOMEM && PTR_ERR_OR_ZERO(&jobs) == 0);
	check(IS_ERR_VALUE(-5L) && !IS_ERR_VALUE(5L));
}

static void numbers(void)
{
	int i = 3;
	long wide = 256;
	check(min_t(long, 3, -1) == -1 && max_t(unsigned char, 7, wide) == 7 && clamp_t(int, 12, 0, 10) == 10);
	check(max_t(int, i++, 2) == 3 && i == 4);
#ifndef __cplusplus
	check(min(i, 9) == 4 && max(i, 9) == 9 && min(i++, 9) == 4 && i == 5 && clamp(i, 7, 9) == 7);
	check(min(2, max(4, 3)) == 2);
#endif
}

/* Each message goes to standard error, here a temporary file. The forms with ONCE print once. */
static void warnings(void)
{
	char said[1000] = "";
	FILE *aside = tmpfile();
	int i, held = 0, stderr_was = dup(2);
	check(aside != NULL && dup2(fileno(aside), 2) == 2);
	for (i = 0; i < 3; i++) {
		held += WARN_ON_ONCE(i > 0);
		held += WARN_ONCE(i > 0, "job %d\n", i);
		held += WARN_ON_ONCE(i > 5);
	}
	held += WARN(jobs == 3, "all of %d\n", jobs);
	check(dup2(stderr_was, 2) == 2);
	rewind(aside);
	check(fread(said, 1, sizeof(said) - 1, aside) > 0);
	check(held == 5 && strstr(said, "job 1\n") != NULL && strstr(said, "job 2") == NULL);
	check(strstr(strstr(strstr(said, "WARNING") + 1, "WARNING") + 1, "WARNING") != NULL);
	check(strstr(said, "all of 3\n") != NULL);
}

static int begin(void)
{
	BUILD_BUG_ON(sizeof(u64) != 8);
	BUILD_BUG_ON_MSG(sizeof(u8) != 1, "a byte");
	check(THIS_MODULE == NULL);
	errors();
	numbers();
	warnings();
	return 0;
}

module_init(begin);
