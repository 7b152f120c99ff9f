/**
 * Network devices by name and index.
 *
 * Source: net/core/dev_ioctl.c `dev_ioctl` (`SIOCGIFINDEX`).
 *
 * @module
 */

import { AF_UNIX, O_CLOEXEC, SIOCGIFINDEX, SOCK_DGRAM } from '../../../abi/linux.ts'
import { BpfError } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { makeFd } from '../../../syscalls/descriptor.ts'
import { syscallEntry } from '../../../syscalls/entry.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { allocate } from '../../../syscalls/memory.ts'
import { nr } from '../../../syscalls/numbers.ts'
import { ioctl } from '../../../syscalls/perf.ts'

/** A network device: its name in this network namespace, or its index. */
export type Device = string | number

/** `IFNAMSIZ` of include/uapi/linux/if.h, its terminating zero included. */
const NAME_SIZE = 16
/** `struct ifreq`: the name, then a union of 24 bytes. */
const IFREQ_SIZE = 40

/**
 * Index of a network device of this network namespace. sysfs would not do: it shows the namespace of its mount.
 *
 * @throws RangeError when an index is not a positive number
 * @throws BpfError with code `ENODEV` when this network namespace has no such device
 */
export function deviceIndex(device: Device): number {
  if (typeof device === 'number') {
    if (Number.isInteger(device) && device > 0 && device < 2 ** 31) return device
    throw new RangeError(`Cannot find network device ${device}: an index is an integer from 1 to 2^31 - 1`)
  }
  const name = Buffer.from(device)
  if (name.length === 0 || name.length >= NAME_SIZE || name.includes(0)) throw noDevice(device)
  const made = makeFd(syscallEntry(), nr.socket, AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0)
  if (made < 0) throw failure(`Cannot find network device ${device}`, made, 'socket')
  using socket = OwnedFd.adopt(made, 'socket')
  const request = allocate(IFREQ_SIZE)
  request.bytes.set(name)
  const result = ioctl(socket.fd, SIOCGIFINDEX, request.address)
  if (result < 0) throw noDevice(device)
  return request.view.getInt32(NAME_SIZE, true)
}

function noDevice(name: string): BpfError {
  return new BpfError(`No network device is called ${JSON.stringify(name)}`, { code: 'ENODEV' })
}
