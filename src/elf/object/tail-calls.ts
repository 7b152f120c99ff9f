/**
 * Tail calls as iproute2 has them: a program of section `ID/INDEX` belongs into the program array with that `id`, at
 * that index.
 *
 * Source: iproute2 lib/bpf_legacy.c `bpf_fill_prog_arrays`, lib/bpf_libbpf.c `update_legacy_tail_call_maps`.
 *
 * @module
 */

import type { ProgramSpec } from '../../programs/spec.ts'
import type { LegacyMaps } from './legacy-maps.ts'

/** Two numbers as C writes them: decimal, octal or hexadecimal. */
const SECTION = /^(0x[\da-f]+|0[0-7]*|[1-9]\d*)\/(0x[\da-f]+|0[0-7]*|[1-9]\d*)$/i

/** Puts programs into the contents of the program arrays that their sections name. */
export function fillTailCalls(
  programs: Iterable<ProgramSpec>,
  { byId, indexKey }: Pick<LegacyMaps, 'byId' | 'indexKey'>,
): void {
  if (byId.size === 0) return
  const done = new Set<string>()
  for (const { name = '', sectionName = '' } of programs) {
    const [, id, index] = SECTION.exec(sectionName) ?? []
    // Of several programs in a section, it is the first one that is called.
    if (id === undefined || index === undefined || done.has(sectionName)) continue
    const map = byId.get(parse(id))
    if (map?.type !== 'prog_array' || parse(index) > 0xffff_ffff) continue
    done.add(sectionName)
    map.contents ??= []
    map.contents.push({ key: indexKey(parse(index)), value: { program: name } })
  }
}

function parse(number: string): number {
  return /^0\d/.test(number) ? Number.parseInt(number, 8) : Number(number)
}
