// SPDX-License-Identifier: MIT
/* Rows of the kernel's symbols. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rows.h"

#define LOOKUPS 1000
/* Digits of an address, then a space, the type, a space. */
#define NAME_AT 19

struct symbol {
	uint64_t address;
	const char *name;
};

struct symbols {
	char *text;
	struct symbol *list; /* by address */
	struct symbol *by_name;
	unsigned long count;
	uint64_t vfs_read;
};

static int compare_addresses(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static int compare_names(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void read_text(struct symbols *symbols, unsigned long *size)
{
	unsigned long capacity = 16 << 20;
	int fd = open("/proc/kallsyms", O_RDONLY);
	long got;

	if (fd < 0)
		fail("cannot open /proc/kallsyms");
	symbols->text = malloc(capacity);
	for (*size = 0; (got = read(fd, symbols->text + *size, capacity - *size - 1)) > 0;) {
		*size += got;
		if (capacity - *size < 1 << 20)
			symbols->text = realloc(symbols->text, capacity *= 2);
	}
	symbols->text[*size] = 0;
	close(fd);
}

static uint64_t parse_address(const char *digits)
{
	uint64_t address = 0;

	for (int i = 0; i < 16; i++)
		address = address << 4 | (digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
	return address;
}

/* Names end with a NUL afterwards. */
static void parse(struct symbols *symbols)
{
	unsigned long size, capacity = 1 << 18, sorted = 1;

	read_text(symbols, &size);
	symbols->list = malloc(capacity * sizeof(*symbols->list));
	symbols->count = 0;
	for (char *line = symbols->text; line < symbols->text + size;) {
		struct symbol *symbol;
		char *end = strchr(line, '\n'), *tab;

		if (symbols->count == capacity)
			symbols->list = realloc(symbols->list, (capacity *= 2) * sizeof(*symbols->list));
		symbol = &symbols->list[symbols->count++];
		symbol->address = parse_address(line);
		symbol->name = line + NAME_AT;
		*end = 0;
		/* Before the module. */
		tab = memchr(symbol->name, '\t', end - symbol->name);
		if (tab)
			*tab = 0;
		if (symbols->count > 1 && symbol[-1].address > symbol->address)
			sorted = 0;
		line = end + 1;
	}
	if (!sorted)
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), compare_addresses);
}

/* The last symbol that starts at or before an address. */
static struct symbol *by_address(struct symbols *symbols, uint64_t address)
{
	unsigned long low = 0, high = symbols->count;

	while (low < high) {
		unsigned long middle = (low + high) / 2;

		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &symbols->list[low - 1] : NULL;
}

static struct symbol *scan(struct symbols *symbols, const char *name)
{
	for (unsigned long i = 0; i < symbols->count; i++) {
		if (!strcmp(symbols->list[i].name, name))
			return &symbols->list[i];
	}
	return NULL;
}

static void *find_address(const struct row *row)
{
	struct symbols *symbols = allocate(sizeof(*symbols));
	struct symbol *found;

	(void)row;
	parse(symbols);
	found = scan(symbols, "vfs_read");
	if (!found || !found->address)
		skip("the kernel hides its addresses");
	symbols->vfs_read = found->address;
	free(symbols->text);
	free(symbols->list);
	return symbols;
}

static void first(void *state, struct sample *sample)
{
	struct symbols *symbols = state;
	struct symbol *at, *named;
	double start = now();

	parse(symbols);
	at = by_address(symbols, symbols->vfs_read + 4);
	named = scan(symbols, "vfs_write");
	sample->ns = now() - start;
	sample->ops = 1;
	if (!at || at->address != symbols->vfs_read || !named || !named->address)
		fail("a symbol was not found");
}

static void *open_symbols(const struct row *row)
{
	struct symbols *symbols = allocate(sizeof(*symbols));

	(void)row;
	parse(symbols);
	if (!symbols->list[symbols->count - 1].address)
		skip("the kernel hides its addresses");
	symbols->by_name = malloc(symbols->count * sizeof(*symbols->list));
	memcpy(symbols->by_name, symbols->list, symbols->count * sizeof(*symbols->list));
	qsort(symbols->by_name, symbols->count, sizeof(*symbols->list), compare_names);
	return symbols;
}

static double address_to_symbol(void *state)
{
	struct symbols *symbols = state;
	unsigned long step = symbols->count / LOOKUPS;
	int missing = 0;
	double start = now();

	for (int i = 0; i < LOOKUPS; i++) {
		uint64_t address = symbols->list[i * step].address;
		struct symbol *found = by_address(symbols, address);

		missing += !found || found->address != address;
	}
	double time = now() - start;
	if (missing)
		fail("%d addresses have no symbol", missing);
	return time;
}

static double name_to_address(void *state)
{
	struct symbols *symbols = state;
	unsigned long step = symbols->count / LOOKUPS;
	int missing = 0;
	double start = now();

	for (int i = 0; i < LOOKUPS; i++) {
		struct symbol *found = bsearch(&symbols->list[i * step], symbols->by_name, symbols->count,
					       sizeof(*symbols->list), compare_names);

		missing += !found || !found->address;
	}
	double time = now() - start;
	if (missing)
		fail("%d names have no address", missing);
	return time;
}

const struct row kallsyms_rows[] = {
	{ .name = "kallsyms-first", .setup = find_address, .sweep = first },
	{ .name = "kallsyms-addr", .setup = open_symbols, .round = address_to_symbol, .operations = LOOKUPS },
	{ .name = "kallsyms-name", .setup = open_symbols, .round = name_to_address, .operations = LOOKUPS },
	{},
};
