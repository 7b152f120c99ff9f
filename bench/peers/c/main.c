// SPDX-License-Identifier: MIT
/* The contestant "c": raw system calls and memory. libbpf only loads objects, outside of the clock. */
#include <stdlib.h>
#include <string.h>

#include "object.h"
#include "rows.h"

int main(int argc, char **argv)
{
	static const struct row *const lists[] = { element_rows, memory_rows, ring_rows, kallsyms_rows };
	static struct row rows[64];
	unsigned int count = 0;

	for (unsigned int i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		for (const struct row *row = lists[i]; row->name; row++)
			rows[count++] = *row;
	}
	libbpf_set_print(NULL);
	return contestant(argc, argv, "Linux", rows);
}
