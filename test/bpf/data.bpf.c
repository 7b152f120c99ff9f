// SPDX-License-Identifier: MIT
/* Global variables: every kind of type, in every kind of data section. */
#include "bpf.h"

enum colour {
	RED,
	GREEN = 5,
	BLUE = -1, /* makes the enumeration signed */
};

struct point {
	__s32 x;
	__s32 y;
};

struct shape {
	char name[8];
	enum colour colour;
	struct point corners[3];
	union {
		__u32 radius;
		__u16 sides[2];
	};
	union {
		__u64 whole;
		__u8 bytes[8];
	} payload;
};

struct flags {
	__u32 low : 3;
	__u32 middle : 12;
	__u32 high : 17;
	__s32 negative : 5;
	bool set : 1;
};

/* .rodata: set before loading, constant for the verifier. */
const volatile __u8 ro_u8 = 200;
const volatile __s8 ro_s8 = -100;
const volatile __u16 ro_u16 = 60000;
const volatile __s16 ro_s16 = -30000;
const volatile __u32 ro_u32 = 4000000000;
const volatile __s32 ro_s32 = -2000000000;
const volatile __u64 ro_u64 = 18000000000000000000ULL;
const volatile __s64 ro_s64 = -9000000000000000000LL;
const volatile bool ro_bool = true;
const volatile char ro_text[16] = "read only";
const volatile enum colour ro_colour = GREEN;
const volatile struct point ro_point = { .x = 3, .y = -4 };
static const volatile __u32 ro_static = 77;

/* .data: with an initial value. */
__u8 rw_u8 = 1;
__s8 rw_s8 = -1;
__u16 rw_u16 = 2;
__s16 rw_s16 = -2;
__u32 rw_u32 = 3;
__s32 rw_s32 = -3;
__u64 rw_u64 = 4;
__s64 rw_s64 = -4;
bool rw_bool = true;
char rw_char = 'c';
char rw_text[16] = "read and write";
enum colour rw_colour = BLUE;
struct shape rw_shape = {
	.name = "square",
	.colour = GREEN,
	.corners = { { 1, 2 }, { 3, 4 }, { -5, -6 } },
	.radius = 0x00020001,
	.payload.whole = 0x0807060504030201ULL,
};
struct point rw_points[2] = { { 10, 20 }, { 30, 40 } };
__u16 rw_grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
struct flags rw_flags = { .low = 5, .middle = 0xabc, .high = 0x1f00d, .negative = -7, .set = true };
static volatile __u32 rw_static = 88;

/* .bss: zero at first. The program copies the constants here. */
__u8 seen_u8;
__s8 seen_s8;
__u16 seen_u16;
__s16 seen_s16;
__u32 seen_u32;
__s32 seen_s32;
__u64 seen_u64;
__s64 seen_s64;
bool seen_bool;
char seen_text[16];
enum colour seen_colour;
struct point seen_point;
void *null_pointer;
__u32 seen_static;
__u64 runs;
static volatile __u32 zero_static;

/* Filled from a constant without a name, which the compiler puts in a section without BTF: .rodata.cst16. */
struct point seen_literal[2];

/* Sections of their own, each a map of its own. */
const volatile __u32 config_limit SEC(".rodata.config") = 10;
__u32 custom_data SEC(".data.custom") = 11;
__u32 custom_zero SEC(".bss.custom");

/* Copies the constants, adds one to every number in .data; returns how often it has run. */
SEC("socket")
int touch(void *ctx)
{
	seen_u8 = ro_u8;
	seen_s8 = ro_s8;
	seen_u16 = ro_u16;
	seen_s16 = ro_s16;
	seen_u32 = ro_u32;
	seen_s32 = ro_s32;
	seen_u64 = ro_u64;
	seen_s64 = ro_s64;
	seen_bool = ro_bool;
	for (int i = 0; i < (int)sizeof(seen_text); i++)
		seen_text[i] = ro_text[i];
	seen_colour = ro_colour;
	seen_point.x = ro_point.x;
	seen_point.y = ro_point.y;
	seen_static = ro_static;

	struct point literal[2] = { { 100, 200 }, { 300, 400 } };
	__builtin_memcpy(seen_literal, literal, sizeof(literal));

	rw_u8++;
	rw_s8++;
	rw_u16++;
	rw_s16++;
	rw_u32++;
	rw_s32++;
	rw_u64++;
	rw_s64++;
	rw_bool = !rw_bool;
	rw_char++;
	rw_text[0] = 'R';
	rw_colour = RED;
	rw_shape.corners[2].y++;
	rw_shape.payload.whole++;
	rw_points[1].x++;
	rw_grid[1][2]++;
	rw_flags.middle++;
	rw_flags.negative++;
	rw_static++;

	zero_static++;
	null_pointer = NULL;
	custom_data += config_limit;
	custom_zero++;
	return ++runs;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
