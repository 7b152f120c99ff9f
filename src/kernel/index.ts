/** Facts about the running kernel: version, configuration, CPUs, types, and what it supports. @module */

export { kernelBtf, moduleBtf, moduleBtfs, releaseKernelBtf } from './btf.ts'
export { nrCpuIds, onlineCpus, possibleCpus } from './cpus.ts'
export { kernelConfig } from './kconfig.ts'
export type { PerfEventSelection } from './perf/event-attributes.ts'
export { type PerfEventAttributes, parsePerfEvent } from './perf/event-name.ts'
export { type FeatureName, features } from './probes/features.ts'
export { haveHelper } from './probes/have-helper.ts'
export { haveMapType } from './probes/have-map-type.ts'
export { haveProgramType } from './probes/have-program-type.ts'
export type { Feature, ProbeAnswer } from './probes/probe.ts'
export { tracefsPath } from './tracefs.ts'
export { type KernelVersion, kernelVersion } from './version.ts'
