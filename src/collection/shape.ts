/**
 * The shape of an object: its maps, programs and variables as TypeScript types. It exists at compile time only. With it,
 * names are checked by the compiler, and what is read and written has a type; without it names are any text, and values
 * are `unknown`.
 *
 * A shape says what decoding through BTF gives, and collections read and write through BTF, so the types are true at run
 * time as long as the shape is that of the object. This is not checked. Without a shape collections do the same: it adds
 * types, and changes nothing else.
 *
 * @module
 */

import type { MapType, ProgramType } from '../abi/generated/enums.ts'
import type { BtfInput } from '../btf/codec/value.ts'
import type { ArrayMapType, MapOfMapsType, PerCpuMapType } from '../maps/kinds.ts'
import type { BpfMap } from '../maps/map.ts'
import type { PerfRecord } from '../readers/perf/perf-record.ts'
import type { RingRecord } from '../readers/record.ts'
import type { Variable } from './variable.ts'
import type { VariableSpec } from './variable-spec.ts'

/**
 * What a shape consists of. Each part lists all names of its kind; a part that is left out leaves its names open.
 *
 * @example
 * interface Event { pid: number; comm: string; delay_ns: bigint }
 * interface Opensnoop {
 *   maps: {
 *     events: { type: 'ringbuf'; record: Event }
 *     starts: { type: 'hash'; key: number; value: bigint }
 *   }
 *   programs: { on_enter: { type: 'tracepoint' }; on_exit: { type: 'tracepoint' } }
 *   variables: { dropped: bigint }
 *   constants: { target_uid: number }
 * }
 * const spec = CollectionSpec.fromFile<Opensnoop>(new URL('./opensnoop.bpf.o', import.meta.url))
 */
export interface CollectionShape {
  /** Form of the shape, for generators. Left out, it is 1. */
  version?: 1
  /** Maps by name, data sections by the name of the section (`'.bss'`). */
  maps?: { [name: string]: MapShape }
  /** Programs by name. */
  programs?: { [name: string]: ProgramShape }
  /** Global variables that can be written after loading, by name: what they read as. */
  variables?: { [name: string]: unknown }
  /** Global variables that are constant once loaded, in `.rodata` and `.kconfig`, by name: what they read as. */
  constants?: { [name: string]: unknown }
}

/** A map of a shape. Types are those of decoded values; what has no type in BTF is a `Uint8Array`. */
export interface MapShape {
  /** Map type, which decides what the map can do. */
  type: MapType | number
  /** A key: `number` for arrays, which need no type for it. */
  key?: unknown
  /** A value; of a per-CPU map, that of one CPU. */
  value?: unknown
  /** A record of a ring buffer or perf buffer; left out where the map's definition does not name its type. */
  record?: unknown
  /** The maps in a map of maps. */
  inner?: MapShape
}

/** A program of a shape. */
export interface ProgramShape {
  /** Program type. */
  type: ProgramType | number
}

/** Names of the maps, or of the programs; any text where they are not known. */
export type ShapeNames<S extends CollectionShape, P extends 'maps' | 'programs'> = S extends {
  [K in P]: infer Part extends object
}
  ? keyof Part & string
  : string

/** The maps of a loaded collection, by name. */
export type ShapeMaps<S extends CollectionShape> = S extends { maps: infer Maps extends object }
  ? { [N in keyof Maps]: ShapeMap<Maps[N]> }
  : { [name: string]: BpfMap<unknown, unknown> }

/** A map as its shape describes it. One without elements has neither keys nor values. */
export type ShapeMap<M> = M extends { type: 'ringbuf' | 'user_ringbuf' | 'arena' }
  ? BpfMap<never, never>
  : M extends { type: MapOfMapsType }
    ? BpfMap<KeyOf<M>, InnerOf<M>, BtfInput<KeyOf<M>>, BpfMap<unknown, unknown>>
    : M extends { type: PerCpuMapType }
      ? BpfMap<KeyOf<M>, ValueOf<M>[], BtfInput<KeyOf<M>>, readonly BtfInput<ValueOf<M>>[]>
      : M extends { type: 'queue' | 'stack' }
        ? BpfMap<undefined, ValueOf<M>, undefined, BtfInput<ValueOf<M>>>
        : M extends { type: 'bloom_filter' }
          ? BpfMap<ValueOf<M>, ValueOf<M>, BtfInput<ValueOf<M>>, BtfInput<ValueOf<M>>>
          : BpfMap<KeyOf<M>, ValueOf<M>, BtfInput<KeyOf<M>>, BtfInput<ValueOf<M>>>

type KeyOf<M> = M extends { key: infer K } ? K : M extends { type: ArrayMapType } ? number : unknown
type ValueOf<M> = M extends { value: infer V } ? V : unknown
type InnerOf<M> = M extends { inner: infer I } ? ShapeMap<I> : BpfMap<unknown, unknown>

/** The global variables of a spec, by name. */
export type ShapeVariableSpecs<S extends CollectionShape> = S extends
  | { variables: object }
  | { constants: object }
  ? { [N in keyof PartOf<S, 'variables'>]: VariableSpec<PartOf<S, 'variables'>[N]> } & {
      [N in keyof PartOf<S, 'constants'>]: VariableSpec<PartOf<S, 'constants'>[N]>
    }
  : { [name: string]: VariableSpec }

/** The global variables of a loaded collection, by name; constants cannot be set. */
export type ShapeVariables<S extends CollectionShape> = S extends
  | { variables: object }
  | { constants: object }
  ? { [N in keyof PartOf<S, 'variables'>]: Variable<PartOf<S, 'variables'>[N]> } & {
      [N in keyof PartOf<S, 'constants'>]: Variable<PartOf<S, 'constants'>[N], never>
    }
  : { [name: string]: Variable }

type PartOf<S, P extends string> = S extends { [K in P]: infer Part extends object } ? Part : object

/** Names of the maps of some type; any text where the maps are not known. */
export type ShapeMapNames<S extends CollectionShape, Type extends MapType> = S extends {
  maps: infer Maps extends object
}
  ? { [N in keyof Maps & string]: Maps[N] extends { type: Type } ? N : never }[keyof Maps & string]
  : string

/** What the records of a ring buffer or perf buffer are; `unknown` where their type is not known. */
export type ShapeRecord<S extends CollectionShape, N extends string> = S extends {
  maps: { [K in N]: { record: infer R } }
}
  ? R
  : unknown

/** A record of a map as its reader gives it: those of perf buffers have a CPU. */
export type ShapeReaderRecord<S extends CollectionShape, N extends string, T> = S extends {
  maps: { [K in N]: { type: 'perf_event_array' } }
}
  ? PerfRecord<T>
  : RingRecord<T>
