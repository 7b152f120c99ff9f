/* SPDX-License-Identifier: MIT */
/* The rows of each file; each list ends with a row without a name. */
#ifndef ROWS_H
#define ROWS_H

#include "contestant.h"

extern const struct row element_rows[];
extern const struct row memory_rows[];
extern const struct row ring_rows[];
extern const struct row kallsyms_rows[];

#endif
