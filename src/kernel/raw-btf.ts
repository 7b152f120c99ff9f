/**
 * What the kernel tells of a BTF object, and its bytes.
 *
 * Source: kernel/bpf/btf.c `btf_get_info_by_fd`.
 *
 * @module
 */

import { closeSync, fstatSync, openSync } from 'node:fs'
import { btfInfo } from '../abi/generated/layouts.ts'
import { cString } from '../base/bytes.ts'
import { errnoName } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate } from '../syscalls/memory.ts'
import { pageSize, SharedMapping } from '../syscalls/mmap.ts'
import { failure } from './failure.ts'

const NAME_SIZE = 64
/** Id of vmlinux, unless a program or map came before the kernel read its own types. */
const FIRST_ID = 1

/** What the kernel says of a BTF object. */
export interface BtfObjectInfo {
  /** Id, unique until the next boot. */
  id: number
  /** `'vmlinux'`, the name of a module, or `''` for BTF that was loaded with `BPF_BTF_LOAD` (5.11). */
  name: string
  /** Whether it is of the kernel or one of its modules (5.11). */
  kernel: boolean
  /** Bytes of raw BTF. */
  size: number
}

/**
 * Facts about a BTF object.
 *
 * @throws BpfError when the kernel does not tell
 */
export function readBtfInfo(fd: number): BtfObjectInfo {
  const name = allocate(NAME_SIZE)
  const info = allocate(btfInfo.$size)
  info.view.setBigUint64(btfInfo.name, BigInt(name.address), true)
  info.view.setUint32(btfInfo.name_len, NAME_SIZE, true)
  let result = getInfo(fd, info)
  if (result < 0 && errnoName(-result) === 'E2BIG') {
    // Before 5.11 the kernel knows no names, and refuses what it does not know unless it is zero.
    info.bytes.fill(0)
    result = getInfo(fd, info)
  }
  if (result < 0) throw failure('Cannot read BTF info', result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
  return {
    id: info.view.getUint32(btfInfo.id, true),
    name: cString(name.bytes),
    kernel: info.view.getUint32(btfInfo.kernel_btf, true) !== 0,
    size: info.view.getUint32(btfInfo.btf_size, true),
  }
}

/**
 * The bytes of a BTF object.
 *
 * @param size as the kernel told it
 * @throws BpfError when they cannot be read
 */
export function readRawBtf(fd: number, size: number): Uint8Array<ArrayBuffer> {
  const raw = allocate(size)
  const info = allocate(btfInfo.$size)
  info.view.setBigUint64(btfInfo.btf, BigInt(raw.address), true)
  info.view.setUint32(btfInfo.btf_size, size, true)
  const result = getInfo(fd, info)
  if (result < 0) throw failure('Cannot read BTF', result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
  return raw.bytes
}

/**
 * The bytes of the kernel's own BTF, in one copy (5.11, needs CAP_SYS_ADMIN); its file in sysfs gives one page for each
 * system call. `undefined` where it cannot be had so.
 */
export function copyKernelBtf(): Uint8Array<ArrayBuffer> | undefined {
  try {
    const result = bpf('btf_get_fd_by_id', { btf_id: FIRST_ID })
    if (result < 0) return undefined
    using fd = OwnedFd.adopt(result, 'BTF of the kernel')
    const { name, kernel, size } = readBtfInfo(fd.fd)
    return kernel && name === 'vmlinux' ? readRawBtf(fd.fd, size) : undefined
  } catch (error) {
    // Such as that there is no backend: the file needs none.
    if (error instanceof BpfError) return undefined
    throw error
  }
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
