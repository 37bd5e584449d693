/*
 * factor.c - the continued-fraction method of factorisation (Morrison and Brillhart 1975) on numbers that are each a
 * block of their own: many small blocks that die at once, as in the program "cfrac" of Zorn's and Grunwald's suite.
 *
 * For N the expansion of sqrt(N) gives A(k)^2 = (-1)^(k+1) Q(k+1) mod N; each Q is divided by small primes, and the
 * smooth ones are counted. Numbers are immutable: each operation allocates its result and the caller frees it. Each
 * 64th relation is verified. One operation is one term of the expansion.
 */
#include "../lib/load.h"

enum { TERMS = 480000, PRIMES = 40, VERIFY_EVERY = 64, BITS = 32 };

/* The value is the sum of limb[i] * 2^(32 i); the topmost limb is not 0. */
struct number {
	int length;
	uint32_t limb[];
};

static struct number *number_new(int length)
{
	struct number *number = load_alloc(sizeof *number + (size_t)length * sizeof number->limb[0]);
	number->length = length;
	return number;
}

static struct number *trimmed(struct number *number)
{
	while (number->length > 0 && number->limb[number->length - 1] == 0)
		number->length--;
	return number;
}

static struct number *from_small(uint32_t value)
{
	struct number *number = number_new(1);
	number->limb[0] = value;
	return trimmed(number);
}

static int compare(const struct number *a, const struct number *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	for (int i = a->length - 1; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

static struct number *add(const struct number *a, const struct number *b)
{
	int length = (a->length > b->length ? a->length : b->length) + 1;
	struct number *sum = number_new(length);
	uint64_t carry = 0;
	for (int i = 0; i < length; i++) {
		carry += i < a->length ? a->limb[i] : 0;
		carry += i < b->length ? b->limb[i] : 0;
		sum->limb[i] = (uint32_t)carry;
		carry >>= BITS;
	}
	return trimmed(sum);
}

/* a - b, which is not negative. */
static struct number *subtract(const struct number *a, const struct number *b)
{
	struct number *difference = number_new(a->length);
	int64_t borrow = 0;
	for (int i = 0; i < a->length; i++) {
		borrow += a->limb[i];
		borrow -= i < b->length ? b->limb[i] : 0;
		difference->limb[i] = (uint32_t)borrow;
		borrow >>= BITS;
	}
	load_check(borrow == 0, "a difference is negative");
	return trimmed(difference);
}

static struct number *multiply(const struct number *a, const struct number *b)
{
	struct number *product = number_new(a->length + b->length);
	memset(product->limb, 0, (size_t)product->length * sizeof product->limb[0]);
	for (int i = 0; i < a->length; i++) {
		uint64_t carry = 0;
		for (int k = 0; k < b->length; k++) {
			carry += (uint64_t)a->limb[i] * b->limb[k] + product->limb[i + k];
			product->limb[i + k] = (uint32_t)carry;
			carry >>= BITS;
		}
		product->limb[i + b->length] = (uint32_t)carry;
	}
	return trimmed(product);
}

/* a / divisor; the remainder goes to *remainder. */
static struct number *divide_small(const struct number *a, uint32_t divisor, uint32_t *remainder)
{
	struct number *quotient = number_new(a->length);
	uint64_t rest = 0;
	for (int i = a->length - 1; i >= 0; i--) {
		rest = rest << BITS | a->limb[i];
		quotient->limb[i] = (uint32_t)(rest / divisor);
		rest %= divisor;
	}
	*remainder = (uint32_t)rest;
	return trimmed(quotient);
}

/* `a` times 2^shift (below 32), with one limb more. */
static struct number *shifted(const struct number *a, int shift)
{
	struct number *result = number_new(a->length + 1);
	uint64_t carry = 0;
	for (int i = 0; i < a->length; i++) {
		carry |= (uint64_t)a->limb[i] << shift;
		result->limb[i] = (uint32_t)carry;
		carry >>= BITS;
	}
	result->limb[a->length] = (uint32_t)carry;
	return result;
}

/* rest -= digit * divisor * 2^(32 at); tells whether it became negative. */
static bool subtract_multiple(struct number *rest, const struct number *divisor, uint64_t digit, int at)
{
	int64_t borrow = 0;
	uint64_t carry = 0;
	for (int i = 0; i <= divisor->length; i++) {
		carry += i < divisor->length ? digit * divisor->limb[i] : 0;
		borrow += (int64_t)rest->limb[at + i] - (int64_t)(uint32_t)carry;
		rest->limb[at + i] = (uint32_t)borrow;
		carry >>= BITS;
		borrow >>= BITS;
	}
	return borrow < 0;
}

/* rest += divisor * 2^(32 at); tells whether it became positive again. */
static bool add_back(struct number *rest, const struct number *divisor, int at)
{
	uint64_t carry = 0;
	for (int i = 0; i <= divisor->length; i++) {
		carry += (uint64_t)rest->limb[at + i] + (i < divisor->length ? divisor->limb[i] : 0);
		rest->limb[at + i] = (uint32_t)carry;
		carry >>= BITS;
	}
	return carry != 0;
}

/* a / b, by Knuth's algorithm D (volume 2, 4.3.1), for b of two limbs or more. */
static struct number *divide_long(const struct number *a, const struct number *b)
{
	int shift = __builtin_clz(b->limb[b->length - 1]);
	struct number *divisor = trimmed(shifted(b, shift));
	struct number *rest = shifted(a, shift);
	int digits = rest->length - divisor->length;
	struct number *quotient = number_new(digits);
	for (int at = digits - 1; at >= 0; at--) {
		uint64_t top = (uint64_t)rest->limb[at + divisor->length] << BITS | rest->limb[at + divisor->length - 1];
		uint64_t digit = top / divisor->limb[divisor->length - 1];
		if (digit > UINT32_MAX)
			digit = UINT32_MAX;
		bool negative = subtract_multiple(rest, divisor, digit, at);
		while (negative) {
			negative = !add_back(rest, divisor, at);
			digit--;
		}
		quotient->limb[at] = (uint32_t)digit;
	}
	free(divisor);
	free(rest);
	return trimmed(quotient);
}

static struct number *divide(const struct number *a, const struct number *b)
{
	uint32_t remainder;
	if (compare(a, b) < 0)
		return from_small(0);
	return b->length == 1 ? divide_small(a, b->limb[0], &remainder) : divide_long(a, b);
}

static struct number *modulo(const struct number *a, const struct number *b)
{
	struct number *quotient = divide(a, b);
	struct number *product = multiply(quotient, b);
	struct number *result = subtract(a, product);
	load_check(compare(result, b) < 0, "a remainder is too large");
	free(quotient);
	free(product);
	return result;
}

/* The variable takes a new value; the old one dies. */
static void replace(struct number **variable, struct number *value)
{
	free(*variable);
	*variable = value;
}

/* Newton's method, from above. */
static struct number *square_root(const struct number *n)
{
	struct number *root = number_new(n->length / 2 + 2);
	memset(root->limb, 0, (size_t)root->length * sizeof root->limb[0]);
	root->limb[root->length - 1] = 1;
	for (;;) {
		uint32_t remainder;
		struct number *quotient = divide(n, root);
		struct number *sum = add(root, quotient);
		struct number *next = divide_small(sum, 2, &remainder);
		free(quotient);
		free(sum);
		if (compare(next, root) >= 0) {
			free(next);
			return root;
		}
		replace(&root, next);
	}
}

static const uint32_t primes[PRIMES] = {
	2,  3,  5,  7,  11, 13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
	73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173,
};

/* Divides out the small primes; whether the cofactor is one limb at most. */
static bool is_nearly_smooth(const struct number *number)
{
	struct number *rest = add(number, &(struct number){0});
	for (int i = 0; i < PRIMES; i++) {
		uint32_t remainder;
		struct number *quotient = divide_small(rest, primes[i], &remainder);
		while (remainder == 0 && rest->length > 0) {
			replace(&rest, quotient);
			quotient = divide_small(rest, primes[i], &remainder);
		}
		free(quotient);
	}
	bool smooth = rest->length <= 1;
	free(rest);
	return smooth;
}

/* The expansion's state: (P + sqrt N) / Q with its term a = (root + P) / Q, and A(k-1), A(k) mod N. */
struct expansion {
	struct number *n, *root, *p, *q, *term, *before, *convergent;
};

static struct expansion expansion_begin(struct number *n)
{
	struct number *root = square_root(n);
	struct number *copy = add(root, &(struct number){0});
	struct number *again = add(root, &(struct number){0});
	return (struct expansion){n, root, from_small(0), from_small(1), copy, from_small(1), again};
}

static void expansion_end(struct expansion *e)
{
	struct number *all[] = {e->n, e->root, e->p, e->q, e->term, e->before, e->convergent};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		free(all[i]);
}

/* P = a Q - P; Q = (N - P^2) / Q; a = (root + P) / Q. */
static void next_term(struct expansion *e)
{
	struct number *product = multiply(e->term, e->q);
	replace(&e->p, subtract(product, e->p));
	replace(&product, multiply(e->p, e->p));
	struct number *difference = subtract(e->n, product);
	replace(&e->q, divide(difference, e->q));
	free(difference);
	replace(&product, add(e->root, e->p));
	replace(&e->term, divide(product, e->q));
	free(product);
}

/* A(k+1) = a A(k) + A(k-1) mod N. */
static void next_convergent(struct expansion *e)
{
	struct number *product = multiply(e->term, e->convergent);
	struct number *sum = add(product, e->before);
	replace(&e->before, e->convergent);
	e->convergent = modulo(sum, e->n);
	free(product);
	free(sum);
}

/* A(k)^2 + or - Q(k+1) is a multiple of N. */
static void verify(const struct expansion *e, size_t term)
{
	struct number *square = multiply(e->convergent, e->convergent);
	struct number *rest = modulo(square, e->n);
	struct number *q = term % 2 == 0 ? subtract(e->n, e->q) : add(e->q, &(struct number){0});
	load_check(compare(rest, q) == 0, "a relation does not hold");
	free(square);
	free(rest);
	free(q);
}

static struct number *random_odd(int limbs, uint64_t *random)
{
	struct number *number = number_new(limbs);
	for (int i = 0; i < limbs; i++)
		number->limb[i] = bench_random(random) | 1;
	return number;
}

int main(void)
{
	uint64_t random = load_seed(0);
	size_t terms = load_work(TERMS), smooth = 0;
	uint64_t begin = bench_now_ns();
	struct expansion e = expansion_begin(random_odd(4, &random));
	for (size_t term = 0; term < terms; term++) {
		next_term(&e);
		if (term % VERIFY_EVERY < 2)
			verify(&e, term);
		smooth += is_nearly_smooth(e.q);
		next_convergent(&e);
	}
	expansion_end(&e);
	load_report(begin, (double)terms);
	bench_report("smooth", (double)smooth);
	return 0;
}
