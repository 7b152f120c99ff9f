/** Facts about the running kernel: version, configuration, CPUs, types, and what it supports. @module */

export { kernelBtf, moduleBtf, moduleBtfs, releaseKernelBtf } from './btf.ts'
export { onlineCpus, possibleCpus } from './cpus.ts'
export { type FeatureName, features } from './features.ts'
export { haveHelper } from './have-helper.ts'
export { haveMapType } from './have-map-type.ts'
export { haveProgramType } from './have-program-type.ts'
export { kernelConfig } from './kconfig.ts'
export type { Feature, ProbeAnswer } from './probe.ts'
export { tracefsPath } from './tracefs.ts'
export { type KernelVersion, kernelVersion } from './version.ts'
