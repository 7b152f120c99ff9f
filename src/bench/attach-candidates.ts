/**
 * Functions of the kernel that any number of probes can be attached to, without measuring the probes themselves.
 *
 * @module
 */

import type { Btf } from '../btf/btf.ts'
import type { BtfKind } from '../btf/types.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { type KernelSymbol, KernelSymbols } from '../symbols/kallsyms.ts'
import { kprobeBlacklist, type TraceableFunction, traceableFunctions } from '../symbols/traceable.ts'

/**
 * Functions that are at work while others are patched, or so often that attaching to them would measure them: those of
 * tracing, locking, scheduling, timekeeping, interrupts and memory.
 */
const BUSY =
  /rcu|trac|probe|bpf|perf|lock|mutex|sem_|sched|irq|nmi|time|tick|clock|preempt|percpu|slab|alloc|free|page|text_poke|^__x64_|^__arm64_|^__ia32_|^do_|sys_|entry|fault|kthread|work|wake|signal/

/**
 * Functions to attach to, evenly spread over the kernel: traceable, with a name of their own, in the kernel's BTF, and
 * idle.
 *
 * @param count greatest number of them
 */
export function attachCandidates(
  traceable: readonly TraceableFunction[],
  isSuitable: (name: string) => boolean,
  count: number,
): TraceableFunction[] {
  const seen = new Map<string, number>()
  for (const { name } of traceable) seen.set(name, (seen.get(name) ?? 0) + 1)
  const suitable = traceable.filter(
    ({ name, module }) =>
      module === undefined &&
      seen.get(name) === 1 &&
      /^\w+$/.test(name) &&
      !BUSY.test(name) &&
      isSuitable(name),
  )
  const step = Math.max(suitable.length / count, 1)
  return Array.from({ length: Math.min(count, suitable.length) }, (_, i) => suitable[Math.floor(i * step)]!)
}

/**
 * Where functions start whose name no other has, be it in a module: by name or by address, it is the same function.
 *
 * @param symbols all functions of the kernel
 */
export function uniqueStarts(symbols: Iterable<Pick<KernelSymbol, 'name' | 'address'>>): Map<string, bigint> {
  const starts = new Map<string, bigint>()
  const ambiguous = new Set<string>()
  for (const { name, address } of symbols) {
    if (starts.has(name)) ambiguous.add(name)
    starts.set(name, address)
  }
  for (const name of ambiguous) starts.delete(name)
  return starts
}

/**
 * Reads which functions of the running kernel can be attached to, each with the address where it starts.
 *
 * @param count greatest number of them
 * @throws BpfError when the kernel does not tell
 */
export function readCandidates(count: number): TraceableFunction[] {
  const blacklist = kprobeBlacklist()
  const btf = kernelBtf()
  const starts = uniqueStarts(KernelSymbols.read().functions())
  const isSuitable = (name: string): boolean => {
    const [id, ...others] = btf.findAll(name, 'func')
    return (
      id !== undefined &&
      others.length === 0 &&
      starts.has(name) &&
      !blacklist.has(name) &&
      hasPlainArguments(btf, id)
    )
  }
  // What the kernel lists, from 6.5 on, is the trace site, which may lie behind the start.
  return attachCandidates(traceableFunctions(), isSuitable, count).map(each => ({
    ...each,
    address: starts.get(each.name),
  }))
}

/** Arguments that every trampoline can pass on, in registers. */
const MAX_ARGUMENTS = 5
const PLAIN: ReadonlySet<BtfKind> = new Set<BtfKind>(['int', 'ptr', 'enum', 'enum64'])

/** Whether fentry programs can be attached to a function: no structures by value, no `...`. */
function hasPlainArguments(btf: Btf, id: number): boolean {
  const type = btf.type(id)
  const prototype = type.kind === 'func' ? btf.type(type.type) : type
  if (prototype.kind !== 'func_proto' || prototype.params.length > MAX_ARGUMENTS) return false
  const isPlain = (each: number): boolean => {
    const resolved = btf.resolve(each)
    return PLAIN.has(btf.kind(resolved)) && btf.sizeOf(resolved) <= 8
  }
  return (
    prototype.params.every(each => isPlain(each.type)) && (prototype.type === 0 || isPlain(prototype.type))
  )
}
