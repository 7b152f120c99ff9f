/**
 * The targets of a kprobe_multi link: how their names get to the kernel, and what is wrong with those it refuses.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_kprobe_multi_link_attach`, `get_user_syms`; kernel/trace/ftrace.c
 * `ftrace_lookup_symbols`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { EINVAL } from '../../../base/errno.ts'
import { BpfError, unlessRefused, withReason } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { explainFunction } from '../../../symbols/explain-function.ts'
import { functionAddress } from '../../../symbols/function-address.ts'
import { KernelSymbols, splitModule } from '../../../symbols/kallsyms.ts'
import { ambiguousFunctions, traceableFunctions } from '../../../symbols/traceable.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { allocate } from '../../../syscalls/memory.ts'
import type { ProgramHandle } from '../../link.ts'

/** Attach types of programs for many functions. */
export type KprobeMultiAttachType = 'trace_kprobe_multi' | 'trace_kprobe_session'

/** A target as messages show it. */
export function targetName(target: string | bigint): string {
  return typeof target === 'string' ? target : `0x${target.toString(16)}`
}

/** An array of pointers to the NUL-terminated names, which follow it in the same memory and live as long. */
export function symbolPointers(names: readonly string[]): Uint8Array {
  // All names in one call: a thousand calls would take longer than attaching to as many functions does.
  const joined = `${names.join('\0')}\0`
  const text = new TextEncoder().encode(joined)
  const ascii = text.length === joined.length
  const start = names.length * 8
  const { bytes, address } = allocate(start + text.length)
  bytes.set(text, start)
  const pointers = new BigUint64Array(bytes.buffer, 0, names.length)
  let next = address + start
  for (let i = 0; i < names.length; i++) {
    pointers[i] = BigInt(next)
    const name = names[i]!
    next += (ascii ? name.length : Buffer.byteLength(name)) + 1
  }
  return bytes.subarray(0, start)
}

/**
 * Addresses of functions of which some are qualified by a module, which the kernel does not take: it looks for plain
 * names. `undefined` when no name has a module.
 *
 * @throws BpfError when a function does not exist, exists twice, or the kernel hides its address
 */
export function qualifiedAddresses(
  what: string,
  symbols: readonly string[] | undefined,
): bigint[] | undefined {
  if (symbols?.some(each => splitModule(each)[0] !== undefined) !== true) return undefined
  const known = KernelSymbols.read()
  return symbols.map(name => {
    try {
      return functionAddress(known, name)
    } catch (error) {
      if (!(error instanceof BpfError) || error.code === 'EPERM') throw error
      const reason = explainFunction(name, 'kprobe_multi') ?? error.message
      throw new BpfError(`Cannot attach ${what}: ${reason}`, { code: error.code, cause: error })
    }
  })
}

/**
 * The error for a name that several functions have: the kernel would take any of them, without a word.
 *
 * @returns `undefined` when no name is, or the list of functions cannot be read
 */
export function duplicateSymbolError(
  what: string,
  symbols: readonly string[] | undefined,
): BpfError | undefined {
  if (symbols === undefined) return undefined
  const ambiguous = unlessRefused(ambiguousFunctions)
  const name = symbols.find(each => ambiguous?.has(each))
  if (name === undefined) return undefined
  const reason = explainFunction(name, 'kprobe_multi') ?? `several functions are called ${name}`
  return new BpfError(`Cannot attach ${what}: ${reason}`, { code: 'EADDRNOTAVAIL' })
}

/** The error of a refused link, with the target that is at fault. */
export function attachError(
  what: string,
  result: number,
  program: ProgramHandle,
  attachType: KprobeMultiAttachType,
  targets: readonly (string | bigint)[],
): BpfError {
  const error = failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
  if (error.code === 'EINVAL' && !fits(program, attachType)) {
    return withReason(error, `the program must be loaded as a kprobe with expectedAttachType '${attachType}'`)
  }
  if (!['EINVAL', 'ESRCH', 'ENOENT'].includes(error.code)) return error
  const reason = explainTargets(targets)
  return reason === undefined ? error : withReason(error, reason)
}

/** Whether a program can be attached at all: the kernel looks for symbols only after it has looked at the program. */
function fits(program: ProgramHandle, attachType: KprobeMultiAttachType): boolean {
  const result = bpf('link_create', {
    prog_fd: program.fd,
    attach_type: attachTypes[attachType],
    kprobe_multi: { cnt: 1, syms: symbolPointers(['ebpf_ts_no_such_symbol']) },
  })
  return result !== -EINVAL
}

/** Names the first target that is at fault, and how many more there are; reads each list of the kernel once. */
function explainTargets(targets: readonly (string | bigint)[]): string | undefined {
  const symbols = unlessRefused(() => KernelSymbols.read())
  const traceable = unlessRefused(traceableFunctions) ?? [...(symbols?.functions() ?? [])]
  const names = new Set(traceable.map(({ name }) => name))
  const sites = new Set(traceable.map(({ address }) => address))
  const bad = targets.filter(target => {
    if (typeof target === 'string') return !names.has(target)
    if (sites.has(target)) return false
    const { symbol, offset } = symbols?.at(target) ?? {}
    return symbol === undefined || offset !== 0 || !names.has(symbol.name)
  })
  const [first] = bad
  if (first === undefined) return undefined
  const reason =
    typeof first === 'string' ? explainFunction(first, 'kprobe_multi') : explainAddress(first, symbols)
  const others = bad.length === 1 ? '' : ` (and ${bad.length - 1} more of ${targets.length})`
  return `${reason ?? `${targetName(first)} cannot be traced`}${others}`
}

function explainAddress(address: bigint, symbols: KernelSymbols | undefined): string | undefined {
  const { symbol, offset = 0 } = symbols?.at(address) ?? {}
  if (symbol === undefined) return `${targetName(address)} is not the address of a function`
  if (offset === 0) return explainFunction(symbol.name, 'kprobe_multi')
  return `${targetName(address)} is ${symbol.name}+${offset}, not the start of a function`
}
