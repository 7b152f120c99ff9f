/**
 * First Linux release with each feature that no enumeration of the kernel lists; `since.ts` and `helper-since.ts` have the
 * others.
 *
 * Distributions bring some of them to older kernels, and leave some out of newer ones: what the running kernel has is
 * for the probes of `ebpf-ts/kernel` to say. Tests compare the two on every kernel they run on.
 *
 * Source: git history of kernel/bpf, include/uapi/linux/bpf.h and the file that a comment names.
 *
 * @module
 */

/** First release with each feature. */
export const featureSince = {
  /** Names of programs and maps. */
  objectNames: '4.15',
  /** A dot in such a name. */
  dotsInNames: '5.2',
  /** Links of kernel objects. */
  link: '5.7',
  /** Attributes that all commands have in common, among them a log: the reason of a refused map. */
  commonAttributes: '7.2',
  /** BPF tokens. */
  token: '6.9',
  /** Maps that a program is bound to without using them (`BPF_PROG_BIND_MAP`). */
  boundMaps: '5.10',
  /** `kernel.unprivileged_bpf_disabled` no longer concerns commands besides loading, and creating maps. */
  unprivilegedCommands: '5.19',
  /** Memory of maps and programs counts for the control group instead of `RLIMIT_MEMLOCK`. */
  memoryAccounting: '5.11',

  // Maps
  /** Maps that programs cannot write (`BPF_F_RDONLY_PROG`). */
  readOnlyMaps: '5.2',
  /** Maps that user space maps into its memory (`BPF_F_MMAPABLE`). */
  mmapableMaps: '5.5',
  /** Inner maps of different sizes (`BPF_F_INNER_MAP`). */
  innerMapFlag: '5.10',
  /** Batch commands, for hashes and arrays. */
  mapBatch: '5.6',
  /** Batch commands of per-CPU arrays. */
  perCpuArrayBatch: '5.13',
  /** Batch commands of LPM tries. */
  lpmTrieBatch: '5.13',
  /** Batch commands of maps of maps. */
  mapOfMapsBatch: '5.19',
  /** Every command on a map's descriptor without a capability: freezing was the last to need one. */
  mapsWithoutCapabilities: '6.5',
  /** Reading and writing the value of one CPU (`BPF_F_CPU`), and one value for all of them (`BPF_F_ALL_CPUS`). */
  oneCpuValues: '7.0',
  /** Maps that one program alone may use (`excl_prog_hash`). */
  exclusiveMaps: '6.18',
  /** The SHA-256 of the contents of a frozen array. */
  mapHash: '6.18',
  /** `bpf_trace_printk` is an event (kernel/trace/bpf_trace.h), which instances of tracefs may have. */
  printkEvent: '5.9',
  /** Lookup and delete in one call, for hashes. */
  hashLookupAndDelete: '5.14',

  // BTF
  /** BTF. */
  btf: '4.18',
  /** BTF of functions. */
  btfFunc: '5.0',
  /** BTF of data sections. */
  btfDatasec: '5.2',
  /** BTF of data sections whose names begin with `?`. */
  btfQuestionMark: '6.9',
  /** BTF that distinguishes global functions from static ones. */
  btfGlobalFunc: '5.6',
  /** BTF of floating point numbers. */
  btfFloat: '5.13',
  /** BTF tags on declarations. */
  btfDeclTag: '5.16',
  /** BTF tags on types. */
  btfTypeTag: '5.17',
  /** BTF of 64-bit enums. */
  btfEnum64: '6.0',
  /** BTF of modules. */
  moduleBtf: '5.11',

  // Programs
  /** Calls between functions of a program. */
  bpfToBpfCalls: '4.16',
  /** Addresses of functions of a program, for callbacks. */
  functionAddresses: '5.13',
  /** Global variables: addresses inside of map values. */
  globalData: '5.2',
  /** Calls of kernel functions. */
  kfuncCalls: '5.13',
  /** Variables of the kernel. */
  kernelVariables: '5.10',
  /** Loops that the verifier can bound. */
  loops: '5.3',
  /** The verifier reports how large its log is. */
  logTrueSize: '6.4',
  /** A log of the verifier's statistics alone (`BPF_LOG_STATS`). */
  verifierStatistics: '5.2',
  /** Programs that may sleep. */
  sleepablePrograms: '5.10',
  /** Programs at uprobes that may sleep. */
  sleepableUprobes: '6.0',
  /** Programs at tracepoints that may sleep: those of the entry and the return of system calls. */
  sleepableTracepoints: '7.2',
  /** XDP programs for packets of several buffers. */
  xdpFragments: '5.18',

  /** Maps that a program is loaded with, whether it uses them or not (`fd_array_cnt`). */
  mapsAtLoad: '6.14',
  /** Signatures of instructions. */
  programSignatures: '6.18',

  // Instructions
  /** Jumps on "less than" (`-mcpu=v2`). */
  instructionsV2: '4.14',
  /** Jumps on 32 bits (`-mcpu=v3`). */
  jumps32: '5.1',
  /** Signed division, sign extension, `bswap`, `gotol` (`-mcpu=v4`). */
  instructionsV4: '6.6',
  /** Atomic operations beyond addition. */
  atomics: '5.12',
  /** `may_goto`. */
  mayGoto: '6.9',
  /** Loads that acquire, stores that release. */
  acquireRelease: '6.15',
  /** Jumps to an address in a register. */
  indirectJumps: '6.19',
  /** Calls with up to twelve arguments, through `r11`. */
  stackArguments: '7.2',

  // Programs
  /** What programs write, and what the kernel reports of them. Source: kernel/bpf/stream.c. */
  programStreams: '6.17',
  /** Programs that know the instance of operations they work for. */
  structOpsAssociation: '7.0',
  /** Places of programs among those of a control group. Source: kernel/bpf/cgroup.c `cgroup_bpf_attach`. */
  cgroupOrder: '6.17',
  /** Programs that run before those of control groups below. Source: kernel/bpf/cgroup.c `compute_effective_progs`. */
  cgroupPreorder: '6.15',
  /** Iterators over the children of a control group. Source: kernel/bpf/cgroup_iter.c. */
  cgroupChildren: '7.0',

  // Attaching
  /** Uprobes. */
  uprobe: '4.3',
  /** The file of many uprobes by its descriptor (`BPF_F_UPROBE_MULTI_PATH_FD`). Source: kernel/trace/bpf_trace.c. */
  uprobeMultiDescriptor: '7.2',
  /** Kprobes and uprobes as perf events of their own. Source: kernel/trace/trace_event_perf.c. */
  probePmu: '4.17',
  /** Cookies of raw tracepoints. */
  rawTracepointCookie: '6.10',
  /** Programs at the entry and return of kernel functions, on arm64. Source: arch/arm64/net/bpf_jit_comp.c. */
  trampolineArm64: '6.0',
  /** Trampolines attached with `BPF_LINK_CREATE`, and their cookies. */
  tracingLink: '6.0',
  /** The kfunc `bpf_modify_return_test_tp`. Source: net/bpf/test_run.c. */
  modifyReturnTestKfunc: '6.10',
} as const
