/**
 * The kernel's list of kprobes, which shows how each one is reached: one name covers three costs.
 *
 * Source: kernel/kprobes.c `report_probe`; Documentation/trace/kprobes.rst.
 *
 * @module
 */

import { readText } from '../kernel/read-text.ts'

const PATH = '/sys/kernel/debug/kprobes/list'

/** How the kernel gets to a kprobe. */
export type KprobeMechanism =
  /** A call that ftrace patches in at the entry of the function. */
  | 'ftrace'
  /** A jump to a detour (x86). */
  | 'optimized'
  /** A breakpoint: `int3` on x86, `brk` on arm64. */
  | 'breakpoint'

/** A kprobe or kretprobe of anybody. */
export interface ListedKprobe {
  readonly kind: 'kprobe' | 'kretprobe'
  readonly symbol: string
  /** Bytes from the start of the symbol. */
  readonly offset: number
  readonly mechanism: KprobeMechanism
}

/** Parses lines `ADDRESS k|r SYMBOL+0xOFFSET [MODULE] [FLAGS]...`. */
export function parseKprobeList(text: string): ListedKprobe[] {
  const probes: ListedKprobe[] = []
  for (const line of text.split('\n')) {
    const match = /^[0-9a-fx]+\s+([kr])\s+(\S+)\+0x([0-9a-f]+)\s(.*)$/.exec(line)
    if (match === null) continue
    const [, kind, symbol, offset, flags] = match
    probes.push({
      kind: kind === 'r' ? 'kretprobe' : 'kprobe',
      symbol: symbol!,
      offset: Number.parseInt(offset!, 16),
      mechanism: flags!.includes('[FTRACE]')
        ? 'ftrace'
        : flags!.includes('[OPTIMIZED]')
          ? 'optimized'
          : 'breakpoint',
    })
  }
  return probes
}

/** The kprobes of the running kernel; `undefined` when debugfs is not mounted or may not be read. */
export function listKprobes(): ListedKprobe[] | undefined {
  const text = readText(PATH)
  return text === undefined ? undefined : parseKprobeList(text)
}
