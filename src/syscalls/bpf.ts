/**
 * `bpf(2)`, any command. The commands of the hot path are in `elem.ts`.
 *
 * @module
 */

import { BPF_COMMON_ATTRS, commonAttr } from '../abi/constants.ts'
import { type Command, commands } from '../abi/generated/enums.ts'
import { attr } from '../abi/generated/layouts.ts'
import { type AttrFields, arms, makers, writeAttr } from './attr.ts'
import { makeFd, makeFdAsync } from './descriptor.ts'
import { syscallEntry } from './entry.ts'
import { allocate, type NativeMemory } from './memory.ts'
import { nr } from './numbers.ts'
import { ATTEMPTS, isInterrupted, uninterrupted } from './signals.ts'

/** More than any arm: the union of Linux 6.18 has 168 bytes. */
const ATTR_SPACE = 256

let space: NativeMemory | undefined
/** What the union points to during a call: referenced from here, the collector cannot take it. */
const referenced: ArrayBufferView[] = []

/**
 * Makes a `bpf(2)` call. The whole arm of the command is passed: a kernel that knows fewer fields accepts the
 * rest while it is zero, and answers `E2BIG` otherwise.
 *
 * `EINTR` and `EAGAIN` are returned, not retried: only the caller knows whether the command may be repeated.
 *
 * A descriptor that it returns is the caller's; `OwnedFd.adopt` takes it over. One that a worker thread makes ends with
 * the thread at the latest, `OwnedFd.release` gives one that stays.
 *
 * @param command such as `'map_create'`
 * @param fields see {@link AttrFields}
 * @returns what the kernel returned, or -errno; kernel errors never throw
 * @throws RangeError or TypeError when a field's value cannot be written
 */
export function bpf<C extends Command>(command: C, fields: AttrFields<C>): number {
  const entry = syscallEntry()
  space ??= allocate(ATTR_SPACE)
  const arm = attr[arms[command]]
  space.bytes.fill(0)
  try {
    writeAttr({ view: space.view, addressOf: entry.addressOf, referenced }, arm, fields)
    return makers.has(command)
      ? makeFd(entry, nr.bpf, commands[command], space.address, arm.$size)
      : entry.syscall(nr.bpf, commands[command], space.address, arm.$size)
  } finally {
    referenced.length = 0
  }
}

let common: NativeMemory | undefined

/**
 * As {@link bpf}, with memory for what the kernel has to say beside its result. Since Linux 7.2.
 *
 * @param log for a text that ends with a NUL; `undefined` passes no attributes behind the size of some, by which a kernel
 *   that knows them says `EFAULT`
 */
export function bpfLogged<C extends Command>(
  command: C,
  fields: AttrFields<C>,
  log: NativeMemory | undefined,
): number {
  const entry = syscallEntry()
  const own = allocate(ATTR_SPACE)
  const held: ArrayBufferView[] = [own.bytes]
  const arm = attr[arms[command]]
  writeAttr({ view: own.view, addressOf: entry.addressOf, referenced: held }, arm, fields)
  common ??= allocate(commonAttr.$size)
  common.bytes.fill(0)
  if (log !== undefined) {
    common.view.setBigUint64(commonAttr.log_buf, BigInt(log.address), true)
    common.view.setUint32(commonAttr.log_size, log.bytes.length, true)
    common.view.setUint32(commonAttr.log_level, 1, true)
  }
  const shared = log === undefined ? 0 : common.address
  const call = [
    nr.bpf,
    commands[command] | BPF_COMMON_ATTRS,
    own.address,
    arm.$size,
    shared,
    commonAttr.$size,
  ] as const
  const result = makers.has(command) ? makeFd(entry, ...call) : entry.syscall(...call)
  // What the fields refer to is referenced until here.
  held.length = 0
  return result
}

/**
 * Makes a `bpf(2)` call on a thread of libuv's pool, for what may take long. Nothing that the fields refer to may be
 * changed before the promise settles, nor a descriptor in them closed; this call keeps memory referenced. In a worker
 * thread with koffi, calls that return a descriptor are made on the thread itself.
 *
 * @returns the kernel's result or -errno, and the attr with what the kernel wrote into it
 * @throws RangeError or TypeError (as a rejection) when a field's value cannot be written
 */
export async function bpfAsync<C extends Command>(
  command: C,
  fields: AttrFields<C>,
): Promise<{ result: number; attr: DataView }> {
  const entry = syscallEntry()
  const own = allocate(ATTR_SPACE)
  const held: ArrayBufferView[] = []
  const arm = attr[arms[command]]
  writeAttr({ view: own.view, addressOf: entry.addressOf, referenced: held }, arm, fields)
  inFlight.add(held)
  try {
    const call = [nr.bpf, commands[command], own.address, arm.$size] as const
    const result = await (makers.has(command) ? makeFdAsync(entry, ...call) : entry.syscallAsync(...call))
    return { result, attr: own.view }
  } finally {
    inFlight.delete(held)
  }
}

/**
 * As {@link bpf}, for commands that give up when a signal is pending and may be repeated: loads and test runs.
 *
 * @returns what the kernel returned, or -errno; `EINTR` or `EAGAIN` only when signals do not cease
 */
export function bpfUninterrupted<C extends Command>(command: C, fields: AttrFields<C>): number {
  return uninterrupted(() => bpf(command, fields))
}

/** As {@link bpfAsync}, for commands that give up when a signal is pending and may be repeated. */
export async function bpfUninterruptedAsync<C extends Command>(
  command: C,
  fields: AttrFields<C>,
): Promise<{ result: number; attr: DataView }> {
  // The threads of the pool are not profiled: no signal is held back there.
  let outcome = await bpfAsync(command, fields)
  for (let attempt = 1; attempt < ATTEMPTS && isInterrupted(outcome.result); attempt++)
    outcome = await bpfAsync(command, fields)
  return outcome
}

/** Keeps what pending calls refer to reachable. */
const inFlight = new Set<ArrayBufferView[]>()

/**
 * Reads a 32-bit field that the kernel wrote into the attr of this thread's last {@link bpf} call.
 *
 * @param offset from the layouts: `attr.get_id.next_id`
 */
export function attrResult32(offset: number): number {
  return space?.view.getUint32(offset, true) ?? 0
}

/**
 * Reads a 64-bit field that the kernel wrote into the attr of this thread's last {@link bpf} call.
 *
 * @param offset from the layouts: `attr.query.revision`
 */
export function attrResult64(offset: number): bigint {
  return space?.view.getBigUint64(offset, true) ?? 0n
}
