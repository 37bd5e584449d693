/*
 * loaded.c - the symbol tables of elf(5), and DT_GNU_HASH, which the GNU tools made:
 *
 *      buckets, first, words, shift | Bloom filter [words] | first of bucket [buckets] | hash, lowest bit: last [...]
 */
#include "os/loaded.h"

extern struct r_debug _r_debug __attribute__((weak));

/* Two tables of one object; neither is NULL when a name is compared. */
struct names {
	const ElfW(Sym) *symbols;
	const char *strings;
};

const struct link_map *loaded_first(void) { return &_r_debug == NULL ? NULL : _r_debug.r_map; }

/*
 * The loader has relocated the addresses in the tables, but not those of the vDSO. There they are small, or before
 * Linux 3.16 negative.
 */
static const void *table_of(const struct link_map *object, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *entry = object->l_ld; entry != NULL && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == tag) {
			intptr_t address = (intptr_t)entry->d_un.d_ptr, shift = (intptr_t)object->l_addr;
			return (const void *)(address < shift ? address + shift : address);
		}
	return NULL;
}

static bool is_named(const struct names *names, uint32_t index, const char *name)
{
	const char *at = names->strings + names->symbols[index].st_name;
	while (*at == *name && *name != '\0')
		at++, name++;
	return *at == *name;
}

/* The symbol's index, or 0. */
static uint32_t find_by_gnu_hash(const uint32_t *table, const struct names *names, const char *name)
{
	uint32_t count = table[0], first = table[1];
	const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *hashes = buckets + count;
	uint32_t hash = 5381;
	for (const char *at = name; *at != '\0'; at++)
		hash = hash * 33 + (unsigned char)*at;
	for (uint32_t i = count == 0 ? 0 : buckets[hash % count]; i >= first && i != 0; i++) {
		uint32_t here = hashes[i - first];
		if ((here | 1) == (hash | 1) && is_named(names, i, name))
			return i;
		if (here & 1)
			return 0;
	}
	return 0;
}

static uint32_t find_by_hash(const uint32_t *table, const struct names *names, const char *name)
{
	const uint32_t *buckets = table + 2, *chain = buckets + table[0];
	uint32_t hash = 0;
	for (const char *at = name; *at != '\0'; at++) {
		hash = (hash << 4) + (unsigned char)*at;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	uint32_t i = table[0] == 0 ? 0 : buckets[hash % table[0]];
	while (i != 0 && !is_named(names, i, name))
		i = chain[i];
	return i;
}

bool loaded_find(const struct link_map *object, const char *name, struct loaded_symbol *symbol)
{
	struct names names = {table_of(object, DT_SYMTAB), table_of(object, DT_STRTAB)};
	const uint32_t *gnu_hash = table_of(object, DT_GNU_HASH), *hash = table_of(object, DT_HASH);
	uint32_t index = 0;
	if (names.symbols == NULL || names.strings == NULL)
		return false;
	if (gnu_hash != NULL)
		index = find_by_gnu_hash(gnu_hash, &names, name);
	else if (hash != NULL)
		index = find_by_hash(hash, &names, name);
	const ElfW(Sym) *entry = &names.symbols[index];
	if (index == 0 || entry->st_value == 0)
		return false;
	symbol->address = object->l_addr + entry->st_value;
	symbol->is_defined = entry->st_shndx != SHN_UNDEF;
	return true;
}
