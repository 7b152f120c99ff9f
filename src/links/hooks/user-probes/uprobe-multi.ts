/**
 * Uprobes on many functions of one file in one link.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_uprobe_multi_link_attach`; libbpf `bpf_program__attach_uprobe_multi`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { BPF_F_UPROBE_MULTI_PATH_FD, BPF_F_UPROBE_MULTI_RETURN } from '../../../abi/generated/flags.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { BpfError, withReason } from '../../../base/errors.ts'
import { missingSymbols } from '../../../elf/explain-missing.ts'
import type { ElfFile } from '../../../elf/file.ts'
import { functionOffsets, matchingFunctions } from '../../../elf/symbol-offset.ts'
import { failure } from '../../../kernel/failure.ts'
import { features } from '../../../kernel/probes/features.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { attaching } from '../../attaching.ts'
import type { ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { bySection, type HookDefinition, type SectionAttachment } from '../definition.ts'
import { type FunctionPattern, functionMatcher } from '../function-pattern.ts'
import { copyOfList } from '../list.ts'
import { explainKind, type HookUse, requireAttachType, requireProgramType } from '../program-kind.ts'
import { splitPath } from '../section-target.ts'
import { type Binary, fileSize, type OpenBinary, openBinary, readBinary } from './binary.ts'
import { requireCounterOffset, requireFileOffset, requirePid } from './uprobe-arguments.ts'
import { UprobeMultiLink } from './uprobe-multi-link.ts'

/** What to attach to, and how. Give one of `symbols`, `offsets` and `pattern`. */
export interface UprobeMultiOptions {
  /** Functions, also with versions. */
  symbols?: readonly string[]
  /** Offsets in the file. */
  offsets?: readonly number[]
  /** A glob or regular expression. */
  pattern?: FunctionPattern
  /** For each symbol or offset, the offset in the file of a reference counter; 0 for none. */
  refCtrOffsets?: readonly number[]
  /** For each symbol or offset, the number that the program reads there with `bpf_get_attach_cookie`. */
  cookies?: readonly bigint[]
  /** Watch only this process. Default: all. */
  pid?: number
  /** Run at the return of the functions instead of their entry. Default: `false`. */
  returns?: boolean
}

/**
 * Attaches a `kprobe` program with attach type `trace_uprobe_multi` to many functions of a file. Since Linux 6.6.
 *
 * @param binary path, name of a library (`'libc.so.6'`) or of a program in `PATH`, or what holds a descriptor of the file
 * @throws NotSupportedError when the kernel lacks it
 * @throws ObjectFileError when the file is not ELF, or damaged
 * @throws BpfError when the kernel refuses, or no function matches
 * @throws TypeError, RangeError when the options contradict each other
 */
export function uprobeMulti(
  program: ProgramHandle,
  binary: Binary,
  options: UprobeMultiOptions,
): UprobeMultiLink {
  return attach(program, binary, options, 'trace_uprobe_multi')
}

/**
 * Attaches a `kprobe` program with attach type `trace_uprobe_session`: it runs at the entry of the functions and,
 * unless it returns 1 there, at their return. Since Linux 6.13. Throws as `uprobeMulti` does.
 */
export function uprobeSession(
  program: ProgramHandle,
  binary: Binary,
  options: Omit<UprobeMultiOptions, 'returns'>,
): UprobeMultiLink {
  return attach(program, binary, options, 'trace_uprobe_session')
}

function attach(
  program: ProgramHandle,
  binary: Binary,
  options: UprobeMultiOptions,
  attachType: 'trace_uprobe_multi' | 'trace_uprobe_session',
): UprobeMultiLink {
  const { pid, returns, pattern, ...lists } = options
  using file = attaching(`program ${program.name}`, () => openBinary(binary))
  const what = `program ${program.name} to functions of ${file.name}`
  const symbols = copyOfList(what, 'symbols', lists.symbols)
  const cookies = copyOfList(what, 'cookies', lists.cookies)
  const refCtrOffsets = copyOfList(what, 'refCtrOffsets', lists.refCtrOffsets)
  const use: HookUse = { program, hook: 'uprobe_multi' }
  requireProgramType(what, use)
  const given = { symbols, offsets: copyOfList(what, 'offsets', lists.offsets), pattern }
  const offsets = offsetsOf(what, file, given)
  for (const [name, list] of [['cookies', cookies] as const, ['refCtrOffsets', refCtrOffsets] as const]) {
    if (list === undefined) continue
    if (pattern !== undefined) throw new TypeError(`Cannot attach ${what}: ${name} need symbols or offsets`)
    if (list.length !== offsets.length) {
      throw new RangeError(`Cannot attach ${what}: ${list.length} ${name} for ${offsets.length} functions`)
    }
  }
  const size = fileSize(file)
  for (const offset of offsets) requireFileOffset(what, offset, size)
  for (const offset of refCtrOffsets ?? []) requireCounterOffset(what, offset, size)
  for (const cookie of cookies ?? []) requireCookie(what, cookie)
  requirePid(what, pid)
  const feature = attachType === 'trace_uprobe_multi' ? features.uprobeMulti : features.uprobeSession
  feature.require()
  requireAttachType(program, what, attachType)
  // Where the kernel takes a descriptor, procfs need not be mounted.
  const byFd = file.fd !== undefined && features.uprobeMultiDescriptor.probe() === 'yes'
  const numbers = BigUint64Array.from(offsets, BigInt)
  const uprobe_multi = {
    ...(byFd ? { path_fd: file.fd } : { path: file.path }),
    offsets: numbers,
    cnt: numbers.length,
    pid: pid ?? 0,
    flags: (returns === true ? BPF_F_UPROBE_MULTI_RETURN : 0) | (byFd ? BPF_F_UPROBE_MULTI_PATH_FD : 0),
    ...(refCtrOffsets === undefined ? {} : { ref_ctr_offsets: BigUint64Array.from(refCtrOffsets, BigInt) }),
    ...(cookies === undefined ? {} : { cookies: BigUint64Array.from(cookies) }),
  }
  // The descriptor last: the caller's pattern and lists may have run code that closed the program.
  const fields = { uprobe_multi, prog_fd: program.fd, attach_type: attachTypes[attachType] }
  const result = bpf('link_create', fields)
  if (result < 0) {
    const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
    if (error.code !== 'EINVAL') throw error
    const reason = explainKind(use)
    throw reason === undefined ? error : withReason(error, reason)
  }
  return new UprobeMultiLink(OwnedFd.adopt(result, `link of ${what}`), numbers.length)
}

/** Where to attach, as the options have it. */
interface Given {
  readonly symbols: readonly string[] | undefined
  readonly offsets: readonly number[] | undefined
  readonly pattern: FunctionPattern | undefined
}

function offsetsOf(what: string, file: OpenBinary, { symbols, offsets, pattern }: Given): readonly number[] {
  if ([symbols, offsets, pattern].filter(each => each !== undefined).length !== 1) {
    throw new TypeError(`Cannot attach ${what}: give one of symbols, offsets and pattern`)
  }
  if (pattern !== undefined) {
    const matches = functionMatcher(pattern)
    const search = (elf: ElfFile): readonly [number[], string | undefined] => {
      const offsets = [...matchingFunctions(elf, matches).keys()]
      return [offsets, offsets.length > 0 ? undefined : missingSymbols(elf)]
    }
    const [found, without] = attaching(what, () => readBinary(file.path, search, file.name))
    if (found.length > 0) return found
    const reason = `no function matches ${pattern}${without === undefined ? '' : `: ${without}`}`
    throw new BpfError(`Cannot attach ${what}: ${reason}`, { code: 'ENOENT' })
  }
  const search = (elf: ElfFile): number[] => functionOffsets(elf, symbols ?? [])
  const found = offsets ?? attaching(what, () => readBinary(file.path, search, file.name))
  if (found.length === 0) throw new RangeError(`Cannot attach ${what}: the list is empty`)
  return found
}

const multiFacts: Pick<HookDefinition, 'linkType' | 'config' | 'target'> = {
  linkType: 'uprobe_multi',
  config: 'CONFIG_UPROBES',
  target: 'PATH:PATTERN',
}

/** The hook `uprobe_multi`. */
export const uprobeMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry of many functions in user space',
  call: "uprobeMulti(program, 'libc.so.6', { pattern: 'mem*' })",
  since: attachTypeSince.trace_uprobe_multi,
  feature: features.uprobeMulti,
  bySection: bySection((program, target) =>
    attachTo(target, (path, pattern) => uprobeMulti(program, path, { pattern })),
  ),
}

/** The hook `uretprobe_multi`. */
export const uretprobeMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the return of many functions in user space',
  call: "uprobeMulti(program, 'libc.so.6', { pattern: 'mem*', returns: true })",
  since: attachTypeSince.trace_uprobe_multi,
  feature: features.uprobeMulti,
  bySection: bySection((program, target) =>
    attachTo(target, (path, pattern) => uprobeMulti(program, path, { pattern, returns: true })),
  ),
}

/** The hook `uprobe_session`. */
export const uprobeSessionHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry and the return of many functions in user space',
  call: "uprobeSession(program, 'libc.so.6', { pattern: 'mem*' })",
  since: attachTypeSince.trace_uprobe_session,
  feature: features.uprobeSession,
  bySection: bySection((program, target) =>
    attachTo(target, (path, pattern) => uprobeSession(program, path, { pattern })),
  ),
}

function attachTo(
  target: string,
  probe: (path: string, pattern: string) => UprobeMultiLink,
): SectionAttachment {
  const [path, pattern] = splitPath(target, 'PATH:PATTERN')
  const link = probe(path, pattern)
  return { link, target: `${link.count} uprobes of ${path}: ${pattern}` }
}
