/**
 * The table of map types in docs/maps.md.
 *
 * @module
 */

import type { MapType } from '../../src/abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC } from '../../src/abi/generated/flags.ts'
import { mapTypeSince } from '../../src/abi/since.ts'
import { type MapKind, type MapSize, mapKinds } from '../../src/maps/kinds.ts'

const COLUMNS = ['type', 'key', 'value', 'user space has', 'it needs', 'batches', 'first Linux'] as const

/** The table, a row for each type, in the order of their numbers. */
export function mapsTable(): string {
  const rows = (Object.entries(mapKinds) as [MapType, MapKind][])
    .filter(([type]) => type !== 'unspec' && !type.endsWith('_deprecated'))
    .map(([type, kind]) => [
      `\`${type}\``,
      keyText(kind),
      valueText(kind),
      accessOf(kind),
      needsOf(kind).join(', '),
      kind.batchesSince ?? '',
      mapTypeSince[type],
    ])
  return [COLUMNS, COLUMNS.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

function sizeOf(size: MapSize): string {
  if (size === 0) return 'none'
  if (typeof size === 'number') return `${size} bytes`
  if (!('least' in size)) return `${size.join(' or ')} bytes`
  return size.least <= 1 ? 'any' : `${size.least} bytes or more`
}

function keyText({ indexed, keySize, btf }: MapKind): string {
  if (indexed) return 'index'
  // Local storage: keys are the objects that it belongs to.
  return btf === 'needed' ? 'what owns a descriptor' : sizeOf(keySize)
}

const VALUES: Readonly<Record<MapKind['values'], (size: MapSize) => string>> = {
  bytes: sizeOf,
  per_cpu: size => `${sizeOf(size)}, for each CPU`,
  map: () => 'a map',
  descriptor: () => 'what owns a descriptor',
}

function valueText({ values, valueSize }: MapKind): string {
  return VALUES[values](valueSize)
}

function accessOf({ elements, operations, mappable, capacity, kernelType }: MapKind): string {
  if (elements !== 'none') {
    const methods = [...operations, ...(mappable === true ? ['memory'] : [])]
    return methods.map(method => `\`${method}\``).join(', ')
  }
  if (kernelType === true) return 'a link'
  return capacity === 'pages' ? '`arena`' : 'records'
}

function needsOf({ requiredFlags = 0, btf }: MapKind): string[] {
  return [
    ...((requiredFlags & BPF_F_NO_PREALLOC) === 0 ? [] : ['`BPF_F_NO_PREALLOC`']),
    ...((requiredFlags & BPF_F_MMAPABLE) === 0 ? [] : ['`BPF_F_MMAPABLE`']),
    ...(btf === 'needed' ? ['BTF'] : []),
  ]
}
