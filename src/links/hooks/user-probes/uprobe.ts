/**
 * Uprobes: programs at any instruction of a program or library in user space, and at the return of functions.
 *
 * Source: libbpf `bpf_program__attach_uprobe_opts`; kernel/events/core.c `perf_uprobe_event_init`;
 * Documentation/trace/uprobetracer.rst.
 *
 * @module
 */

import { featureSince } from '../../../abi/feature-since.ts'
import { perfEventAttr } from '../../../abi/generated/layouts.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { functionOffset } from '../../../elf/symbol-offset.ts'
import { features } from '../../../kernel/probes/features.ts'
import type { Program } from '../../../programs/program.ts'
import { nativeString } from '../../../syscalls/memory.ts'
import { attaching } from '../../attaching.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { bySection, type HookDefinition, type SectionAttachment } from '../definition.ts'
import { attachProbe, type ProbeMode, type ProbeRequest } from '../perf-event/probe.ts'
import { isNumber, splitOffset, splitPath } from '../section-target.ts'
import { type Binary, fileSize, openBinary, readBinary } from './binary.ts'
import { requireCounterOffset, requireFileOffset, requirePid } from './uprobe-arguments.ts'

/** Where to attach a uprobe, and how. Give `symbol`, `offset`, or both. */
export interface UprobeOptions {
  /** Function, also with a version: `'pthread_create@GLIBC_2.34'`. */
  symbol?: string
  /** Bytes from the start of the function, where an instruction begins; without `symbol` of the file. Default: 0. */
  offset?: number
  /** Watch only this process. Default: all. */
  pid?: number
  /**
   * Offset in the file, below 2^32, of a reference counter (semaphore) that is raised while attached. Since Linux 4.20.
   */
  refCtrOffset?: number
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15, with a link. */
  cookie?: bigint
  /** Default: `'auto'`. */
  mode?: ProbeMode
}

/** Where the offset of the reference counter lies in `config` of the event: in the upper half. */
const REF_CTR_SHIFT = 32n
const MAX_REF_CTR_OFFSET = 0xffff_ffff

/**
 * Attaches a `kprobe` program to an instruction of a program or library. Since Linux 4.3.
 *
 * @param binary path, name of a library (`'libc.so.6'`) or of a program in `PATH`, or what holds a descriptor of the file
 * @throws ObjectFileError when the file is not ELF, or damaged
 * @throws NotSupportedError when the mode, or a cookie, needs a later kernel
 * @throws BpfError `ENOENT` when the file does not exist, or has no such function; when the kernel refuses
 */
export function uprobe(program: ProgramHandle, binary: Binary, options: UprobeOptions): Link {
  return attach(program, binary, options, false)
}

/**
 * Attaches a `kprobe` program to the return of a function of a program or library. Since Linux 4.3. It must be attached
 * where the function begins: there the stack holds the return address, which the kernel replaces. Throws as `uprobe`
 * does.
 */
export function uretprobe(program: ProgramHandle, binary: Binary, options: UprobeOptions): Link {
  return attach(program, binary, options, true)
}

function attach(program: ProgramHandle, binary: Binary, options: UprobeOptions, returns: boolean): Link {
  const { symbol, offset, pid, refCtrOffset = 0, cookie, mode = 'auto' } = options
  if (symbol === undefined && offset === undefined) {
    const where = typeof binary === 'string' ? binary : 'a file'
    throw new TypeError(`Cannot attach program ${program.name} to ${where}: give a symbol or an offset`)
  }
  using file = attaching(`program ${program.name}`, () => openBinary(binary))
  const { path } = file
  const target = `${returns ? 'uretprobe' : 'uprobe'} ${file.name}:${placeName(symbol, offset)}`
  const what = `program ${program.name} to ${target}`
  if (returns && symbol !== undefined && offset !== undefined && offset !== 0) {
    throw new TypeError(`Cannot attach ${what}: the return of a function is found only from its start`)
  }
  const size = fileSize(file)
  const start =
    symbol === undefined
      ? 0
      : attaching(what, () => readBinary(path, elf => functionOffset(elf, symbol), file.name))
  const at = start + (offset ?? 0)
  requireFileOffset(what, at, size)
  requireCounterOffset(what, refCtrOffset, size)
  if (refCtrOffset > MAX_REF_CTR_OFFSET) {
    throw new RangeError(`Cannot attach ${what}: refCtrOffset ${refCtrOffset} has more than 32 bits`)
  }
  requirePid(what, pid)
  requireCookie(what, cookie)
  const counter = refCtrOffset === 0 ? '' : `(0x${refCtrOffset.toString(16)})`
  const request: ProbeRequest = {
    kind: 'uprobe',
    returns,
    target,
    place: () => `${path}:0x${at.toString(16)}${counter}`,
    maxactive: 0,
    pid: pid ?? -1,
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
  }
  return attachProbe(program, request)
}

/** A place in words: `'readline'`, `'readline+0x4'`, `'0x1234'`. */
function placeName(symbol: string | undefined, offset = 0): string {
  const hex = `0x${offset.toString(16)}`
  if (symbol === undefined) return hex
  return offset === 0 ? symbol : `${symbol}+${hex}`
}

const uprobeFacts: Pick<HookDefinition, 'since' | 'linkType' | 'linkSince' | 'feature' | 'config'> = {
  since: featureSince.uprobe,
  linkType: 'perf_event',
  linkSince: attachTypeSince.perf_event,
  feature: features.uprobe,
  config: 'CONFIG_UPROBE_EVENTS',
}

/** The hook `uprobe`. */
export const uprobeHook: HookDefinition = {
  ...uprobeFacts,
  attachesTo: 'an instruction in user space',
  call: "uprobe(program, 'libc.so.6', { symbol: 'malloc' })",
  target: 'PATH:FUNCTION+OFFSET',
  bySection: bySection((program, target) => attachTo(program, target, uprobe)),
}

/** The hook `uretprobe`. */
export const uretprobeHook: HookDefinition = {
  ...uprobeFacts,
  attachesTo: 'the return of a function in user space',
  call: "uretprobe(program, 'libc.so.6', { symbol: 'malloc' })",
  target: 'PATH:FUNCTION',
  bySection: bySection((program, target) => attachTo(program, target, uretprobe)),
}

function attachTo(program: Program, target: string, probe: typeof uprobe): SectionAttachment {
  const [path, place] = splitPath(target, 'PATH:FUNCTION')
  const { name, offset } = splitOffset(place)
  const options = isNumber(name) ? { offset: Number(name) + offset } : { symbol: name, offset }
  return { link: probe(program, path, options), target: `${target} in user space` }
}
