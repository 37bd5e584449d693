/*
 * loaded.c - see loaded.h. The tables are those of elf(5), and DT_GNU_HASH, which the GNU tools made:
 *
 *      buckets, first, words, shift | Bloom filter [words] | first of bucket [buckets] | hash, lowest bit: last [...]
 */
#include "os/loaded.h"

#include <stddef.h>
#include <string.h>

extern struct r_debug _r_debug __attribute__((weak));

struct tables {
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash;
	const uint32_t *hash;
};

const struct link_map *loaded_first(void) { return &_r_debug == NULL ? NULL : _r_debug.r_map; }

/* The loader has relocated what stands in the table, but not in the kernel's own object. */
static const void *address_in(const struct link_map *object, ElfW(Addr) address)
{
	return (const void *)(address < object->l_addr ? address + object->l_addr : address);
}

static struct tables tables_of(const struct link_map *object)
{
	struct tables tables = {NULL, NULL, NULL, NULL};
	for (const ElfW(Dyn) *entry = object->l_ld; entry != NULL && entry->d_tag != DT_NULL; entry++) {
		const void *address = address_in(object, entry->d_un.d_ptr);
		if (entry->d_tag == DT_SYMTAB)
			tables.symbols = address;
		else if (entry->d_tag == DT_STRTAB)
			tables.strings = address;
		else if (entry->d_tag == DT_GNU_HASH)
			tables.gnu_hash = address;
		else if (entry->d_tag == DT_HASH)
			tables.hash = address;
	}
	return tables;
}

static bool is_named(const struct tables *tables, uint32_t index, const char *name)
{
	return strcmp(tables->strings + tables->symbols[index].st_name, name) == 0;
}

/* The symbol's index, or 0. */
static uint32_t find_by_gnu_hash(const struct tables *tables, const char *name)
{
	const uint32_t *table = tables->gnu_hash;
	uint32_t count = table[0], first = table[1];
	const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *hashes = buckets + count;
	uint32_t hash = 5381;
	for (const char *at = name; *at != '\0'; at++)
		hash = hash * 33 + (unsigned char)*at;
	for (uint32_t i = count == 0 ? 0 : buckets[hash % count]; i >= first && i != 0; i++) {
		uint32_t here = hashes[i - first];
		if ((here | 1) == (hash | 1) && is_named(tables, i, name))
			return i;
		if (here & 1)
			return 0;
	}
	return 0;
}

static uint32_t find_by_hash(const struct tables *tables, const char *name)
{
	const uint32_t *buckets = tables->hash + 2, *chain = buckets + tables->hash[0];
	uint32_t hash = 0;
	for (const char *at = name; *at != '\0'; at++) {
		hash = (hash << 4) + (unsigned char)*at;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	uint32_t i = tables->hash[0] == 0 ? 0 : buckets[hash % tables->hash[0]];
	while (i != 0 && !is_named(tables, i, name))
		i = chain[i];
	return i;
}

bool loaded_find(const struct link_map *object, const char *name, struct loaded_symbol *symbol)
{
	struct tables tables = tables_of(object);
	uint32_t index = 0;
	if (tables.symbols == NULL || tables.strings == NULL)
		return false;
	if (tables.gnu_hash != NULL)
		index = find_by_gnu_hash(&tables, name);
	else if (tables.hash != NULL)
		index = find_by_hash(&tables, name);
	const ElfW(Sym) *found = &tables.symbols[index];
	if (index == 0 || found->st_value == 0)
		return false;
	symbol->address = object->l_addr + found->st_value;
	symbol->is_defined = found->st_shndx != SHN_UNDEF;
	return true;
}
