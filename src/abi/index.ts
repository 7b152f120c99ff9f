/** The kernel's enumerations, flags and struct layouts, and the first Linux releases that have them. @module */

export {
  BPF_F_ALLOW_MULTI,
  BPF_F_ALLOW_OVERRIDE,
  BPF_F_ANY_ALIGNMENT,
  BPF_F_REPLACE,
  BPF_F_SLEEPABLE,
  BPF_F_STRICT_ALIGNMENT,
  BPF_F_XDP_DEV_BOUND_ONLY,
  BPF_F_XDP_HAS_FRAGS,
  BPF_OBJ_NAME_MAX,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from './constants.ts'
export * from './generated/enums.ts'
export * from './generated/flags.ts'
export * from './generated/layouts.ts'
export { helperSince } from './helper-since.ts'
export { type EnumTable, enumName, enumNumber } from './names.ts'
export {
  attachTypeSince,
  compareReleases,
  type LinuxRelease,
  linkTypeSince,
  mapTypeSince,
  programTypeSince,
} from './since.ts'
