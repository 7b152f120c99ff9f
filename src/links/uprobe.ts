/**
 * Uprobes: programs at any instruction of a program or library in user space, and at the return of functions.
 *
 * Source: libbpf `bpf_program__attach_uprobe_opts`; kernel/events/core.c `perf_uprobe_event_init`;
 * Documentation/trace/uprobetracer.rst.
 *
 * @module
 */

import { perfEventAttr } from '../abi/index.ts'
import { binaryFunctionOffset, resolveBinary } from './binary.ts'
import type { Link, ProgramHandle } from './link.ts'
import { attachProbe, nativeString, type ProbeMode } from './probe.ts'

/** Where to attach a uprobe, and how. Give `symbol`, `offset`, or both. */
export interface UprobeOptions {
  /** Function, also with a version: `'memcpy@GLIBC_2.14'`. */
  symbol?: string
  /** Bytes from the start of the function; without `symbol` from the start of the file. Default: 0. */
  offset?: number
  /** Watch only this process. Default: all. */
  pid?: number
  /** Offset in the file of a reference counter (semaphore) that is raised while attached (4.20). */
  refCtrOffset?: number
  /** Number that the program reads with `bpf_get_attach_cookie` (5.15, needs a link). */
  cookie?: bigint
  /** Default: `'auto'`. */
  mode?: ProbeMode
}

/** Where the offset of the reference counter lies in `config` of the event. */
const REF_CTR_SHIFT = 32n

/**
 * Attaches a `kprobe` program to an instruction of a program or library (4.3).
 *
 * @param binary path, name of a library (`'libc.so.6'`) or of a program in `PATH`
 * @throws ObjectFileError when it has no such function
 * @throws BpfError when there is no such file, or the kernel refuses
 */
export function uprobe(program: ProgramHandle, binary: string, options: UprobeOptions): Link {
  return attach(program, binary, options, false)
}

/** Attaches a `kprobe` program to the return of a function of a program or library (4.3). Throws as `uprobe` does. */
export function uretprobe(program: ProgramHandle, binary: string, options: UprobeOptions): Link {
  return attach(program, binary, options, true)
}

function attach(program: ProgramHandle, binary: string, options: UprobeOptions, returns: boolean): Link {
  const { symbol, offset, pid = -1, refCtrOffset = 0, cookie, mode = 'auto' } = options
  if (symbol === undefined && offset === undefined) {
    throw new TypeError('Cannot attach a uprobe: give a symbol or an offset')
  }
  for (const [name, value] of [['offset', offset ?? 0] as const, ['refCtrOffset', refCtrOffset] as const]) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`Cannot attach a uprobe: ${name} ${value} is not a file offset`)
    }
  }
  if (pid !== -1 && !(Number.isInteger(pid) && pid > 0)) {
    throw new RangeError(`Cannot attach a uprobe: ${pid} is not the id of a process`)
  }
  const path = resolveBinary(binary)
  const at = (symbol === undefined ? 0 : binaryFunctionOffset(path, symbol)) + (offset ?? 0)
  const counter = refCtrOffset === 0 ? '' : `(0x${refCtrOffset.toString(16)})`
  return attachProbe(program, {
    kind: 'uprobe',
    returns,
    target: `${returns ? 'uretprobe' : 'uprobe'} ${path}:${symbol ?? `0x${at.toString(16)}`}`,
    place: `${path}:0x${at.toString(16)}${counter}`,
    maxactive: 0,
    pid,
    cookie,
    mode,
    explain: error => error,
    pmu: () => {
      const name = nativeString(path)
      const fields = [
        [perfEventAttr.uprobe_path, BigInt(name.address)],
        [perfEventAttr.probe_offset, BigInt(at)],
      ] as const
      return { config: BigInt(refCtrOffset) << REF_CTR_SHIFT, fields, pointees: [name] }
    },
  })
}
