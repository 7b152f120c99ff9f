/**
 * Why a map was not created: the kernel returns only `EINVAL` for most mistakes in a spec.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC } from '../../abi/generated/flags.ts'
import { enumNumber } from '../../abi/names.ts'
import { mapTypeSince } from '../../abi/since.ts'
import { E2BIG, EINVAL, EPERM } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { failure } from '../../kernel/failure.ts'
import { lacking } from '../../kernel/lacking.ts'
import { features } from '../../kernel/probes/features.ts'
import { haveMapType } from '../../kernel/probes/have-map-type.ts'
import type { TokenHandle } from '../../kernel/tokens/handle.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { describeMap } from '../describe.ts'
import { wrongRingSize } from '../kinds/ring-buffer.ts'
import { isSize, type MapKind, type MapSize, mapKind, smallSize } from '../kinds.ts'
import type { MapSpec } from '../spec.ts'
import type { CreateMapOptions } from './options.ts'

/** A map that the kernel does not create. */
export interface RefusedMap {
  /** As it was asked for. */
  readonly spec: MapSpec
  readonly options: CreateMapOptions
  readonly token: TokenHandle | undefined
  /** Creates it with some fields changed, closes it again, and returns the result: -errno when it is refused as well. */
  readonly retry: (changes: AttrFields<'map_create'>) => number
  /** Tries once more with a log, and returns what the kernel wrote there. Since Linux 7.2. */
  readonly log: () => string
}

/**
 * The error of a map that the kernel does not create.
 *
 * @param result -errno
 */
export function createError({ spec, options, token, retry, log }: RefusedMap, result: number): BpfError {
  const action = `Cannot create ${describeMap(spec)}`
  const mapType = enumNumber(mapTypes, spec.type, 'map type')
  const syscall = 'bpf(BPF_MAP_CREATE)'
  const cause = failure(action, result, syscall, token, { command: 'map_create', mapType })
  const { code } = cause
  let reason = result === -EINVAL || result === -E2BIG ? reasonOf(spec, options) : undefined
  const exclusive = options.exclusiveProgramHash !== undefined && (result === -EINVAL || result === -E2BIG)
  if (exclusive && features.exclusiveMaps.probe(token ?? false) === 'no') {
    const { name, since } = features.exclusiveMaps
    return lacking(name, since, { action, errno: -result, syscall, cause })
  }
  const { type } = spec
  const mayLack = reason === undefined && result === -EINVAL && typeof type === 'string'
  if (mayLack && haveMapType(type, { token: token ?? false }) === 'no')
    return lacking(`Map type ${type}`, mapTypeSince[type], { action, errno: -result, syscall, cause })
  // Of privileges, `failure` knows more.
  const asks = reason === undefined && result !== -EPERM && features.commonAttributes.probe() === 'yes'
  const said = asks ? log() : ''
  if (said !== '') reason = `the kernel says: ${said.replaceAll('\n', '; ')}`
  if (result === -EINVAL) reason ??= refusedField(spec, retry)
  if (result === -E2BIG) reason ??= tooGreat(spec, retry)
  if (reason === undefined) return cause
  return new BpfError(`${action}: ${reason} (${code})`, { code, errno: -result, syscall, cause })
}

/** Which number is too great: the kernel creates the map with a smaller one. */
function tooGreat(
  { type, keySize = 0, valueSize = 0, maxEntries = 0 }: MapSpec,
  retry: RefusedMap['retry'],
): string | undefined {
  const kind = mapKind(type)
  if (retry({ key_size: smallSize(kind.keySize), value_size: smallSize(kind.valueSize) }) >= 0)
    return `keys of ${keySize} and values of ${valueSize} bytes are larger than a map of type ${type} takes`
  return retry({ max_entries: 1 }) >= 0
    ? `maxEntries ${maxEntries} is more than a map of type ${type} with such values takes`
    : undefined
}

/** Which field the kernel refuses: it creates the map without it. */
function refusedField(spec: MapSpec, retry: RefusedMap['retry']): string {
  const { type, flags = 0, mapExtra = 0n, numaNode, ifindex } = spec
  const { requiredFlags = 0 } = mapKind(type)
  const has = (changes: AttrFields<'map_create'>): boolean => retry(changes) >= 0
  // The node before the flags, which have BPF_F_NUMA_NODE of it: without the flags the kernel takes any node.
  if (numaNode !== undefined && has({ numa_node: 0 })) return `NUMA node ${numaNode} does not exist`
  if (flags !== requiredFlags && has({ map_flags: requiredFlags, numa_node: 0 }))
    return `this kernel does not take the flags 0x${flags.toString(16)} for a map of type ${type}`
  if (mapExtra !== 0n && has({ map_extra: 0n }))
    return `mapExtra ${mapExtra} does not fit a map of type ${type}`
  if (ifindex !== undefined && has({ map_ifindex: 0 }))
    return `it cannot be bound to the device of index ${ifindex}`
  return `the kernel gives no reason: sizes and capacity are those of type ${type}, and without its flags and options it is refused too`
}

/** What is wrong with a spec by the table of kinds; `undefined` when the table finds nothing. */
function reasonOf(spec: MapSpec, { btfFd }: CreateMapOptions): string | undefined {
  const { type, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0 } = spec
  const kind = mapKind(type)
  return (
    wrongSize(type, 'key', kind.keySize, keySize) ??
    wrongSize(type, 'value', kind.valueSize, valueSize) ??
    wrongCapacity(type, kind, maxEntries) ??
    missingFlag(type, kind, flags) ??
    (kind.btf === 'needed' && btfFd === undefined
      ? `a map of type ${type} needs BTF of its key and value`
      : undefined)
  )
}

function wrongSize(
  type: MapSpec['type'],
  what: 'key' | 'value',
  size: MapSize,
  given: number,
): string | undefined {
  if (isSize(size, given)) return undefined
  if (size === 0) return `a map of type ${type} has no ${what}s, but the ${what} size is ${given}`
  if (given === 0) return `the ${what} size is 0`
  return `${what}s of a map of type ${type} have ${describeSize(size)} bytes, not ${given}`
}

function describeSize(size: MapSize): string {
  if (typeof size === 'number') return String(size)
  return 'least' in size ? `at least ${size.least}` : size.join(' or ')
}

function wrongCapacity(type: MapSpec['type'], { capacity }: MapKind, maxEntries: number): string | undefined {
  switch (capacity) {
    case 'elements':
    case 'cpus':
    case 'pages':
      return maxEntries === 0 ? 'maxEntries is 0' : undefined
    case 'bytes':
      return wrongRingSize(maxEntries)
    case 'objects':
      return maxEntries === 0 ? undefined : `a map of type ${type} has no maxEntries`
    case 'unknown':
      return undefined
  }
}

const FLAG_NAMES: readonly (readonly [flag: number, name: string])[] = [
  [BPF_F_NO_PREALLOC, 'BPF_F_NO_PREALLOC'],
  [BPF_F_MMAPABLE, 'BPF_F_MMAPABLE'],
]

function missingFlag(
  type: MapSpec['type'],
  { requiredFlags = 0 }: MapKind,
  flags: number,
): string | undefined {
  const missing = FLAG_NAMES.find(([flag]) => (requiredFlags & ~flags & flag) !== 0)
  return missing === undefined ? undefined : `a map of type ${type} needs the flag ${missing[1]}`
}
