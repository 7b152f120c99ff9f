/**
 * The map commands of the hot path: no allocation, and no more work per call than a few words.
 *
 * Keys and values are given as addresses of {@link NativeMemory}; descriptors are not checked. All return 0 or
 * -errno.
 *
 * Source: kernel/bpf/syscall.c; the kernel refuses fields that a command does not use unless they are zero, which
 * is why each function writes all of them.
 *
 * @module
 */

import { commands } from '../abi/generated/enums.ts'
import { attr } from '../abi/generated/layouts.ts'
import type { PreparedCall } from './backends/syscall-entry.ts'
import { syscallEntry } from './entry.ts'
import { allocate } from './memory.ts'
import { nr } from './numbers.ts'

/** This thread's call and its attr, as 32-bit words: x64 and arm64 are little-endian, so a low half comes first. */
interface Slot extends PreparedCall {
  /** The attr. The call is `bpf(2)` with a command, the attr's address and its size. */
  readonly words: Uint32Array
}

/** Word of the first argument. */
const COMMAND = 2

const HIGH = 2 ** -32
const { map_elem: ELEM, batch: BATCH } = attr
const KEY = ELEM.key / 4
const VALUE = ELEM.value / 4
const FLAGS = ELEM.flags / 4

let elemSlot: Slot | undefined
let batchSlot: Slot | undefined

function openSlot(size: number): Slot {
  const memory = allocate(size)
  const { call, make } = syscallEntry().prepare()
  call[0] = nr.bpf
  call[COMMAND + 2] = memory.address
  call[COMMAND + 3] = memory.address * HIGH
  call[COMMAND + 4] = size
  return { words: new Uint32Array(memory.bytes.buffer), call, make }
}

function elem(command: number, fd: number, key: number, value: number, flags: number): number {
  elemSlot ??= openSlot(ELEM.$size)
  const { words, call } = elemSlot
  // Word 1 is padding, and only `mapElemOfCpu` uses the high half of the flags: both stay zero.
  words[0] = fd
  words[KEY] = key
  words[KEY + 1] = key * HIGH
  words[VALUE] = value
  words[VALUE + 1] = value * HIGH
  words[FLAGS] = flags
  call[COMMAND] = command
  return elemSlot.make()
}

/**
 * `BPF_MAP_LOOKUP_ELEM`: copies the value of a key to `value`.
 *
 * @param fd of the map
 * @param key address of the key
 * @param value address of memory for the value; for per-CPU maps, of one value per possible CPU
 * @param flags `BPF_F_LOCK` (5.1) or 0
 */
export function mapLookupElem(fd: number, key: number, value: number, flags = 0): number {
  return elem(commands.map_lookup_elem, fd, key, value, flags)
}

/**
 * `BPF_MAP_UPDATE_ELEM`: sets the value of a key.
 *
 * @param flags `BPF_ANY`, `BPF_NOEXIST` or `BPF_EXIST`, with `BPF_F_LOCK` (5.1)
 */
export function mapUpdateElem(fd: number, key: number, value: number, flags: number): number {
  return elem(commands.map_update_elem, fd, key, value, flags)
}

/**
 * A lookup or an update with flags that have a CPU's number in their upper half. Since Linux 7.0.
 *
 * @param value address of memory for the value of one CPU
 * @param flags with `BPF_F_CPU`, or with `BPF_F_ALL_CPUS`, where `cpu` is 0
 */
export function mapElemOfCpu(
  command: 'map_lookup_elem' | 'map_update_elem',
  fd: number,
  key: number,
  value: number,
  flags: number,
  cpu: number,
): number {
  elemSlot ??= openSlot(ELEM.$size)
  const { words } = elemSlot
  words[FLAGS + 1] = cpu
  const result = elem(commands[command], fd, key, value, flags)
  words[FLAGS + 1] = 0
  return result
}

/** `BPF_MAP_DELETE_ELEM`: removes a key. */
export function mapDeleteElem(fd: number, key: number): number {
  return elem(commands.map_delete_elem, fd, key, 0, 0)
}

/**
 * `BPF_MAP_GET_NEXT_KEY`: copies the key after `key` to `nextKey`; -ENOENT after the last.
 *
 * @param key address of a key, or 0 for the first (4.12)
 */
export function mapGetNextKey(fd: number, key: number, nextKey: number): number {
  return elem(commands.map_get_next_key, fd, key, nextKey, 0)
}

/** `BPF_MAP_LOOKUP_AND_DELETE_ELEM`: for queues and stacks (4.20) and hashes (5.14). */
export function mapLookupAndDeleteElem(fd: number, key: number, value: number, flags = 0): number {
  return elem(commands.map_lookup_and_delete_elem, fd, key, value, flags)
}

/** The batch commands (5.6). */
export type BatchCommand =
  | 'map_lookup_batch'
  | 'map_lookup_and_delete_batch'
  | 'map_update_batch'
  | 'map_delete_batch'

/**
 * A batch command (5.6). {@link batchCount} is how many elements were processed, also when it failed.
 *
 * @param inBatch address of the position to continue from, 0 to start (lookups)
 * @param outBatch address for the position to continue from next (lookups)
 * @param keys address of the keys
 * @param values address of the values
 * @param count elements that there is room for
 * @param elemFlags flags of the single elements
 * @param cpu number of the CPU that `BPF_F_CPU` among them is about (7.0)
 * @returns 0 or -errno; -ENOENT when a lookup has come to the end
 */
export function mapBatch(
  command: BatchCommand,
  fd: number,
  inBatch: number,
  outBatch: number,
  keys: number,
  values: number,
  count: number,
  elemFlags: number,
  cpu = 0,
): number {
  batchSlot ??= openSlot(BATCH.$size)
  const { words, call } = batchSlot
  words[BATCH.in_batch / 4] = inBatch
  words[BATCH.in_batch / 4 + 1] = inBatch * HIGH
  words[BATCH.out_batch / 4] = outBatch
  words[BATCH.out_batch / 4 + 1] = outBatch * HIGH
  words[BATCH.keys / 4] = keys
  words[BATCH.keys / 4 + 1] = keys * HIGH
  words[BATCH.values / 4] = values
  words[BATCH.values / 4 + 1] = values * HIGH
  words[BATCH.count / 4] = count
  words[BATCH.map_fd / 4] = fd
  words[BATCH.elem_flags / 4] = elemFlags
  words[BATCH.elem_flags / 4 + 1] = cpu
  call[COMMAND] = commands[command]
  return batchSlot.make()
}

/** Elements that this thread's last {@link mapBatch} processed. */
export function batchCount(): number {
  return batchSlot?.words[BATCH.count / 4] ?? 0
}
