/** Facts about kernels, and about the running one. @module */

export {
  attachTypeSince,
  compareReleases,
  helperSince,
  type LinuxRelease,
  linkTypeSince,
  mapTypeSince,
  programTypeSince,
} from '../abi/index.ts'
export { kernelBtf, moduleBtf, moduleBtfs, releaseKernelBtf } from './btf.ts'
export { BtfObject } from './btf-object.ts'
export { onlineCpus, parseCpuList, possibleCpus } from './cpus.ts'
export { explainFunction, type FunctionFacts, functionFacts, type ProbeKind } from './explain-function.ts'
export { failure } from './failure.ts'
export { type FeatureName, features } from './features.ts'
export { haveHelper, knowsHelper } from './have-helper.ts'
export { haveMapType } from './have-map-type.ts'
export { haveProgramType } from './have-program-type.ts'
export { type KernelSymbol, KernelSymbols, type SymbolAt, splitModule } from './kallsyms.ts'
export { attachCookie, kernelConfig, parseKconfig } from './kconfig.ts'
export { listObjects } from './list-objects.ts'
export { countsMemlock, raiseMemlockLimit } from './memlock.ts'
export { type ObjectKind, objectKind } from './object-kind.ts'
export { objectName } from './object-name.ts'
export { explainPermission, explainPrivileges, type PermissionFacts, permissionFacts } from './permission.ts'
export {
  getPinned,
  type OpenPinOptions,
  type PinnedKind,
  type PinOptions,
  pinObject,
  unpinPath,
} from './pin.ts'
export { defineFeature, type Feature, type ProbeAnswer, predates } from './probe.ts'
export type { BtfObjectInfo } from './raw-btf.ts'
export { syscallPrefix } from './syscall-wrapper.ts'
export {
  ambiguousFunctions,
  kprobeBlacklist,
  parseTraceableFunctions,
  type TraceableFunction,
  traceableFunctions,
} from './traceable.ts'
export { traceEventId, tracefsPath } from './tracefs.ts'
export {
  type KernelVersion,
  kernelVersion,
  parseKernelVersion,
  upstreamVersion,
  versionOf,
} from './version.ts'
