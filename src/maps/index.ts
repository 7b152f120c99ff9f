/**
 * Maps: what programs and user space share. `BpfMap.create(spec)` makes one; it looks like JavaScript's `Map`.
 *
 * @module
 */

export type { CreateMapOptions } from './create/options.ts'
export type { LookupOptions, MapUpdateOptions, UpdateMode } from './element.ts'
export { contentsHash, type MapInfo } from './info.ts'
export type { MapWalk } from './iterate.ts'
export type { ArenaMemory } from './kinds/arena.ts'
export type { MapMemory } from './kinds/array-memory.ts'
export type { DescriptorOwner } from './kinds/descriptors.ts'
export { lpmKey } from './kinds/lpm-trie.ts'
export { type PerCpuCodec, perCpu } from './kinds/per-cpu.ts'
export { parseStack, StackMap } from './kinds/stack-trace.ts'
export type { KernelValueType } from './kinds/struct-ops.ts'
export type { ArrayMapType, MapOfMapsType, PerCpuMapType, PlainMapType } from './kinds.ts'
export { BpfMap } from './map.ts'
export type { AllCpuValues, OneCpuValues, ValueOfCpu } from './one-cpu.ts'
export { pinPathOf } from './pin-path.ts'
export { isDataSection, type MapContent, type MapSpec } from './spec.ts'
export type { DecodedOptions } from './views.ts'
