/**
 * Per-CPU maps, one CPU at a time: reading the value of one CPU costs 8 bytes where that of all costs 8 for each CPU of
 * the machine, and writing it leaves the values of the others alone.
 *
 * Source: include/linux/bpf.h `bpf_map_check_op_flags`; kernel/bpf/{arraymap,hashtab,local_storage}.c.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { BPF_F_ALL_CPUS, BPF_F_CPU } from '../abi/generated/flags.ts'
import type { Codec } from '../base/codec.ts'
import { EINVAL, ENOENT } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { possibleCpus } from '../kernel/cpus.ts'
import { lacking } from '../kernel/lacking.ts'
import { features } from '../kernel/probes/features.ts'
import { predates } from '../kernel/probes/probe.ts'
import { mapElemOfCpu } from '../syscalls/elem.ts'
import { readBatches, writeBatches } from './batch.ts'
import type { Portion } from './chunks.ts'
import { describeMap } from './describe.ts'
import { Elements, type MapUpdateOptions, type UpdateMode, updateFlags } from './element.ts'
import { requireAttached } from './handle.ts'
import type { PerCpuCodec } from './kinds/per-cpu.ts'
import { mapError } from './map-error.ts'
import { RawBytes } from './raw.ts'

/** The value of one CPU, where `V` is an array of those of all CPUs, or all of them as bytes. */
export type ValueOfCpu<V> = V extends readonly (infer E)[] ? E : V

/** The values of one CPU in a per-CPU map. Since Linux 7.0. */
export interface OneCpuValues<K, V, KI = K, VI = V> extends AllCpuValues<KI, VI> {
  /**
   * The value of a key on this CPU; `undefined` when the map does not have the key.
   *
   * @throws NotSupportedError before Linux 7.0
   */
  get(key: KI): V | undefined
  /**
   * Reads all elements, many per system call, with the values of this CPU alone.
   *
   * @throws NotSupportedError before Linux 7.0
   */
  getBatch(size?: number): Generator<[K, V][], undefined>
}

/** Writes the same value for one CPU, or for every CPU, of a per-CPU map. Since Linux 7.0. */
export interface AllCpuValues<KI, VI> {
  /**
   * Sets the value of a key. On the other CPUs, those of a key that was there stay, and those of a new one are zeros.
   *
   * @throws NotSupportedError before Linux 7.0
   * @throws BpfError as `set` of the map
   */
  set(key: KI, value: VI, options?: UpdateMode | MapUpdateOptions): void
  /**
   * Sets many elements per system call, as `set` does; returns how many.
   *
   * @throws NotSupportedError before Linux 7.0
   * @throws BpfError when one is refused; those before it are set
   */
  setBatch(entries: Iterable<readonly [KI, VI]>): number
}

/**
 * The elements of a per-CPU map with the values of one CPU.
 *
 * @param elements of the map, with the values of all CPUs
 * @param cpu number of the CPU; `'all'` for a value that every CPU gets
 * @throws TypeError when the values do not exist once per CPU, or the codec does not say how one of them is read
 * @throws RangeError when the machine cannot have such a CPU
 */
export function valuesOfCpu<K, V, KI, VI>(
  elements: Elements<K, V, KI, VI>,
  cpu: number | 'all',
): OneCpuValues<K, ValueOfCpu<V>, KI, ValueOfCpu<VI>> {
  const { handle, keyCodec } = elements
  const { facts, mapKind } = handle
  const action = `Cannot use the values of one CPU in ${describeMap(facts)}`
  if (mapKind.values !== 'per_cpu') throw new TypeError(`${action}: all CPUs share a value`)
  if (cpu !== 'all' && !possibleCpus().includes(cpu))
    throw new RangeError(`${action}: ${cpu} is not the number of a possible CPU`)
  const single = new Elements<K, ValueOfCpu<V>, KI, ValueOfCpu<VI>>(handle, {
    keys: keyCodec,
    values: codecOfOne(elements, action),
  })
  return new ValuesOfCpu(single, cpu)
}

function codecOfOne<V, VI>(
  { valueCodec, handle }: Elements<unknown, V, never, VI>,
  action: string,
): Codec<ValueOfCpu<V>, ValueOfCpu<VI>> {
  type One = Codec<ValueOfCpu<V>, ValueOfCpu<VI>>
  if (valueCodec instanceof RawBytes)
    return new RawBytes(handle.facts.valueSize, 'value') as Codec<unknown> as One
  const { each } = valueCodec as Partial<PerCpuCodec<unknown>>
  if (each === undefined) throw new TypeError(`${action}: make the codec of its values with perCpu()`)
  return each as One
}

class ValuesOfCpu<K, V, KI, VI> implements OneCpuValues<K, V, KI, VI> {
  readonly #elements: Elements<K, V, KI, VI>
  /** Without padding: the kernel copies `value_size` bytes. */
  readonly #portion: Portion

  constructor(elements: Elements<K, V, KI, VI>, cpu: number | 'all') {
    this.#elements = elements
    const { valueSize } = elements.handle.facts
    this.#portion =
      cpu === 'all'
        ? { valueBytes: valueSize, flags: BPF_F_ALL_CPUS, cpu: 0 }
        : { valueBytes: valueSize, flags: BPF_F_CPU, cpu }
  }

  get(key: KI): V | undefined {
    const elements = this.#elements
    const { handle } = elements
    const { flags, cpu } = this.#portion
    const slots = handle.borrow()
    elements.encodeKey(key, slots.key.view, 0, 'look up in')
    requireAttached(slots.buffer, handle.facts)
    const { key: from, value: to } = slots
    const result = mapElemOfCpu('map_lookup_elem', handle.fd.fd, from.address, to.address, flags, cpu)
    const value = result === 0 ? elements.valueCodec.decode(to.view, 0) : undefined
    handle.giveBack(slots)
    if (result === 0 || result === -ENOENT) return value
    throw explain(mapError(handle.facts, 'look up in', result, 'BPF_MAP_LOOKUP_ELEM'))
  }

  set(key: KI, value: VI, options?: UpdateMode | MapUpdateOptions): void {
    const elements = this.#elements
    const { handle } = elements
    const { flags, cpu } = this.#portion
    const asked = flags | updateFlags(options)
    const slots = handle.borrow()
    elements.encodeKey(key, slots.key.view, 0, 'set in')
    elements.encodeValue(value, slots.value.view, 0, 'set in')
    requireAttached(slots.buffer, handle.facts)
    const { key: to, value: from } = slots
    const result = mapElemOfCpu('map_update_elem', handle.fd.fd, to.address, from.address, asked, cpu)
    handle.giveBack(slots)
    if (result < 0) throw explain(mapError(handle.facts, 'set in', result, 'BPF_MAP_UPDATE_ELEM'))
  }

  *getBatch(size?: number): Generator<[K, V][], undefined> {
    const batches = readBatches(this.#elements, 'map_lookup_batch', size, this.#portion)
    // Only what the batches throw is explained, not what the caller's loop does.
    for (;;) {
      const step = explained(() => batches.next())
      if (step.done === true) return undefined
      yield step.value
    }
  }

  setBatch(entries: Iterable<readonly [KI, VI]>): number {
    return explained(() => writeBatches(this.#elements, entries, this.#portion))
  }
}

function explained<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw explain(error)
  }
}

/** Kernels that do not know the flags refuse them by `EINVAL`. */
function explain(error: unknown): unknown {
  if (!(error instanceof BpfError) || error.errno !== EINVAL || !predates(features.oneCpuValues)) return error
  const { code, errno, syscall } = error
  const options = { code, errno, syscall, cause: error }
  return lacking('Reading and writing the value of one CPU', featureSince.oneCpuValues, options)
}
