/**
 * Facts about a BTF object, and its bytes.
 *
 * Source: kernel/bpf/btf.c `btf_get_info_by_fd`.
 *
 * @module
 */

import { closeSync, fstatSync, openSync } from 'node:fs'
import { btfInfo } from '../../abi/generated/layouts.ts'
import { unlessRefused } from '../../base/errors.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { InfoReader } from '../../syscalls/info-reader.ts'
import { pageSize, SharedMapping } from '../../syscalls/mmap.ts'

/** More than the longest name of a module. Source: include/linux/module.h `MODULE_NAME_LEN`. */
const NAME_SIZE = 64
/** Id of vmlinux, unless a program or map came before the kernel read its own types. */
const FIRST_ID = 1

/** Facts about a BTF object. */
export interface BtfObjectInfo {
  /** Id, unique until the next boot. */
  id: number
  /** `'vmlinux'`, the name of a module, or `''` for BTF that was loaded with `BPF_BTF_LOAD`. Since Linux 5.11. */
  name: string
  /** Whether it is of the kernel or one of its modules. Since Linux 5.11. */
  kernel: boolean
  /** Bytes of raw BTF. */
  size: number
}

/**
 * Reads the facts of the BTF object with this descriptor.
 *
 * @throws BpfError when the kernel refuses
 */
export function readBtfInfo(fd: number): BtfObjectInfo {
  const reader = new InfoReader(fd, btfInfo.$size, 'BTF')
  const named = reader.knows(btfInfo.name)
  return {
    id: reader.u32(btfInfo.id),
    name: named ? reader.string(btfInfo.name, btfInfo.name_len, NAME_SIZE) : '',
    kernel: reader.u32(btfInfo.kernel_btf) !== 0,
    size: reader.u32(btfInfo.btf_size),
  }
}

/**
 * The bytes of a BTF object.
 *
 * @throws BpfError when they cannot be read
 */
export function readRawBtf(fd: number): Uint8Array<ArrayBuffer> {
  const reader = new InfoReader(fd, btfInfo.$size, 'BTF')
  const size = reader.u32(btfInfo.btf_size)
  return reader.buffers(size, 1, btfInfo.btf_size, [btfInfo.btf]).buffers[0]!.bytes
}

/**
 * The bytes of the kernel's own BTF, in one copy (5.11, needs CAP_SYS_ADMIN); its file in sysfs gives one page for each
 * system call. `undefined` where it cannot be had so.
 */
export function copyKernelBtf(): Uint8Array<ArrayBuffer> | undefined {
  // Refused without a backend too, although the file needs none.
  return unlessRefused(() => {
    const result = bpf('btf_get_fd_by_id', { btf_id: FIRST_ID })
    if (result < 0) return undefined
    using fd = OwnedFd.adopt(result, 'BTF of the kernel')
    const { name, kernel } = readBtfInfo(fd.fd)
    return kernel && name === 'vmlinux' ? readRawBtf(fd.fd) : undefined
  })
}

/**
 * The bytes of a file of the kernel's BTF where they lie in the kernel, without a copy (6.16); they must not be written.
 * `undefined` where the file cannot be mapped.
 *
 * Source: kernel/bpf/sysfs_btf.c `btf_sysfs_vmlinux_mmap`.
 */
export function mapKernelBtf(path: string): Uint8Array | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const { size } = fstatSync(fd)
    const length = Math.ceil(size / pageSize()) * pageSize()
    const region = { offset: 0, length, access: 'read', private: true, fd, fileOffset: 0 } as const
    return new Uint8Array(SharedMapping.create(length, [region]).buffer, 0, size)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
