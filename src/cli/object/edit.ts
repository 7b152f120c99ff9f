/**
 * Objects as the options of a command change them.
 *
 * @module
 */

import { CollectionSpec, type MapSpec, Named, type ProgramSpec } from '../../index.ts'
import { isDataSection } from '../../maps/index.ts'
import { UsageError } from '../form/usage-error.ts'
import { assignment, within } from './assignment.ts'
import type { ObjectValues } from './options.ts'
import { findType } from './type-by-name.ts'
import { setVariable } from './variable.ts'

/** Greatest number of entries, or of bytes. */
const MAX_SIZE = 0xffff_ffff

/**
 * Reads an object, with maps from before BTF as the options say. `editObjects` changes it.
 *
 * @throws BpfError, ObjectFileError when it cannot be read
 */
export function readObject(path: string, values: Partial<ObjectValues>): CollectionSpec {
  const layout = values['legacy-map-layout']
  return CollectionSpec.fromFile(path, layout === undefined ? {} : { legacyMap: layout })
}

/**
 * Changes objects as the options say. A name must be in one of the objects, and means that of every object that has it.
 *
 * @throws UsageError for a name that none has, and for what does not fit the thing that it names
 */
export function editObjects(
  specs: readonly CollectionSpec[],
  { only = [], without = [], 'map-size': sizes = [], record = [], set = [] }: Partial<ObjectValues>,
): void {
  const hadPrograms = specs.some(hasPrograms)
  for (const name of only) find(`--only ${name}`, 'program', programsOf(specs), name)
  if (only.length > 0) for (const each of specs) keepOnly(each, only)
  for (const name of without) leaveOut(specs, name)
  if (hadPrograms && !specs.some(hasPrograms)) throw new UsageError('every program is left out')
  for (const each of sizes) resize(specs, each)
  for (const each of record) setRecordType(specs, each)
  for (const each of set) assign(specs, each)
}

/** Whether an object has programs, those too that are not loaded by default. */
export function hasPrograms({ programs }: CollectionSpec): boolean {
  return programs.size > 0
}

function programsOf(specs: readonly CollectionSpec[]): [string, ProgramSpec][] {
  return specs.flatMap(({ programs }) => [...programs])
}

function mapsOf(specs: readonly CollectionSpec[]): [string, MapSpec][] {
  return specs.flatMap(({ maps }) => [...maps])
}

/** What has a name. */
function find<T>(option: string, what: string, things: readonly [string, T][], name: string): T[] {
  const found = things.filter(([each]) => each === name).map(([, thing]) => thing)
  // Throws what names the one that is most like it.
  if (found.length === 0) within(option, () => new Named(what, things).get(name))
  return found
}

function keepOnly(spec: CollectionSpec, names: readonly string[]): void {
  for (const [name, program] of [...spec.programs]) {
    if (names.includes(name)) program.autoload = true
    else removeProgram(spec, name)
  }
}

function leaveOut(specs: readonly CollectionSpec[], name: string): void {
  find<ProgramSpec | MapSpec>(
    `--without ${name}`,
    'program or map',
    [...programsOf(specs), ...mapsOf(specs)],
    name,
  )
  for (const spec of specs) {
    if (spec.programs.has(name)) removeProgram(spec, name)
    if (spec.maps.has(name)) spec.maps.get(name).autocreate = false
  }
}

/** Maps of operations are created for their programs: no map is created without them. */
function removeProgram(spec: CollectionSpec, name: string): void {
  spec.programs.delete(name)
  for (const map of spec.maps.values()) {
    for (const [member, program] of map.programs ?? []) {
      if (program !== name) continue
      map.programs?.delete(member)
      if (map.programs?.size === 0) map.autocreate = false
    }
  }
}

function sizeOf(option: string, text: string): number {
  const size = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : 0
  if (size >= 1 && size <= MAX_SIZE) return size
  throw new UsageError(`${option}: the size is from 1 to ${MAX_SIZE}`)
}

function resize(specs: readonly CollectionSpec[], given: string): void {
  const [name, text] = assignment('--map-size', 'MAP=N', given)
  const option = `--map-size ${given}`
  const [size = 0, valueSize, ...rest] = text.split(':').map(each => sizeOf(option, each))
  if (rest.length > 0) throw new UsageError(`${option}: a map has entries and bytes of a value, MAP=N:BYTES`)
  for (const map of find(option, 'map', mapsOf(specs), name)) {
    if (isDataSection(map) && valueSize !== undefined)
      throw new UsageError(`${option}: a data section has one value, MAP=BYTES`)
    if (valueSize !== undefined) map.valueSize = valueSize
    if (!isDataSection(map)) map.maxEntries = size
    else if (size >= (map.valueSize ?? 0)) map.valueSize = size
    else throw new UsageError(`${option}: its variables need ${map.valueSize} bytes`)
  }
}

function setRecordType(specs: readonly CollectionSpec[], given: string): void {
  const [name, type] = assignment('--record', 'MAP=TYPE', given)
  const option = `--record ${given}`
  find(option, 'map', mapsOf(specs), name)
  for (const { maps, btf } of specs) {
    if (!maps.has(name)) continue
    const map = maps.get(name)
    if (map.type !== 'ringbuf' && map.type !== 'perf_event_array')
      throw new UsageError(
        `${option}: ${name} is a map of type ${map.type}, not a ring buffer or perf buffer`,
      )
    if (btf === undefined) throw new UsageError(`${option}: the object has no types; compile it with -g`)
    delete map.valueTypeId
    Object.assign(map, { btf, recordTypeId: within(option, () => findType(btf, type)) })
  }
}

function assign(specs: readonly CollectionSpec[], given: string): void {
  const [name, text] = assignment('--set', 'NAME=VALUE', given)
  const option = `--set ${given}`
  const variables = specs.flatMap(each => [...each.variables])
  for (const variable of find(option, 'variable', variables, name))
    within(option, () => setVariable(variable, text))
}
