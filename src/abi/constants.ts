/**
 * Constants of the BPF system call that the kernel defines as macros, which BTF does not carry.
 * The others are in `generated/`.
 *
 * Source: include/uapi/linux/bpf.h.
 *
 * @module
 */

/** Program flag: reject misaligned accesses even where the CPU allows them (4.12). */
export const BPF_F_STRICT_ALIGNMENT = 0x1
/** Program flag: accept misaligned accesses even where the CPU does not allow them (5.0). */
export const BPF_F_ANY_ALIGNMENT = 0x2
/** Program flag: the program may sleep (5.10). */
export const BPF_F_SLEEPABLE = 0x10
/** Program flag: the XDP program handles multi-buffer packets (5.18). */
export const BPF_F_XDP_HAS_FRAGS = 0x20
/** Program flag: the XDP program is bound to the device of `prog_ifindex` (6.3). */
export const BPF_F_XDP_DEV_BOUND_ONLY = 0x40

/** Attach flag: programs further down may override this one (4.10). */
export const BPF_F_ALLOW_OVERRIDE = 0x1
/** Attach flag: several programs on one hook (4.15). */
export const BPF_F_ALLOW_MULTI = 0x2
/** Attach flag: replace a given program (5.5); link update: compare with the old program (5.7). */
export const BPF_F_REPLACE = 0x4

/** `status` of a `bpf_stack_build_id` that holds nothing: the stack has ended (4.17). */
export const BPF_STACK_BUILD_ID_EMPTY = 0
/** `status` of a `bpf_stack_build_id` with a build id and an offset in its file (4.17). */
export const BPF_STACK_BUILD_ID_VALID = 1

/** `src` of `ldimm64`: `imm` is the fd of a map. */
export const BPF_PSEUDO_MAP_FD = 1
/** `src` of `ldimm64`: an address in the first value of the map with this fd (5.2). */
export const BPF_PSEUDO_MAP_VALUE = 2
/** `src` of `ldimm64`: the kernel variable with this BTF id (5.10). */
export const BPF_PSEUDO_BTF_ID = 3
/** `src` of `ldimm64`: a function of this program, as a callback (5.13). */
export const BPF_PSEUDO_FUNC = 4
/** `src` of `call`: a function of this program, relative in instructions (4.16). */
export const BPF_PSEUDO_CALL = 1
/** `src` of `call`: a kernel function with this BTF id (5.13). */
export const BPF_PSEUDO_KFUNC_CALL = 2

/** Bit of a command of `bpf(2)`: the fourth argument are attributes that all commands have in common (7.2). */
export const BPF_COMMON_ATTRS = 0x1_0000

/** Byte offsets in `struct bpf_common_attr`; `$size` is its size, of which the last four bytes are zeros. */
export const commonAttr = { log_buf: 0, log_size: 8, log_level: 12, log_true_size: 16, $size: 24 } as const

/** Longest name of a program, map or BTF object, without its terminating NUL. */
export const BPF_OBJ_NAME_MAX = 15
