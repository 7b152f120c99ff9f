/**
 * The features that the library's own paths depend on, with the first kernel that has each. Tests compare
 * the versions with what the probes find on every kernel they run on.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_MAP_VALUE } from '../abi/constants.ts'
import { attachTypes, helpers } from '../abi/generated/enums.ts'
import { BPF_F_INNER_MAP, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../abi/generated/flags.ts'
import { attr, btfInfo } from '../abi/generated/layouts.ts'
import { attrResult32, bpf } from '../syscalls/bpf.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate } from '../syscalls/memory.ts'
import { kernelBtf } from './btf.ts'
import { answerOf, code, discard, loadCode, NOTHING, rawBtf, tryBtf, tryMap } from './experiment.ts'
import { defineFeature, type Feature, type ProbeAnswer } from './probe.ts'

/** `struct btf_type`: name, kind and number of members, size or type. */
function btfType(name: number, kind: number, members: number, sizeOrType: number, flag = 0): number[] {
  return [name, ((flag << 31) | (kind << 24) | members) >>> 0, sizeOrType]
}

/** Type 1 of the BTF that probes load: `int`. */
const INT = [...btfType(0, 1, 0, 4), (1 << 24) | 32].with(0, 1)

/** `[1] int, [2] void (*)(void), [3] a function with a linkage`. */
const FUNC = (linkage: number): number[] => [...INT, ...btfType(0, 13, 0, 0), ...btfType(1, 12, linkage, 2)]

/** Attaches a program to nothing with `BPF_LINK_CREATE`. */
function tryLink(load: () => number, link: (fd: number) => number, ...yes: string[]): ProbeAnswer {
  const fd = load()
  if (fd < 0) return answerOf(fd)
  const result = link(fd)
  discard(fd)
  return answerOf(discard(result), ...yes)
}

function tryUprobeMulti(attachType: 'trace_uprobe_multi' | 'trace_uprobe_session'): ProbeAnswer {
  return tryLink(
    () => loadCode('kprobe', NOTHING, attachType),
    fd =>
      bpf('link_create', {
        prog_fd: fd,
        attach_type: attachTypes[attachType],
        uprobe_multi: { path: '/', offsets: new BigUint64Array(1), cnt: 1 },
      }),
    // A directory is found unfit after everything else was found good.
    'EBADF',
  )
}

/** A symbol that no kernel has. */
const NO_SYMBOL = new TextEncoder().encode('ebpf_ts_no_such_symbol\0')

function tryKprobeMulti(attachType: 'trace_kprobe_multi' | 'trace_kprobe_session'): ProbeAnswer {
  const symbol = allocate(NO_SYMBOL.length)
  symbol.bytes.set(NO_SYMBOL)
  return tryLink(
    () => loadCode('kprobe', NOTHING, attachType),
    fd =>
      bpf('link_create', {
        prog_fd: fd,
        attach_type: attachTypes[attachType],
        kprobe_multi: { cnt: 1, syms: BigUint64Array.of(BigInt(symbol.address)) },
      }),
    // The look-up of the symbol comes after everything else was found good.
    'ESRCH',
    'ENOENT',
  )
}

/** A program that calls a subprogram: `call +1; exit; r0 = 0; exit`. */
const SUBPROGRAM = code([0x85, BPF_PSEUDO_CALL << 4, 0, 1], [0x95, 0, 0, 0], [0xb7, 0, 0, 0], [0x95, 0, 0, 0])

function tryGlobalData(): ProbeAnswer {
  const map = bpf('map_create', { map_type: 2, key_size: 4, value_size: 8, max_entries: 1 })
  if (map < 0) return answerOf(map)
  const program = loadCode(
    'socket_filter',
    code([0x18, (BPF_PSEUDO_MAP_VALUE << 4) | 1, 0, map], [0, 0, 0, 0], [0xb7, 0, 0, 0], [0x95, 0, 0, 0]),
  )
  discard(map)
  return answerOf(discard(program))
}

/** Type id of a function that the kernel calls only in test runs. */
function testFunction(): number | undefined {
  try {
    return kernelBtf().find('bpf_fentry_test1', 'func')
  } catch {
    return undefined
  }
}

function tryTracing(type: 'trace_fentry' | 'trace_fsession'): ProbeAnswer {
  const target = testFunction()
  if (target === undefined) return 'unknown'
  return tryLink(
    () => loadCode('tracing', NOTHING, type, { attach_btf_id: target }),
    fd => bpf('link_create', { prog_fd: fd, attach_type: attachTypes[type] }),
  )
}

function tryTrampoline(): ProbeAnswer {
  let target: number | undefined
  try {
    target = kernelBtf().find('vfs_read', 'func')
  } catch {}
  if (target === undefined) return 'no'
  const fentry = discard(loadCode('tracing', NOTHING, 'trace_fentry', { attach_btf_id: target }))
  if (answerOf(fentry) !== 'unknown') return answerOf(fentry)
  // A locked-down kernel refuses trampolines to root, and nothing else of this program type.
  const tracepoint = kernelBtf().find('btf_trace_sched_switch', 'typedef') ?? 0
  return discard(loadCode('tracing', NOTHING, 'trace_raw_tp', { attach_btf_id: tracepoint })) >= 0
    ? 'no'
    : 'unknown'
}

/** The kernel tells the name of a BTF object since it has those of modules. */
function tryModuleBtf(): ProbeAnswer {
  const raw = rawBtf(INT, 'a\0')
  const btf = bpf('btf_load', { btf: raw, btf_size: raw.length })
  if (btf < 0) return 'unknown'
  const info = allocate(btfInfo.$size)
  const name = allocate(8)
  info.view.setBigUint64(btfInfo.name, BigInt(name.address), true)
  info.view.setUint32(btfInfo.name_len, name.bytes.length, true)
  const result = getInfo(btf, info)
  discard(btf)
  return answerOf(result)
}

function tryLogTrueSize(): ProbeAnswer {
  const log = allocate(1 << 16)
  const fields = { log_level: 1, log_buf: log.bytes, log_size: log.bytes.length }
  const result = discard(loadCode('socket_filter', NOTHING, undefined, fields))
  if (result < 0) return 'unknown'
  return attrResult32(attr.prog_load.log_true_size) > 0 ? 'yes' : 'no'
}

/** Name of a feature in {@link features}. */
export type FeatureName =
  | 'objectNames'
  | 'dotsInNames'
  | 'bpfToBpfCalls'
  | 'globalData'
  | 'readOnlyMaps'
  | 'mmapableMaps'
  | 'innerMapFlag'
  | 'mapBatch'
  | 'btf'
  | 'btfFunc'
  | 'btfDatasec'
  | 'btfQuestionMark'
  | 'btfGlobalFunc'
  | 'btfFloat'
  | 'btfDeclTag'
  | 'btfTypeTag'
  | 'btfEnum64'
  | 'probeReadKernel'
  | 'logTrueSize'
  | 'link'
  | 'perfEventLink'
  | 'kprobeMulti'
  | 'kprobeSession'
  | 'uprobeMulti'
  | 'uprobeSession'
  | 'rawTracepointCookie'
  | 'tcx'
  | 'token'
  | 'trampoline'
  | 'tracingLink'
  | 'fsession'
  | 'moduleBtf'
  | 'kprobe'
  | 'uprobe'

/** Features by name. */
export const features: Readonly<Record<FeatureName, Feature>> = {
  /** Names of programs and maps. */
  objectNames: defineFeature('Naming an object', '4.15', () =>
    answerOf(tryMap('array', { map_name: 'probe' })),
  ),
  /** A dot in such a name. */
  dotsInNames: defineFeature('A dot in the name of an object', '5.2', () =>
    answerOf(tryMap('array', { map_name: '.probe' })),
  ),
  /** Calls between functions of a program. */
  bpfToBpfCalls: defineFeature('Calling a BPF function', '4.16', () =>
    answerOf(discard(loadCode('socket_filter', SUBPROGRAM))),
  ),
  /** Global variables: addresses inside of map values. */
  globalData: defineFeature('Global data', '5.2', tryGlobalData),
  /** Maps that programs cannot write. */
  readOnlyMaps: defineFeature('A map that programs only read', '5.2', () =>
    answerOf(tryMap('array', { map_flags: BPF_F_RDONLY_PROG })),
  ),
  /** Maps that user space maps into its memory. */
  mmapableMaps: defineFeature('Mapping a map into memory', '5.5', () =>
    answerOf(tryMap('array', { map_flags: BPF_F_MMAPABLE })),
  ),
  /** Inner maps of different sizes. */
  innerMapFlag: defineFeature('Inner maps of different sizes', '5.10', () =>
    answerOf(tryMap('array', { map_flags: BPF_F_INNER_MAP })),
  ),
  /** Batches of map elements. */
  mapBatch: defineFeature('Reading and writing map elements in batches', '5.6', () => {
    const map = bpf('map_create', { map_type: 1, key_size: 4, value_size: 4, max_entries: 2 })
    if (map < 0) return answerOf(map)
    const result = bpf('map_update_batch', {
      keys: new Uint32Array(2).fill(1),
      values: new Uint32Array(2),
      count: 2,
      map_fd: map,
    })
    discard(map)
    return answerOf(result)
  }),
  /** BTF. */
  btf: defineFeature('BTF', '4.18', () => answerOf(tryBtf(INT, 'a\0'))),
  /** BTF of functions. */
  btfFunc: defineFeature('BTF of functions', '5.0', () => answerOf(tryBtf(FUNC(0), 'a\0'))),
  /** BTF of data sections. */
  btfDatasec: defineFeature('BTF of data sections', '5.2', () =>
    answerOf(tryBtf([...INT, ...btfType(1, 14, 0, 1), 0, ...btfType(1, 15, 1, 4), 2, 0, 4], 'a\0')),
  ),
  /** BTF of data sections whose names begin with `?`. */
  btfQuestionMark: defineFeature('A question mark in BTF of data sections', '6.9', () =>
    answerOf(tryBtf([...INT, ...btfType(1, 14, 0, 1), 0, ...btfType(3, 15, 1, 4), 2, 0, 4], 'a\0?b\0')),
  ),
  /** BTF that tells global functions from static ones. */
  btfGlobalFunc: defineFeature('BTF of global functions', '5.6', () => answerOf(tryBtf(FUNC(1), 'a\0'))),
  /** BTF of floating point numbers. */
  btfFloat: defineFeature('BTF of floating point numbers', '5.13', () =>
    answerOf(tryBtf(btfType(1, 16, 0, 4), 'a\0')),
  ),
  /** BTF tags on declarations. */
  btfDeclTag: defineFeature('BTF tags on declarations', '5.16', () =>
    answerOf(tryBtf([...INT, ...btfType(1, 14, 0, 1), 1, ...btfType(1, 17, 0, 2), 0xffffffff], 'a\0')),
  ),
  /** BTF tags on types. */
  btfTypeTag: defineFeature('BTF tags on types', '5.17', () =>
    answerOf(tryBtf([...INT, ...btfType(1, 18, 0, 1), ...btfType(0, 2, 0, 2)], 'a\0')),
  ),
  /** BTF of 64-bit enums. */
  btfEnum64: defineFeature('BTF of 64-bit enums', '6.0', () =>
    answerOf(tryBtf([...btfType(1, 19, 1, 8), 1, 0, 0], 'a\0')),
  ),
  /** `bpf_probe_read_kernel` and `_user`. */
  probeReadKernel: defineFeature('The helper bpf_probe_read_kernel', '5.5', () =>
    answerOf(
      discard(
        loadCode(
          'kprobe',
          code(
            [0xbf, 0xa1, 0, 0],
            [0x07, 0x01, 0, -8],
            [0xb7, 0x02, 0, 8],
            [0xb7, 0x03, 0, 0],
            [0x85, 0, 0, helpers.probe_read_kernel],
            [0x95, 0, 0, 0],
          ),
        ),
      ),
    ),
  ),
  /** The verifier tells how large its log is. */
  logTrueSize: defineFeature("The size of the verifier's log", '6.4', tryLogTrueSize),
  /** BPF links. */
  link: defineFeature('A BPF link', '5.7', () => answerOf(bpf('link_create', { prog_fd: -1 }), 'EBADF')),
  /** Links of perf events: tracepoints, kprobes, uprobes. */
  perfEventLink: defineFeature('A BPF link for perf events', '5.15', () =>
    tryLink(
      () => loadCode('tracepoint', NOTHING),
      fd => bpf('link_create', { prog_fd: fd, target_fd: -1, attach_type: attachTypes.perf_event }),
      'EBADF',
    ),
  ),
  /** Many kprobes in one link. */
  kprobeMulti: defineFeature('A kprobe_multi link', '5.18', () => tryKprobeMulti('trace_kprobe_multi')),
  /** One program at the entry and return of many functions. */
  kprobeSession: defineFeature('A kprobe session', '6.10', () => tryKprobeMulti('trace_kprobe_session')),
  /** Many uprobes in one link. */
  uprobeMulti: defineFeature('A uprobe_multi link', '6.6', () => tryUprobeMulti('trace_uprobe_multi')),
  /** One program at the entry and return of many functions in user space. */
  uprobeSession: defineFeature('A uprobe session', '6.13', () => tryUprobeMulti('trace_uprobe_session')),
  /** Cookies of raw tracepoints. */
  rawTracepointCookie: defineFeature('A cookie of a raw tracepoint', '6.10', () =>
    answerOf(bpf('raw_tracepoint_open', { prog_fd: -1, cookie: 1n }), 'EBADF'),
  ),
  /** tcx. */
  tcx: defineFeature('tcx', '6.6', () =>
    answerOf(bpf('prog_query', { target_ifindex: 1, attach_type: attachTypes.tcx_ingress })),
  ),
  /** BPF tokens. */
  token: defineFeature('A BPF token', '6.9', () => answerOf(bpf('token_create', { bpffs_fd: -1 }), 'EBADF')),
  /** Programs at the entry and return of kernel functions, through trampolines. */
  trampoline: defineFeature('fentry and fexit', '5.5', tryTrampoline),
  /** Cookies of trampolines: links that are made by `BPF_LINK_CREATE`. */
  tracingLink: defineFeature('A cookie of fentry, fexit, fmod_ret and LSM', '6.0', () =>
    tryTracing('trace_fentry'),
  ),
  /** One program at the entry and return of a function, through a trampoline. */
  fsession: defineFeature('fsession', '7.0', () => tryTracing('trace_fsession')),
  /** BTF of modules. */
  moduleBtf: defineFeature('BTF of modules', '5.11', tryModuleBtf),
  /** Kprobes. */
  kprobe: defineFeature('A kprobe', '4.1', () =>
    existsSync('/sys/bus/event_source/devices/kprobe/type') ? 'yes' : 'no',
  ),
  /** Uprobes. */
  uprobe: defineFeature('A uprobe', '4.3', () =>
    existsSync('/sys/bus/event_source/devices/uprobe/type') ? 'yes' : 'no',
  ),
}
