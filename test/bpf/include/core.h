/* SPDX-License-Identifier: MIT */
/*
 * CO-RE: questions about the running kernel's types, which the loader answers by patching instructions.
 * The numbers are the second arguments of clang's builtins; names as in libbpf's bpf_core_read.h.
 */
#ifndef EBPF_TS_CORE_H
#define EBPF_TS_CORE_H

#include "bpf.h"

/* Every access to a member of the struct is relocated. */
#define __core __attribute__((preserve_access_index))

/* About a member, given as an expression: `task->pid`. */
#define bpf_core_field_offset(field) __builtin_preserve_field_info(field, 0)
#define bpf_core_field_size(field) __builtin_preserve_field_info(field, 1)
#define bpf_core_field_exists(field) __builtin_preserve_field_info(field, 2)
#define bpf_core_field_signed(field) __builtin_preserve_field_info(field, 3)
#define bpf_core_field_lshift_u64(field) __builtin_preserve_field_info(field, 4)
#define bpf_core_field_rshift_u64(field) __builtin_preserve_field_info(field, 5)

/* About a type: `struct task_struct`. */
#define bpf_core_type_id_local(type) __builtin_btf_type_id(*(typeof(type) *)0, 0)
#define bpf_core_type_id_kernel(type) __builtin_btf_type_id(*(typeof(type) *)0, 1)
#define bpf_core_type_exists(type) __builtin_preserve_type_info(*(typeof(type) *)0, 0)
#define bpf_core_type_size(type) __builtin_preserve_type_info(*(typeof(type) *)0, 1)
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*(typeof(type) *)0, 2)

/* About an enumerator: `enum pid_type, PIDTYPE_TGID`. */
#define bpf_core_enum_value_exists(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 0)
#define bpf_core_enum_value(type, value) __builtin_preserve_enum_value(*(typeof(type) *)value, 1)

/* The address of a member, for a helper that reads kernel memory. */
#define bpf_core_addr(field) __builtin_preserve_access_index(&(field))

/* Copies `src`, an expression naming a member, to `*dst`; 0 or a negative errno. */
#define bpf_core_read(dst, size, src) bpf_probe_read_kernel(dst, size, bpf_core_addr(*(src)))

#endif
