/**
 * Experiments of feature probes with links: to attach programs where they cannot be attached.
 *
 * @module
 */

import { type AttachType, attachTypes } from '../../abi/generated/enums.ts'
import { BPF_F_UPROBE_MULTI_PATH_FD } from '../../abi/generated/flags.ts'
import { EBADF, ENOENT, ESRCH } from '../../base/errno.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { allocate, type NativeMemory } from '../../syscalls/memory.ts'
import { kernelBtf, kernelFunctionId } from '../btf.ts'
import { answerOf, discard, doNothing, loadCode, type Token } from './experiment.ts'
import type { ProbeAnswer } from './probe.ts'

/** Loads a program and makes a link of it with `BPF_LINK_CREATE`; both are closed again. `yes`: see `answerOf`. */
export function tryLink(load: () => number, link: (fd: number) => number, ...yes: number[]): ProbeAnswer {
  const fd = load()
  if (fd < 0) return answerOf(fd)
  const result = link(fd)
  discard(fd)
  return answerOf(discard(result), ...yes)
}

/** Attaches to an offset of a directory, which cannot be. */
export function tryUprobeMulti(
  token: Token,
  attachType: 'trace_uprobe_multi' | 'trace_uprobe_session',
): ProbeAnswer {
  const fields = { uprobe_multi: { path: '/', offsets: new BigUint64Array(1), cnt: 1 } }
  // A directory is found unfit after everything else was found good.
  return tryKprobeLink(token, attachType, fields, EBADF)
}

/** Attaches to a file by a descriptor that is not open. */
export function tryUprobeMultiDescriptor(token: Token): ProbeAnswer {
  const flags = BPF_F_UPROBE_MULTI_PATH_FD
  const fields = { uprobe_multi: { path_fd: -1, flags, offsets: new BigUint64Array(1), cnt: 1 } }
  return tryKprobeLink(token, 'trace_uprobe_multi', fields, EBADF)
}

/** A symbol that no kernel has; referenced from here, the collector leaves its memory alone. */
let noSymbol: NativeMemory | undefined

/** Attaches to a symbol that no kernel has. */
export function tryKprobeMulti(
  token: Token,
  attachType: 'trace_kprobe_multi' | 'trace_kprobe_session',
): ProbeAnswer {
  if (noSymbol === undefined) {
    const name = new TextEncoder().encode('ebpf_ts_no_such_symbol\0')
    noSymbol = allocate(name.length)
    noSymbol.bytes.set(name)
  }
  const fields = { kprobe_multi: { cnt: 1, syms: BigUint64Array.of(BigInt(noSymbol.address)) } }
  // The look-up of the symbol comes after everything else was found good.
  return tryKprobeLink(token, attachType, fields, ESRCH, ENOENT)
}

function tryKprobeLink(
  token: Token,
  attachType: AttachType,
  fields: AttrFields<'link_create'>,
  ...yes: number[]
): ProbeAnswer {
  return tryLink(
    () => loadCode(token, 'kprobe', doNothing(), attachType),
    fd => bpf('link_create', { prog_fd: fd, attach_type: attachTypes[attachType], ...fields }),
    ...yes,
  )
}

/** Attaches to a function that the kernel calls only in test runs. */
export function tryTracing(token: Token, type: 'trace_fentry' | 'trace_fsession'): ProbeAnswer {
  const target = kernelFunctionId('bpf_fentry_test1')
  if (target === undefined) return 'unknown'
  return tryLink(
    () => loadCode(token, 'tracing', doNothing(), type, { attach_btf_id: target }),
    fd => bpf('link_create', { prog_fd: fd, attach_type: attachTypes[type] }),
  )
}

/** Attaches to one function of many, which the kernel calls only in test runs. */
export function tryTracingMulti(token: Token): ProbeAnswer {
  const target = kernelFunctionId('bpf_fentry_test1')
  if (target === undefined) return 'unknown'
  const attach_type = attachTypes.trace_fentry_multi
  const tracing_multi = { ids: Uint32Array.of(target), cnt: 1 }
  return tryLink(
    () => loadCode(token, 'tracing', doNothing(), 'trace_fentry_multi'),
    fd => bpf('link_create', { prog_fd: fd, attach_type, tracing_multi }),
  )
}

/** Loads a program for a function of the kernel, which makes no trampoline yet. */
export function tryTrampoline(token: Token): ProbeAnswer {
  const target = kernelFunctionId('vfs_read')
  if (target === undefined) return 'no'
  const fentry = discard(loadCode(token, 'tracing', doNothing(), 'trace_fentry', { attach_btf_id: target }))
  if (answerOf(fentry) !== 'unknown') return answerOf(fentry)
  // A locked-down kernel refuses trampolines to root, and nothing else of this program type.
  const tracepoint = kernelBtf().find('btf_trace_sched_switch', 'typedef') ?? 0
  return discard(loadCode(token, 'tracing', doNothing(), 'trace_raw_tp', { attach_btf_id: tracepoint })) >= 0
    ? 'no'
    : 'unknown'
}
