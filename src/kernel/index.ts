/** Facts about kernels, and about the running one. @module */

export { helperSince } from '../abi/helper-since.ts'
export {
  attachTypeSince,
  compareReleases,
  type LinuxRelease,
  linkTypeSince,
  mapTypeSince,
  programTypeSince,
} from '../abi/since.ts'
export { kernelBtf, moduleBtf, moduleBtfs, releaseKernelBtf } from './btf.ts'
export { onlineCpus, parseCpuList, possibleCpus } from './cpus.ts'
export { failure } from './failure.ts'
export { type FeatureName, features } from './features.ts'
export { haveHelper, knowsHelper } from './have-helper.ts'
export { haveMapType } from './have-map-type.ts'
export { haveProgramType } from './have-program-type.ts'
export { attachCookie, kernelConfig, parseKconfig } from './kconfig.ts'
export { countsMemlock, raiseMemlockLimit } from './memlock.ts'
export { explainPermission, explainPrivileges, type PermissionFacts, permissionFacts } from './permission.ts'
export { defineFeature, type Feature, type ProbeAnswer, predates } from './probe.ts'
export type { BtfObjectInfo } from './raw-btf.ts'
export { traceEventId, tracefsPath } from './tracefs.ts'
export {
  type KernelVersion,
  kernelVersion,
  parseKernelVersion,
  upstreamVersion,
  versionOf,
} from './version.ts'
