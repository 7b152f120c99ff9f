/**
 * The features that the library's own paths depend on, with the first kernel that has each. Tests compare
 * the versions with what the probes find on every kernel they run on.
 *
 * @module
 */

import { featureSince } from '../../abi/feature-since.ts'
import { attachTypes } from '../../abi/generated/enums.ts'
import { BPF_F_CPU, BPF_F_INNER_MAP, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../abi/generated/flags.ts'
import { attr } from '../../abi/generated/layouts.ts'
import { helperSince } from '../../abi/helper-since.ts'
import { attachTypeSince, linkTypeSince, programTypeSince } from '../../abi/since.ts'
import { add, mov } from '../../asm/alu.ts'
import { call, callFunction, loadMapValue } from '../../asm/calls.ts'
import type { Instruction } from '../../asm/instruction.ts'
import { exit, label } from '../../asm/jumps.ts'
import { r0, r1, r2, r3, r10 } from '../../asm/registers.ts'
import { EBADF, EFAULT, errnos } from '../../base/errno.ts'
import { attrResult32, bpf, bpfLogged } from '../../syscalls/bpf.ts'
import { allocate } from '../../syscalls/memory.ts'
import { pmuType } from '../perf/pmu.ts'
import { tryToken } from '../tokens/create.ts'
import { addFunction, addSection, tryModuleBtf, tryTypes } from './btf-experiments.ts'
import { addInt, answerOf, discard, doNothing, loadCode, makeMap, type Token, tryMap } from './experiment.ts'
import {
  tryKprobeMulti,
  tryLink,
  tryTracing,
  tryTracingMulti,
  tryTrampoline,
  tryUprobeMulti,
  tryUprobeMultiDescriptor,
} from './link-experiments.ts'
import { defineFeature, type Feature, type ProbeAnswer } from './probe.ts'

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

function tryLogTrueSize(token: Token): ProbeAnswer {
  const log = allocate(1 << 16)
  const fields = { log_level: 1, log_buf: log.bytes, log_size: log.bytes.length }
  const result = discard(loadCode(token, 'socket_filter', doNothing(), undefined, fields))
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
  | 'oneCpuValues'
  | 'exclusiveMaps'
  | 'mapsAtLoad'
  | 'programSignatures'
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
  | 'commonAttributes'
  | 'link'
  | 'perfEventLink'
  | 'kprobeMulti'
  | 'kprobeSession'
  | 'uprobeMulti'
  | 'uprobeSession'
  | 'uprobeMultiDescriptor'
  | 'rawTracepointCookie'
  | 'tcx'
  | 'token'
  | 'trampoline'
  | 'tracingLink'
  | 'fsession'
  | 'tracingMulti'
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
  /** The value of one CPU. */
  oneCpuValues: defineFeature('The value of one CPU in a map', featureSince.oneCpuValues, token => {
    const map = makeMap(token, 'percpu_array')
    if (map < 0) return answerOf(map)
    const memory = { key: new Uint32Array(1), value: new Uint32Array(2) }
    const result = bpf('map_lookup_elem', { map_fd: map, ...memory, flags: BigInt(BPF_F_CPU) })
    discard(map)
    return answerOf(result)
  }),
  /** Maps that one program alone may use. */
  exclusiveMaps: defineFeature('A map for one program', featureSince.exclusiveMaps, token =>
    answerOf(tryMap(token, 'array', { excl_prog_hash: new Uint8Array(32), excl_prog_hash_size: 32 })),
  ),
  /** Maps that a program is loaded with. */
  mapsAtLoad: defineFeature('Binding maps to a program as it is loaded', featureSince.mapsAtLoad, token => {
    const fields = { fd_array: Int32Array.of(-1), fd_array_cnt: 1 }
    return answerOf(discard(loadCode(token, 'socket_filter', doNothing(), undefined, fields)), EBADF)
  }),
  /** Signatures of instructions: nothing can be signed by a byte. */
  programSignatures: defineFeature('The signature of a program', featureSince.programSignatures, token => {
    const fields = { signature: new Uint8Array(1), signature_size: 1 }
    const result = discard(loadCode(token, 'socket_filter', doNothing(), undefined, fields))
    return answerOf(result, errnos.EBADMSG, errnos.EKEYREJECTED)
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
  /** BTF that distinguishes global functions from static ones. */
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
  /** The verifier reports the size of its log. */
  logTrueSize: defineFeature("The size of the verifier's log", featureSince.logTrueSize, tryLogTrueSize),
  /** Attributes that all commands have in common. */
  commonAttributes: defineFeature('A log of every command', featureSince.commonAttributes, () =>
    answerOf(bpfLogged('prog_load', {}, undefined), EFAULT),
  ),
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
  /** The file of many uprobes by its descriptor. */
  uprobeMultiDescriptor: defineFeature(
    'A uprobe_multi link by a descriptor',
    featureSince.uprobeMultiDescriptor,
    tryUprobeMultiDescriptor,
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
  /** Programs at many functions at once, through trampolines. */
  tracingMulti: defineFeature('A tracing_multi link', linkTypeSince.tracing_multi, tryTracingMulti),
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
