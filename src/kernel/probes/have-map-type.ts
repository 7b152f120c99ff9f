/**
 * Whether the running kernel has a map type.
 *
 * Source: libbpf libbpf_probes.c `probe_map_create`.
 *
 * @module
 */

import { type MapType, mapTypes } from '../../abi/generated/enums.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { ENOTSUPP } from '../../base/errno.ts'
import { type MapKind, mapKind, smallSize } from '../../maps/kinds.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import type { TokenHandle, TokenOptions } from '../tokens/handle.ts'
import { addInt, answerOf, discard, loadTypes, makeMap, tryMap } from './experiment.ts'
import { Answers, type ProbeAnswer } from './probe.ts'

const answers = new Answers<number>()

/**
 * Whether the running kernel has a map type, found out by creating such a map; a certain answer is kept, for each token.
 *
 * @param type a name, or its number, also one that the tables do not know
 * @returns `'unknown'` when this process may not create it, or something else is in the way
 * @throws RangeError when no map type has this name
 */
export function haveMapType(type: MapType | number, options: TokenOptions = {}): ProbeAnswer {
  const number = enumNumber(mapTypes, type, 'map type')
  return answers.ask(number, options.token, token => probe(token, enumName(mapTypes, number), number))
}

function probe(token: TokenHandle | undefined, type: MapType | number, number: number): ProbeAnswer {
  if (number === mapTypes.unspec) return 'no'
  const kind = mapKind(type)
  if (kind.values === 'map') return probeMapOfMaps(token, number, kind)
  if (kind.btf === 'needed') return probeTyped(token, number, kind)
  if (kind.kernelType === true) return probeKernelType(token, number, kind)
  return answerOf(tryMap(token, number, smallMap(kind)))
}

/** What `max_entries` may be; bytes are whole pages, and a power of two, whatever the size of a page. */
const FEW: Readonly<Record<MapKind['capacity'], number>> = {
  elements: 1,
  cpus: 1,
  bytes: 1 << 16,
  pages: 1,
  objects: 0,
  unknown: 1,
}

/** The fields of a small map of a kind. */
function smallMap({ keySize, valueSize, capacity, requiredFlags = 0 }: MapKind): AttrFields<'map_create'> {
  return {
    key_size: smallSize(keySize),
    value_size: smallSize(valueSize),
    max_entries: FEW[capacity],
    map_flags: requiredFlags,
  }
}

function probeTyped(token: TokenHandle | undefined, type: number, kind: MapKind): ProbeAnswer {
  const btf = loadTypes(token, addInt)
  // Kernels without BTF have none of these maps.
  if (btf < 0) return answerOf(btf)
  const types = { btf_fd: btf, btf_key_type_id: 1, btf_value_type_id: 1 }
  const result = tryMap(token, type, { ...smallMap(kind), ...types })
  discard(btf)
  return answerOf(result)
}

/** Type 1 is not the value of such a map: a kernel that has them looks it up, and says `ENOTSUPP`. */
function probeKernelType(token: TokenHandle | undefined, type: number, kind: MapKind): ProbeAnswer {
  return answerOf(tryMap(token, type, { ...smallMap(kind), btf_vmlinux_value_type_id: 1 }), ENOTSUPP)
}

function probeMapOfMaps(token: TokenHandle | undefined, type: number, kind: MapKind): ProbeAnswer {
  const inner = makeMap(token, 'hash')
  if (inner < 0) return answerOf(inner)
  const result = tryMap(token, type, { ...smallMap(kind), inner_map_fd: inner })
  discard(inner)
  return answerOf(result)
}
