/**
 * The features that the library's own paths depend on, with the first kernel that has each. Tests compare
 * the versions with what the probes find on every kernel they run on.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { attachTypes } from '../abi/generated/enums.ts'
import { BPF_F_INNER_MAP, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../abi/generated/flags.ts'
import { attr, btfInfo } from '../abi/generated/layouts.ts'
import { helperSince } from '../abi/helper-since.ts'
import { attachTypeSince, linkTypeSince, programTypeSince } from '../abi/since.ts'
import { add, mov } from '../asm/alu.ts'
import { call, callFunction, loadMapValue } from '../asm/calls.ts'
import type { Instruction } from '../asm/instruction.ts'
import { exit, label } from '../asm/jumps.ts'
import { r0, r1, r2, r3, r10 } from '../asm/registers.ts'
import { EBADF, ENOENT, ESRCH } from '../base/errno.ts'
import type { BtfBuilder } from '../btf/builder.ts'
import type { BtfLinkage } from '../btf/types.ts'
import { attrResult32, bpf } from '../syscalls/bpf.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate } from '../syscalls/memory.ts'
import { kernelBtf } from './btf.ts'
import { addInt, answerOf, discard, doNothing, loadCode, loadTypes, makeMap, tryMap } from './experiment.ts'
import { pmuType } from './pmu.ts'
import { defineFeature, type Feature, type ProbeAnswer } from './probe.ts'
import { tryToken } from './tokens/create.ts'
import type { TokenHandle } from './tokens/handle.ts'

/** A token, or none. */
type Token = TokenHandle | undefined

/** Attaches a program to nothing with `BPF_LINK_CREATE`. */
function tryLink(load: () => number, link: (fd: number) => number, ...yes: number[]): ProbeAnswer {
  const fd = load()
  if (fd < 0) return answerOf(fd)
  const result = link(fd)
  discard(fd)
  return answerOf(discard(result), ...yes)
}

function tryUprobeMulti(
  token: Token,
  attachType: 'trace_uprobe_multi' | 'trace_uprobe_session',
): ProbeAnswer {
  return tryLink(
    () => loadCode(token, 'kprobe', doNothing(), attachType),
    fd =>
      bpf('link_create', {
        prog_fd: fd,
        attach_type: attachTypes[attachType],
        uprobe_multi: { path: '/', offsets: new BigUint64Array(1), cnt: 1 },
      }),
    // A directory is found unfit after everything else was found good.
    EBADF,
  )
}

/** A symbol that no kernel has. */
const NO_SYMBOL = new TextEncoder().encode('ebpf_ts_no_such_symbol\0')

function tryKprobeMulti(
  token: Token,
  attachType: 'trace_kprobe_multi' | 'trace_kprobe_session',
): ProbeAnswer {
  const symbol = allocate(NO_SYMBOL.length)
  symbol.bytes.set(NO_SYMBOL)
  return tryLink(
    () => loadCode(token, 'kprobe', doNothing(), attachType),
    fd =>
      bpf('link_create', {
        prog_fd: fd,
        attach_type: attachTypes[attachType],
        kprobe_multi: { cnt: 1, syms: BigUint64Array.of(BigInt(symbol.address)) },
      }),
    // The look-up of the symbol comes after everything else was found good.
    ESRCH,
    ENOENT,
  )
}

/** A program that calls a function of its own. */
function withSubprogram(): Instruction[] {
  return [callFunction('f'), exit(), label('f', mov(r0, 0)), exit()]
}

function tryGlobalData(token: Token): ProbeAnswer {
  const map = makeMap(token, 'array', { value_size: 8 })
  if (map < 0) return answerOf(map)
  const program = loadCode(token, 'socket_filter', [loadMapValue(r1, map), ...doNothing()])
  discard(map)
  return answerOf(discard(program))
}

function tryProbeReadKernel(token: Token): ProbeAnswer {
  const instructions = [mov(r1, r10), add(r1, -8), mov(r2, 8), mov(r3, 0), call('probe_read_kernel'), exit()]
  return answerOf(discard(loadCode(token, 'kprobe', instructions)))
}

/** Type id of a function that the kernel calls only in test runs. */
function testFunction(): number | undefined {
  try {
    return kernelBtf().find('bpf_fentry_test1', 'func')
  } catch {
    return undefined
  }
}

function tryTracing(token: Token, type: 'trace_fentry' | 'trace_fsession'): ProbeAnswer {
  const target = testFunction()
  if (target === undefined) return 'unknown'
  return tryLink(
    () => loadCode(token, 'tracing', doNothing(), type, { attach_btf_id: target }),
    fd => bpf('link_create', { prog_fd: fd, attach_type: attachTypes[type] }),
  )
}

function tryTrampoline(token: Token): ProbeAnswer {
  let target: number | undefined
  try {
    target = kernelBtf().find('vfs_read', 'func')
  } catch {}
  if (target === undefined) return 'no'
  const fentry = discard(loadCode(token, 'tracing', doNothing(), 'trace_fentry', { attach_btf_id: target }))
  if (answerOf(fentry) !== 'unknown') return answerOf(fentry)
  // A locked-down kernel refuses trampolines to root, and nothing else of this program type.
  const tracepoint = kernelBtf().find('btf_trace_sched_switch', 'typedef') ?? 0
  return discard(loadCode(token, 'tracing', doNothing(), 'trace_raw_tp', { attach_btf_id: tracepoint })) >= 0
    ? 'no'
    : 'unknown'
}

/** The kernel tells the name of a BTF object since it has those of modules. */
function tryModuleBtf(token: Token): ProbeAnswer {
  const btf = loadTypes(token, addInt)
  if (btf < 0) return 'unknown'
  const info = allocate(btfInfo.$size)
  const name = allocate(8)
  info.view.setBigUint64(btfInfo.name, BigInt(name.address), true)
  info.view.setUint32(btfInfo.name_len, name.bytes.length, true)
  const result = getInfo(btf, info)
  discard(btf)
  return answerOf(result)
}

function tryLogTrueSize(token: Token): ProbeAnswer {
  const log = allocate(1 << 16)
  const fields = { log_level: 1, log_buf: log.bytes, log_size: log.bytes.length }
  const result = discard(loadCode(token, 'socket_filter', doNothing(), undefined, fields))
  if (result < 0) return 'unknown'
  return attrResult32(attr.prog_load.log_true_size) > 0 ? 'yes' : 'no'
}

/** Loads BTF to see whether the kernel takes it. */
function tryTypes(token: Token, add: (btf: BtfBuilder) => void): ProbeAnswer {
  return answerOf(discard(loadTypes(token, add)))
}

function addFunction(btf: BtfBuilder, linkage: BtfLinkage): void {
  addInt(btf)
  const type = btf.add({ kind: 'func_proto', name: '', type: 0, params: [] })
  btf.add({ kind: 'func', name: 'a', type, linkage })
}

/** Adds a data section with one variable. */
function addSection(btf: BtfBuilder, name: string): void {
  const type = btf.add({ kind: 'var', name: 'a', type: addInt(btf), linkage: 'static' })
  btf.add({ kind: 'datasec', name, size: 4, variables: [{ type, offset: 0, size: 4 }] })
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
  objectNames: defineFeature('Naming an object', featureSince.objectNames, token =>
    answerOf(tryMap(token, 'array', { map_name: 'probe' })),
  ),
  /** A dot in such a name. */
  dotsInNames: defineFeature('A dot in the name of an object', featureSince.dotsInNames, token =>
    answerOf(tryMap(token, 'array', { map_name: '.probe' })),
  ),
  /** Calls between functions of a program. */
  bpfToBpfCalls: defineFeature('Calling a BPF function', featureSince.bpfToBpfCalls, token =>
    answerOf(discard(loadCode(token, 'socket_filter', withSubprogram()))),
  ),
  /** Global variables: addresses inside of map values. */
  globalData: defineFeature('Global data', featureSince.globalData, tryGlobalData),
  /** Maps that programs cannot write. */
  readOnlyMaps: defineFeature('A map that programs only read', featureSince.readOnlyMaps, token =>
    answerOf(tryMap(token, 'array', { map_flags: BPF_F_RDONLY_PROG })),
  ),
  /** Maps that user space maps into its memory. */
  mmapableMaps: defineFeature('Mapping a map into memory', featureSince.mmapableMaps, token =>
    answerOf(tryMap(token, 'array', { map_flags: BPF_F_MMAPABLE })),
  ),
  /** Inner maps of different sizes. */
  innerMapFlag: defineFeature('Inner maps of different sizes', featureSince.innerMapFlag, token =>
    answerOf(tryMap(token, 'array', { map_flags: BPF_F_INNER_MAP })),
  ),
  /** Batches of map elements. */
  mapBatch: defineFeature('Reading and writing map elements in batches', featureSince.mapBatch, token => {
    const map = makeMap(token, 'hash', { max_entries: 2 })
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
  btf: defineFeature('BTF', featureSince.btf, token => tryTypes(token, addInt)),
  /** BTF of functions. */
  btfFunc: defineFeature('BTF of functions', featureSince.btfFunc, token =>
    tryTypes(token, btf => addFunction(btf, 'static')),
  ),
  /** BTF of data sections. */
  btfDatasec: defineFeature('BTF of data sections', featureSince.btfDatasec, token =>
    tryTypes(token, btf => addSection(btf, 'a')),
  ),
  /** BTF of data sections whose names begin with `?`. */
  btfQuestionMark: defineFeature(
    'A question mark in BTF of data sections',
    featureSince.btfQuestionMark,
    token => tryTypes(token, btf => addSection(btf, '?b')),
  ),
  /** BTF that tells global functions from static ones. */
  btfGlobalFunc: defineFeature('BTF of global functions', featureSince.btfGlobalFunc, token =>
    tryTypes(token, btf => addFunction(btf, 'global')),
  ),
  /** BTF of floating point numbers. */
  btfFloat: defineFeature('BTF of floating point numbers', featureSince.btfFloat, token =>
    tryTypes(token, btf => btf.add({ kind: 'float', name: 'a', size: 4 })),
  ),
  /** BTF tags on declarations. */
  btfDeclTag: defineFeature('BTF tags on declarations', featureSince.btfDeclTag, token =>
    tryTypes(token, btf => {
      const type = btf.add({ kind: 'var', name: 'a', type: addInt(btf), linkage: 'global' })
      btf.add({ kind: 'decl_tag', name: 'a', type, component: -1, attribute: false })
    }),
  ),
  /** BTF tags on types. */
  btfTypeTag: defineFeature('BTF tags on types', featureSince.btfTypeTag, token =>
    tryTypes(token, btf => {
      const type = btf.add({ kind: 'type_tag', name: 'a', type: addInt(btf), attribute: false })
      btf.add({ kind: 'ptr', name: '', type })
    }),
  ),
  /** BTF of 64-bit enums. */
  btfEnum64: defineFeature('BTF of 64-bit enums', featureSince.btfEnum64, token =>
    tryTypes(token, btf =>
      btf.add({ kind: 'enum64', name: 'a', size: 8, signed: false, values: [{ name: 'a', value: 0n }] }),
    ),
  ),
  /** `bpf_probe_read_kernel` and `_user`. */
  probeReadKernel: defineFeature(
    'The helper bpf_probe_read_kernel',
    helperSince.probe_read_kernel,
    tryProbeReadKernel,
  ),
  /** The verifier tells how large its log is. */
  logTrueSize: defineFeature("The size of the verifier's log", featureSince.logTrueSize, tryLogTrueSize),
  /** BPF links. */
  link: defineFeature('A BPF link', featureSince.link, () =>
    answerOf(bpf('link_create', { prog_fd: -1 }), EBADF),
  ),
  /** Links of perf events: tracepoints, kprobes, uprobes. */
  perfEventLink: defineFeature('A BPF link for perf events', linkTypeSince.perf_event, token =>
    tryLink(
      () => loadCode(token, 'tracepoint', doNothing()),
      fd => bpf('link_create', { prog_fd: fd, target_fd: -1, attach_type: attachTypes.perf_event }),
      EBADF,
    ),
  ),
  /** Many kprobes in one link. */
  kprobeMulti: defineFeature('A kprobe_multi link', linkTypeSince.kprobe_multi, token =>
    tryKprobeMulti(token, 'trace_kprobe_multi'),
  ),
  /** One program at the entry and return of many functions. */
  kprobeSession: defineFeature('A kprobe session', attachTypeSince.trace_kprobe_session, token =>
    tryKprobeMulti(token, 'trace_kprobe_session'),
  ),
  /** Many uprobes in one link. */
  uprobeMulti: defineFeature('A uprobe_multi link', linkTypeSince.uprobe_multi, token =>
    tryUprobeMulti(token, 'trace_uprobe_multi'),
  ),
  /** One program at the entry and return of many functions in user space. */
  uprobeSession: defineFeature('A uprobe session', attachTypeSince.trace_uprobe_session, token =>
    tryUprobeMulti(token, 'trace_uprobe_session'),
  ),
  /** Cookies of raw tracepoints. */
  rawTracepointCookie: defineFeature('A cookie of a raw tracepoint', featureSince.rawTracepointCookie, () =>
    answerOf(bpf('raw_tracepoint_open', { prog_fd: -1, cookie: 1n }), EBADF),
  ),
  /** tcx. */
  tcx: defineFeature('tcx', attachTypeSince.tcx_ingress, () =>
    answerOf(bpf('prog_query', { target_ifindex: 1, attach_type: attachTypes.tcx_ingress })),
  ),
  /** BPF tokens. */
  token: defineFeature('A BPF token', featureSince.token, () => answerOf(tryToken(), EBADF)),
  /** Programs at the entry and return of kernel functions, through trampolines. */
  trampoline: defineFeature('fentry and fexit', attachTypeSince.trace_fentry, tryTrampoline),
  /** Cookies of trampolines: links that are made by `BPF_LINK_CREATE`. */
  tracingLink: defineFeature('A cookie of fentry, fexit, fmod_ret and LSM', featureSince.tracingLink, token =>
    tryTracing(token, 'trace_fentry'),
  ),
  /** One program at the entry and return of a function, through a trampoline. */
  fsession: defineFeature('fsession', attachTypeSince.trace_fsession, token =>
    tryTracing(token, 'trace_fsession'),
  ),
  /** BTF of modules. */
  moduleBtf: defineFeature('BTF of modules', featureSince.moduleBtf, tryModuleBtf),
  /** Kprobes. */
  kprobe: defineFeature('A kprobe', programTypeSince.kprobe, () =>
    pmuType('kprobe') === undefined ? 'no' : 'yes',
  ),
  /** Uprobes. */
  uprobe: defineFeature('A uprobe', featureSince.uprobe, () =>
    pmuType('uprobe') === undefined ? 'no' : 'yes',
  ),
}
