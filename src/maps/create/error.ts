/**
 * Why a map was not created: the kernel says but `EINVAL` of most mistakes in a spec.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC } from '../../abi/generated/flags.ts'
import { enumNumber } from '../../abi/names.ts'
import { E2BIG, EINVAL } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { failure } from '../../kernel/failure.ts'
import type { TokenHandle } from '../../kernel/tokens/handle.ts'
import { wrongRingSize } from '../kinds/ring-buffer.ts'
import { isSize, type MapKind, type MapSize, mapKind } from '../kinds.ts'
import { describeMap } from '../map-error.ts'
import type { MapSpec } from '../spec.ts'
import type { CreateMapOptions } from './options.ts'

/**
 * The error of a map that the kernel does not create.
 *
 * @param spec as it was asked for
 * @param result -errno
 */
export function createError(
  spec: MapSpec,
  result: number,
  options: CreateMapOptions,
  token: TokenHandle | undefined,
): BpfError {
  const action = `Cannot create ${describeMap(spec)}`
  const mapType = enumNumber(mapTypes, spec.type, 'map type')
  const cause = failure(action, result, 'bpf(BPF_MAP_CREATE)', token, { command: 'map_create', mapType })
  const reason = result === -EINVAL || result === -E2BIG ? reasonOf(spec, options) : undefined
  if (reason === undefined) return cause
  const { code } = cause
  return new BpfError(`${action}: ${reason} (${code})`, {
    code,
    errno: -result,
    syscall: 'bpf(BPF_MAP_CREATE)',
    cause,
  })
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
