/**
 * `struct_ops` maps: their one value is of a type of the kernel's BTF or a module's, not of the object's.
 *
 * Source: kernel/bpf/bpf_struct_ops.c `bpf_struct_ops_map_alloc`; libbpf `bpf_object__create_map`.
 *
 * @module
 */

import { BPF_F_VTYPE_BTF_OBJ_FD } from '../../abi/generated/flags.ts'
import type { AttrFields } from '../../syscalls/attr.ts'

/** The type of a `struct_ops` map's value, which is one of the kernel's. Since Linux 5.6. */
export interface KernelValueType {
  /** Its id in the BTF of the kernel or of a module. */
  readonly valueTypeId: number
  /** Descriptor of the module's BTF (Linux 6.9); `undefined` for the kernel itself. */
  readonly moduleFd: number | undefined
}

/**
 * The fields of `BPF_MAP_CREATE` for a value of a kernel type.
 *
 * @param fields of the map without types
 * @param btfFd the object's BTF in the kernel
 */
export function kernelValueFields(
  fields: AttrFields<'map_create'>,
  { valueTypeId, moduleFd }: KernelValueType,
  btfFd: number | undefined,
): AttrFields<'map_create'> {
  const typed = { ...fields, btf_fd: btfFd, btf_vmlinux_value_type_id: valueTypeId }
  if (moduleFd === undefined) return typed
  const map_flags = Number(fields.map_flags) | BPF_F_VTYPE_BTF_OBJ_FD
  return { ...typed, map_flags, value_type_btf_obj_fd: moduleFd }
}
