/**
 * What the library makes of an object, in the words of the twin.
 *
 * @module
 */

import { attachTypes, mapTypes, programTypes } from '../../src/abi/generated/enums.ts'
import type { EnumTable } from '../../src/abi/names.ts'
import { slotCount } from '../../src/asm/instruction.ts'
import { BpfError } from '../../src/base/errors.ts'
import { Collection } from '../../src/collection/collection.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { aloneSpec } from '../../src/inspect/alone.ts'
import { inspectObject } from '../../src/inspect/inspect.ts'
import { verifyProgram } from '../../src/inspect/verify.ts'
import type { LoadFacts, MapFacts, ObjectFacts, ProgramFacts } from './facts.ts'

/**
 * Reads an object.
 *
 * @param load whether each of its programs is loaded as well, alone
 * @throws Error when nothing is found in it, and nothing says why
 */
export function ourFacts(object: string, load: boolean): ObjectFacts {
  try {
    const spec = CollectionSpec.fromFile(object)
    const { programs, noPrograms, maps, variables } = inspectObject(spec)
    if (programs.length + maps.length + variables.length === 0 && noPrograms === null) {
      throw new Error(`${object} is read as empty`)
    }
    return {
      object,
      error: 0,
      message: '',
      maps: [...spec.maps.values()].map(
        (map): MapFacts => ({
          map: nameOf(map.name),
          type: numberOf(mapTypes, map.type),
          key: map.keySize ?? 0,
          value: map.valueSize ?? 0,
          entries: map.maxEntries ?? 0,
          flags: map.flags ?? 0,
          extra: Number(map.mapExtra ?? 0n),
        }),
      ),
      programs: [...spec.programs].map(
        ([program, { sectionName, type, expectedAttachType, instructions, autoload }]): ProgramFacts => ({
          program,
          section: (sectionName ?? '').replace(/^\?/, ''),
          type: numberOf(programTypes, type),
          attach: numberOf(attachTypes, expectedAttachType ?? 0),
          instructions: instructions.reduce((sum, each) => sum + slotCount(each), 0),
          autoload: autoload !== false,
        }),
      ),
      loads: load ? [...spec.programs.keys()].map(name => loadFacts(spec, name)) : [],
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return { object, error: 1, message: error.message, maps: [], programs: [], loads: [] }
  }
}

/** libbpf cuts the names of these sections, and of no others. Source: libbpf `map_uses_real_name`. */
export function nameOf(map: string): string {
  return map.startsWith('.bss.') ? map.slice(0, NAME_LENGTH) : map
}

/** `BPF_OBJ_NAME_LEN`, without the NUL. */
const NAME_LENGTH = 15

function numberOf(table: EnumTable, value: string | number): number {
  return typeof value === 'number' ? value : table[value]!
}

function loadFacts(spec: CollectionSpec, name: string): LoadFacts {
  const { refusal, statistics } = verifyProgram(spec, name)
  const processed = statistics?.instructions ?? -1
  if (refusal !== null) {
    const { message, cause } = refusal
    return { load: name, error: 1, processed, tag: '', message: cause ?? message }
  }
  using collection = Collection.load(aloneSpec(spec, name))
  // A struct_ops program for a member that the kernel lacks is left out.
  const tag = collection.programs.has(name) ? collection.programs.get(name).info().tag : ''
  return { load: name, error: 0, processed, tag, message: '' }
}
