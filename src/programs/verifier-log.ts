/**
 * Reading the verifier's log: which lines decide, which instruction they are about, which source line.
 *
 * Source: kernel/bpf/verifier.c, kernel/bpf/log.c (formats as of 4.14 to 7.x).
 *
 * @module
 */

import { type Instruction, type SourceLine, slotCount } from '../asm/instruction.ts'
import { isPoisonedCall } from '../asm/poison.ts'

/** What a verifier log says, in short. */
export interface VerifierSummary {
  /** The lines that say why the program was refused, without statistics; empty when the log is. */
  reason: string[]
  /** Slot (8-byte unit) of the last instruction that the verifier looked at. */
  slot?: number
  /** That instruction as the verifier printed it, without register state. */
  instruction?: string
}

/** Lines at the end of a log that are statistics, not a reason. */
const STATISTICS =
  /^(processed \d+ insns|verification time \d|stack depth |max_states_per_insn|peak_states|insns processed|mark_precise: frame|\s*$)/

/** `12: (85) call bpf_map_lookup_elem#1   ; R0=...`: an instruction, perhaps with the state after it. */
const INSTRUCTION = /^(\d+): \(([0-9a-f]{2})\) (.*)$/

/**
 * Whether a line only makes sense with the one before it: a continuation, a register, or the
 * verdict on a context access, whose cause stands before it.
 */
const NEEDS_CONTEXT = /^(\t|\s{2,}|R\d|invalid bpf_context access|Invalid member|.*vlen != )/

/** Where statistics follow a message of the verifier that does not end its line. */
const GLUED = /(?<=[^\n])(?=verification time \d+ usec$|processed \d+ insns \(limit \d)/gm

/** A log with its statistics on lines of their own: not every message of the verifier ends its line. */
export function withOwnStatistics(log: string): string {
  return log.replace(GLUED, '\n')
}

/** The lines of a log, without the statistics at its end. */
export function verifierLogLines(log: string): string[] {
  const lines = withOwnStatistics(log)
    .replaceAll('\0', '')
    .split('\n')
    .map(line => line.trimEnd())
  while (lines.length > 0 && STATISTICS.test(lines.at(-1)!)) lines.pop()
  return lines
}

/** Finds the deciding lines of a log. */
export function summarizeVerifierLog(log: string): VerifierSummary {
  const lines = verifierLogLines(log)
  const end = lines.length

  const summary: VerifierSummary = { reason: [] }
  let at = end - 1
  for (; at >= 0; at--) {
    const match = INSTRUCTION.exec(lines[at]!)
    if (match !== null) {
      summary.slot = Number(match[1])
      const instruction = match[3]!.replace(/\s+;.*$/, '')
      // A poisoned one is not in the object: what it stands for is in the explanation.
      if (isPoisonedCall(instruction)) delete summary.instruction
      else summary.instruction = instruction
      break
    }
  }
  // What follows the last instruction is its verdict; BTF errors have no instruction and stand at the end.
  const verdict = lines.slice(Math.max(at + 1, 0), end).filter(line => !isState(line))
  const tail = verdict.length > 0 ? verdict : lines.slice(0, end)
  let start = tail.length - 1
  while (start > 0 && NEEDS_CONTEXT.test(tail[start]!) && tail.length - start < 4) start--
  summary.reason = start < 0 ? [] : tail.slice(start).map(line => line.trim())
  return summary
}

/** Register states, source lines and precision notes between instruction and verdict. */
function isState(line: string): boolean {
  return (
    /^(; |\d+: R\d|from \d+ to \d+|last_idx |regs=|parent |mark_precise|caller:|callee:|(cur|old) state:| ?R\d+(_\w+)?=)/.test(
      line,
    ) || line.trim() === ''
  )
}

/** The source line of the instruction in a slot: its own, or that of the nearest instruction before it. */
export function sourceOfSlot(instructions: readonly Instruction[], slot: number): SourceLine | undefined {
  let at = 0
  let source: SourceLine | undefined
  for (const instruction of instructions) {
    if (at > slot) break
    if (instruction.symbol !== undefined && instruction.source === undefined && at > 0) source = undefined
    if (instruction.source !== undefined) source = instruction.source
    at += slotCount(instruction)
  }
  return source
}

/** Formats a source line as `file:line: text`. */
export function formatSourceLine(source: SourceLine): string {
  const text = source.text.trim()
  return `${source.file}:${source.line}${text === '' ? '' : `: ${text}`}`
}
