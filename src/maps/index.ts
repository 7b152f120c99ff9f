/**
 * Maps: what programs and user space share. `BpfMap.create(spec)` makes one; it looks like JavaScript's `Map`.
 *
 * @module
 */

export type { ArenaMemory } from './arena.ts'
export type { CreateMapOptions, KernelValueType } from './create.ts'
export type { DescriptorOwner, LookupOptions, MapUpdateOptions, UpdateMode } from './element.ts'
export type { MapInfo } from './info.ts'
export type { MapWalk } from './iterate.ts'
export type { ArrayMapType, MapOfMapsType, PerCpuMapType, PlainMapType } from './kinds.ts'
export { lpmKey } from './lpm-key.ts'
export { BpfMap } from './map.ts'
export type { MapMemory } from './memory.ts'
export { perCpu } from './per-cpu.ts'
export { pinPathOf } from './pin-path.ts'
export type { MapContent, MapSpec } from './spec.ts'
export type { DecodedOptions } from './views.ts'
