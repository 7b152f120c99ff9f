/**
 * Where the library and its twin differ about an object. Pure.
 *
 * @module
 */

import type { LoadFacts, MapFacts, ObjectFacts, ProgramFacts } from './facts.ts'

/** A fact: values by name. */
export type Fact = Readonly<Record<string, string | number | boolean>>

/** A difference about one thing in one object. */
export interface Difference {
  readonly object: string
  readonly about: 'object' | 'map' | 'program' | 'load'
  /** Name of the map or program; `''` for the object. */
  readonly name: string
  /** What differs: names of facts, `'verdict'`, or `'missing'` when one side does not have the thing at all. */
  readonly fields: readonly string[]
  /** What the library says; `undefined` when it does not have the thing. */
  readonly ours: Fact | undefined
  readonly twins: Fact | undefined
}

/** How much was compared, and how much of it is the same. */
export interface Counts {
  /** Objects that one side at least could read, and those that both could. */
  objects: number
  readable: number
  /** Programs of objects that both could read. */
  programs: number
  /** Of these, those that both say are good. */
  loaded: number
  sameVerdict: number
  sameProcessed: number
  sameTag: number
}

/** Nothing compared yet. */
export function emptyCounts(): Counts {
  return {
    objects: 0,
    readable: 0,
    programs: 0,
    loaded: 0,
    sameVerdict: 0,
    sameProcessed: 0,
    sameTag: 0,
  }
}

/** Compares what both say about an object, and adds to the counts. */
export function compareObject(ours: ObjectFacts, twins: ObjectFacts, counts: Counts): Difference[] {
  const { object } = ours
  counts.objects++
  if (ours.error !== 0 || twins.error !== 0) {
    if (ours.error !== 0 && twins.error !== 0) return []
    const fact = ({ error, message }: ObjectFacts): Fact => ({ error, message })
    return [{ object, about: 'object', name: '', fields: ['verdict'], ours: fact(ours), twins: fact(twins) }]
  }
  counts.readable++
  return [
    ...compareLists(object, 'map', byName(ours.maps, mapName), byName(twins.maps, mapName)),
    ...compareLists(
      object,
      'program',
      byName(ours.programs, programName),
      byName(twins.programs, programName),
    ),
    ...compareLoads(object, ours.loads, twins.loads, counts),
  ]
}

const mapName = ({ map }: MapFacts): string => map
const programName = ({ program }: ProgramFacts): string => program
const loadName = ({ load }: LoadFacts): string => load

function byName<T>(facts: readonly T[], name: (fact: T) => string): Map<string, Fact> {
  return new Map(facts.map(fact => [name(fact), { ...fact } as Fact]))
}

function compareLists(
  object: string,
  about: 'map' | 'program',
  ours: ReadonlyMap<string, Fact>,
  twins: ReadonlyMap<string, Fact>,
): Difference[] {
  return [...new Set([...ours.keys(), ...twins.keys()])].flatMap(name => {
    const [a, b] = [ours.get(name), twins.get(name)]
    const fields =
      a === undefined || b === undefined ? ['missing'] : Object.keys(b).filter(field => a[field] !== b[field])
    return fields.length === 0 ? [] : [{ object, about, name, fields, ours: a, twins: b }]
  })
}

function compareLoads(
  object: string,
  ours: readonly LoadFacts[],
  twins: readonly LoadFacts[],
  counts: Counts,
): Difference[] {
  const others = byName(twins, loadName)
  return ours.flatMap(load => {
    const other = others.get(load.load)
    // That one side does not have the program was told already.
    if (other === undefined) return []
    const verdict = (load.error === 0) === (other.error === 0)
    const processed = load.processed === other.processed
    const tag = load.tag === other.tag
    counts.programs++
    if (verdict && load.error === 0) counts.loaded++
    if (verdict) counts.sameVerdict++
    if (processed) counts.sameProcessed++
    if (tag) counts.sameTag++
    const fields = [
      ...(verdict ? [] : ['verdict']),
      ...(processed ? [] : ['processed']),
      ...(tag ? [] : ['tag']),
    ]
    if (fields.length === 0) return []
    return [{ object, about: 'load', name: load.load, fields, ours: { ...load } as Fact, twins: other }]
  })
}
