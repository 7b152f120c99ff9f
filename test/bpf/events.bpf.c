// SPDX-License-Identifier: MIT
/*
 * Records of a ring buffer with every kind of member. A test run emits `count` of them: record i has i, or a value
 * made of i, in every member.
 */
#include "bpf.h"

enum colour {
	RED,
	GREEN,
	BLUE,
};

struct point {
	__s16 x;
	__s16 y;
};

struct record {
	__u64 index;
	__s64 negative; /* -index */
	enum colour colour; /* index modulo 3 */
	__u8 small;
	bool odd;
	struct point point; /* index, -index */
	struct point path[2]; /* { index, 1 }, { index, 2 } */
	char name[16]; /* "record-" and a letter */
	__u32 numbers[3]; /* index, index + 1, index + 2 */
	__u32 low : 4;
	__u32 high : 28;
	__s32 signed_bits : 6; /* -(index modulo 32) */
	union {
		__u32 word; /* 0x01020304 */
		__u8 bytes[4];
	};
} __attribute__((aligned(8)));

/* `length` bytes follow, each of them `length`. */
struct tail {
	__u32 length;
	__u8 bytes[];
};

#define TAIL_MAX 16

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
	__type(value, struct record[0]);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct tail[0]);
} tails SEC(".maps");

/* How many records a run emits, at most 1024; where the next one starts to count; how many did not fit. */
__u32 count = 1;
__u64 next_index = 0;
__u32 dropped = 0;

/* Returns the number of records emitted. */
SEC("socket")
int emit(void *ctx)
{
	int emitted = 0;

	for (__u32 i = 0; i < 1024; i++) {
		if (i >= count)
			break;
		struct record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
		if (!record) {
			dropped++;
			continue;
		}
		__u64 index = next_index++;
		__builtin_memset(record, 0, sizeof(*record));
		record->index = index;
		record->negative = -index;
		record->colour = (__u32)index % 3;
		record->small = index;
		record->odd = index & 1;
		record->point.x = index;
		record->point.y = -index;
		record->path[0].x = index;
		record->path[0].y = 1;
		record->path[1].x = index;
		record->path[1].y = 2;
		__builtin_memcpy(record->name, "record-", 8);
		record->name[7] = 'a' + (__u32)index % 26;
		record->numbers[0] = index;
		record->numbers[1] = index + 1;
		record->numbers[2] = index + 2;
		record->low = index;
		record->high = index;
		record->signed_bits = -(index % 32);
		record->word = 0x01020304;
		bpf_ringbuf_submit(record, 0);
		emitted++;
	}
	return emitted;
}

/* Emits `count` records of growing length into `tails`, at most TAIL_MAX; returns their number. */
SEC("socket")
int emit_tails(void *ctx)
{
	__u32 buffer[1 + TAIL_MAX / 4];
	int emitted = 0;

	for (__u32 length = 0; length < TAIL_MAX; length++) {
		if (length >= count)
			break;
		__builtin_memset(buffer, length, sizeof(buffer));
		struct tail *tail = (void *)buffer;
		tail->length = length;
		if (bpf_ringbuf_output(&tails, tail, sizeof(*tail) + length, 0))
			dropped++;
		else
			emitted++;
	}
	return emitted;
}

/* Reserves a record and gives it back: the reader sees nothing of it. */
SEC("socket")
int discard(void *ctx)
{
	struct record *record = bpf_ringbuf_reserve(&records, sizeof(*record), 0);
	if (!record)
		return 0;
	bpf_ringbuf_discard(record, 0);
	return 1;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
