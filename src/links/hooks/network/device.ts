/**
 * Network devices by name and index.
 *
 * Source: net/core/dev_ioctl.c `dev_ioctl` (`SIOCGIFINDEX`).
 *
 * @module
 */

import { AF_UNIX, O_CLOEXEC, SIOCGIFINDEX, SIOCGIFMTU, SIOCGIFNAME, SOCK_DGRAM } from '../../../abi/linux.ts'
import { ENODEV } from '../../../base/errno.ts'
import { BpfError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import { failure } from '../../../kernel/failure.ts'
import { readText } from '../../../kernel/read-text.ts'
import { makeFd } from '../../../syscalls/descriptor.ts'
import { syscallEntry } from '../../../syscalls/entry.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { allocate, type NativeMemory } from '../../../syscalls/memory.ts'
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
 * @param what names the attachment in errors
 * @throws RangeError when an index is not a positive number
 * @throws BpfError with code `ENODEV` when this network namespace has no such device; with another errno's when it
 *   cannot be looked for
 */
export function deviceIndex(device: Device, what: string): number {
  const action = `Cannot attach ${what}`
  if (typeof device === 'number') return requireIndex(device, action)
  const request = namedRequest(device)
  const result = request === undefined ? -ENODEV : deviceIoctl(action, SIOCGIFINDEX, request)
  if (result === -ENODEV) throw noDevice(action, device)
  if (result < 0) throw failure(action, result, 'ioctl(SIOCGIFINDEX)')
  return request!.view.getInt32(NAME_SIZE, true)
}

/** The kernel would answer `EINVAL` to a link of XDP for an index that no device has, as to a wrong program. */
function requireIndex(index: number, action: string): number {
  if (!(Number.isInteger(index) && index > 0 && index < 2 ** 31))
    throw new RangeError(`${action}: ${index} is not an index, which is an integer from 1 to 2^31 - 1`)
  const request = allocate(IFREQ_SIZE)
  request.view.setInt32(NAME_SIZE, index, true)
  const result = deviceIoctl(action, SIOCGIFNAME, request)
  if (result === -ENODEV)
    throw new BpfError(`${action}: no network device has index ${index}`, { code: 'ENODEV' })
  if (result < 0) throw failure(action, result, 'ioctl(SIOCGIFNAME)')
  return index
}

/**
 * Bytes of the largest packet that a network device of this network namespace sends; `undefined` when the kernel does
 * not say.
 *
 * @param index of the device
 */
export function deviceMtu(index: number): number | undefined {
  const action = `Cannot read the MTU of network device ${index}`
  const request = allocate(IFREQ_SIZE)
  request.view.setInt32(NAME_SIZE, index, true)
  // The second takes the name that the first has written.
  if (deviceIoctl(action, SIOCGIFNAME, request) < 0 || deviceIoctl(action, SIOCGIFMTU, request) < 0)
    return undefined
  return request.view.getInt32(NAME_SIZE, true)
}

/** A request that has the name of a device; `undefined` when no device can have it. */
function namedRequest(name: string): NativeMemory | undefined {
  const bytes = Buffer.from(name)
  if (bytes.length === 0 || bytes.length >= NAME_SIZE || bytes.includes(0)) return undefined
  const request = allocate(IFREQ_SIZE)
  request.bytes.set(bytes)
  return request
}

/** Result of the call: 0, or -errno. Any socket does, also where there is no network. */
function deviceIoctl(action: string, command: number, request: NativeMemory): number {
  const made = makeFd(syscallEntry(), nr.socket, AF_UNIX, SOCK_DGRAM | O_CLOEXEC, 0)
  if (made < 0) throw failure(action, made, 'socket')
  using socket = OwnedFd.adopt(made, 'socket')
  return ioctl(socket.fd, command, request.address)
}

function noDevice(action: string, name: string): BpfError {
  const like = suggestion(name, deviceNames())
  return new BpfError(`${action}: no network device is called ${JSON.stringify(name)}${like}`, {
    code: 'ENODEV',
  })
}

/** Names of the devices of this network namespace; none without procfs. */
function deviceNames(): string[] {
  const lines = (readText('/proc/thread-self/net/dev') ?? '').split('\n')
  return lines.flatMap(line => /^\s*([^\s:]+):/.exec(line)?.[1] ?? [])
}
