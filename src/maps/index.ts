/**
 * Maps: what programs and user space share. `BpfMap.create(spec)` makes one; it looks like JavaScript's `Map`.
 *
 * @module
 */

export type { ArenaMemory } from './arena.ts'
export { incompatibilities } from './compatible.ts'
export { type CreateMapOptions, createdSpec, type KernelValueType } from './create.ts'
export type { DescriptorOwner, LookupOptions, UpdateMode, UpdateOptions } from './element.ts'
export type { MapInfo } from './info.ts'
export type { MapWalk } from './iterate.ts'
export {
  hasNoElements,
  isKeyless,
  isMapOfMaps,
  isPerCpu,
  type MapOfMapsType,
  type PerCpuMapType,
} from './kinds.ts'
export { lpmKey } from './lpm-key.ts'
export { BpfMap, innerMap } from './map.ts'
export type { MapMemory } from './memory.ts'
export { perCpu, perCpuStride } from './per-cpu.ts'
export { pinPathOf } from './pin-path.ts'
export { copyMapSpec, type MapContent, type MapSpec } from './spec.ts'
