/**
 * Errors of map operations: what could not be done, on which map, and why the kernel said no.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST } from '../abi/generated/flags.ts'
import { E2BIG, EBUSY, EEXIST, EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP, EPERM } from '../base/errno.ts'
import { BpfError, type NotSupportedError } from '../base/errors.ts'
import { lacking } from '../kernel/lacking.ts'
import { neededCapabilities } from '../kernel/needed-capabilities.ts'
import { explainPrivileges, isUnprivilegedDisabled, permissionFacts } from '../kernel/permission.ts'
import { isAtLeast } from '../kernel/version.ts'
import { systemError } from '../syscalls/errno.ts'
import { describeMap } from './describe.ts'
import type { MapFacts } from './handle.ts'
import { explainRefusedValue } from './kinds/program-array.ts'
import { type MapKind, mapKind } from './kinds.ts'

/** What more is known of a refused operation, for its reason. */
export interface OperationDetails {
  /** The map's descriptor. */
  readonly fd?: number
  /** Flags of an update. */
  readonly flags?: number
  /** The value of an update, where it is a descriptor. */
  readonly value?: number | undefined
}

/**
 * The error of a refused operation.
 *
 * @param verb what was tried: `'look up in'`
 * @param result -errno
 * @param command of `bpf(2)`: `'BPF_MAP_LOOKUP_ELEM'`
 */
export function mapError(
  facts: MapFacts,
  verb: string,
  result: number,
  command: string,
  details: OperationDetails = {},
): BpfError {
  const action = `Cannot ${verb} ${describeMap(facts)}`
  const error = systemError(action, result, `bpf(${command})`)
  // What the process lacks is a better reason than anything about the map, where the kernel asks for it.
  const unprivileged = result === -EPERM ? missingPrivileges(command) : undefined
  const reason = unprivileged ?? reasonOf(facts, -result, command, details)
  if (reason === undefined) return error
  const options = { code: error.code, errno: -result, syscall: `bpf(${command})`, cause: error }
  return new BpfError(`${action}: ${reason} (${error.code})`, options)
}

/** Newer kernels ask for nothing but the descriptor. */
function missingPrivileges(command: string): string | undefined {
  const facts = permissionFacts()
  const freezes = command.endsWith('FREEZE') && !isAtLeast(featureSince.mapsWithoutCapabilities)
  const asked = freezes
    ? (['CAP_BPF'] as const)
    : neededCapabilities(`bpf(${command})`, undefined, isUnprivilegedDisabled(facts))
  return explainPrivileges(facts, asked)
}

/** What an errno of a map operation means, where its general text would mislead. */
function reasonOf(
  { type, maxEntries }: MapFacts,
  errno: number,
  command: string,
  details: OperationDetails,
): string | undefined {
  switch (errno) {
    case EPERM:
      if (
        command.endsWith('LOOKUP_ELEM') ||
        command.endsWith('LOOKUP_BATCH') ||
        command.endsWith('NEXT_KEY')
      ) {
        return 'its descriptor is not for reading'
      }
      return 'it is frozen, or its descriptor is not for writing'
    case EBUSY:
      return command.endsWith('FREEZE') ? 'its memory is mapped for writing' : undefined
    case EEXIST:
      return 'the key exists already'
    case ENOENT:
      return 'no such key'
    case E2BIG:
      return mapKind(type).indexed
        ? `the index is not below ${maxEntries}`
        : `the map is full with ${maxEntries} elements`
    case EINVAL:
      if (command.includes('DELETE') && !mapKind(type).operations.includes('delete'))
        return `elements of a map of type ${type} cannot be deleted`
      return command.includes('UPDATE') ? wrongUpdate(type, details) : undefined
    case EOPNOTSUPP:
    case ENOTSUPP:
      return `a map of type ${type} does not support it`
    default:
      return undefined
  }
}

/** Names of the flags of an update. */
const UPDATE_FLAGS: readonly (readonly [flag: number, name: string])[] = [
  [BPF_NOEXIST, "mode 'no_exist' (BPF_NOEXIST)"],
  [BPF_EXIST, "mode 'exist' (BPF_EXIST)"],
  [BPF_F_LOCK, 'a lock (BPF_F_LOCK)'],
]

/** Why an update is refused: by its flags, which the kernel looks at before the value, or of descriptors by the value. */
function wrongUpdate(
  type: MapFacts['type'],
  { fd, flags = BPF_ANY, value }: OperationDetails,
): string | undefined {
  if (flags !== BPF_ANY) {
    const names = UPDATE_FLAGS.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name)
    return `it was asked for with ${names.join(' and ')}, which not every map takes`
  }
  if (type === 'prog_array' && fd !== undefined && value !== undefined) return explainRefusedValue(fd, value)
  return mapKind(type).values === 'map'
    ? 'a value must be a map like the inner map of its spec: in type, sizes, flags and, of an array without BPF_F_INNER_MAP, maxEntries'
    : undefined
}

/**
 * The kernel lacks a command for maps of this type.
 *
 * @param what such as `'Lookup and delete'`
 * @param since first kernel that has it; `undefined` where none does
 * @param command of `bpf(2)`: `'BPF_MAP_LOOKUP_BATCH'`
 */
export function unsupported(
  { type }: MapFacts,
  what: string,
  since: string | undefined,
  result: number,
  command: string,
): NotSupportedError {
  return lacking(`${what} in a map of type ${type}`, since, {
    errno: -result,
    syscall: `bpf(${command})`,
  })
}

/** What to do instead of an operation that maps of a kind do not have. */
const WAYS: Readonly<Record<MapKind['elements'], (facts: MapFacts) => string>> = {
  keyed: ({ type }) => `a map of type ${type} has no such operation`,
  queue: ({ type }) => `a ${type} has no keys; use push, peek and pop`,
  filter: () => 'a Bloom filter has no keys; use push and has',
  none: ({ type }) => NO_ELEMENTS[type] ?? `a map of type ${type} has no such operation`,
}

/** Of maps without elements, what they have instead. */
const NO_ELEMENTS: Readonly<Record<string | number, string>> = {
  ringbuf: 'a ring buffer has records, which RingBuffer reads',
  arena: 'an arena has memory, which arena() reaches',
}

/** An operation that maps of this type do not have. */
export function wrongKind(facts: MapFacts, verb: string): TypeError {
  return new TypeError(`Cannot ${verb} ${describeMap(facts)}: ${WAYS[mapKind(facts.type).elements](facts)}`)
}

/** Puts the map before what a codec says about a wrong argument; other errors pass through. */
export function argumentError(facts: MapFacts, verb: string, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error
  const Same = error instanceof TypeError ? TypeError : RangeError
  return new Same(`Cannot ${verb} ${describeMap(facts)}: ${error.message}`, { cause: error })
}
