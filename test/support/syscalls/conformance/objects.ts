/**
 * Maps and event descriptors for the tests of system calls.
 *
 * @module
 */

import { readdirSync } from 'node:fs'
import { mapTypes } from '../../../../src/abi/generated/enums.ts'
import { O_CLOEXEC, O_NONBLOCK } from '../../../../src/abi/linux.ts'
import { errnoName } from '../../../../src/base/errno.ts'
import type { AttrFields } from '../../../../src/syscalls/attr.ts'
import { bpf } from '../../../../src/syscalls/bpf.ts'
import { syscallEntry } from '../../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../../src/syscalls/fd.ts'
import { allocate } from '../../../../src/syscalls/memory.ts'
import { pageSize } from '../../../../src/syscalls/mmap.ts'
import { nr } from '../../../../src/syscalls/numbers.ts'

export const FIONREAD = 0x541b

export function createMap(fields: AttrFields<'map_create'>): OwnedFd {
  const fd = bpf('map_create', fields)
  if (fd < 0) throw new Error(`map_create: ${errnoName(-fd)}`)
  return OwnedFd.adopt(fd, 'test map')
}

export function hashMap(entries = 16): OwnedFd {
  return createMap({ map_type: mapTypes.hash, key_size: 4, value_size: 8, max_entries: entries })
}

export function arrayMap(fields: AttrFields<'map_create'> = {}): OwnedFd {
  return createMap({
    map_type: mapTypes.array,
    key_size: 4,
    value_size: 8,
    max_entries: pageSize() / 8,
    ...fields,
  })
}

export function eventFd(): OwnedFd {
  return OwnedFd.adopt(syscallEntry().syscall(nr.eventfd2, 0, O_CLOEXEC | O_NONBLOCK), 'event')
}

export function signal(fd: number): void {
  const one = allocate(8)
  one.bytes[0] = 1
  syscallEntry().syscall(nr.write, fd, one.address, 8)
}

/** Reads an eventfd's counter into memory. */
export function drain(fd: number, address = allocate(8).address): number {
  return syscallEntry().syscall(nr.read, fd, address, 8)
}

export const countFds = (): number => readdirSync('/proc/self/fd').length
