/**
 * Instructions to text.
 *
 * Source: the assembly of LLVM, which `llvm-objdump -d` prints and `llvm-mc` reads, with numbers in decimal; calls
 * and maps as in kernel/bpf/disasm.c, which `bpftool prog dump xlated` uses.
 *
 * @module
 */

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from '../abi/constants.ts'
import { coreRelocationKinds } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import { shortened } from '../base/codec.ts'
import { printable } from '../base/text.ts'
import { formatInstruction, rawBytes } from './format.ts'
import { type CoreRelocation, type Instruction, type SourceLine, slotCount } from './instruction.ts'
import { CLASS_MASK, classes, jumpOperations, LDIMM64, OPERATION_MASK } from './opcodes.ts'

/** What a disassembly shows. */
export interface DisassembleOptions {
  /** Source lines before the instructions they became. Default: true. */
  source?: boolean
  /**
   * CO-RE relocations behind the instructions they patch; a function says what one is about, which else is shown as
   * type id and access string. Default: true.
   */
  relocations?: boolean | ((relocation: CoreRelocation) => string)
  /** The raw bytes of instructions, little-endian, before the text. Default: false. */
  bytes?: boolean
  /**
   * What the numbers of maps are: file descriptors in programs before they are loaded, ids in those that the
   * kernel returns. Default: `'fd'`.
   */
  maps?: 'fd' | 'id'
  /** Characters of the text at most. Default: those of the longest string, 536,870,888. */
  maxCharacters?: number
}

/**
 * Text of one instruction, without its symbol and source line: `'r1 = *(u32 *)(r10 - 4)'`. References show the
 * name they stand for. An invalid instruction is shown as its bytes.
 */
export function disassembleInstruction(instruction: Instruction, options: DisassembleOptions = {}): string {
  return withRelocation(formatInstruction(instruction, options.maps ?? 'fd'), instruction, options)
}

/**
 * Text of a program, one line per instruction with the number of its slot, as jumps and the verifier's log
 * count. Symbols stand on lines of their own; jumps and calls with a number name the symbol they reach.
 * Opcodes without a meaning are shown as bytes, never an error. Control characters in names and source lines are
 * escaped.
 *
 * @throws RangeError when the text is longer than `maxCharacters`
 */
export function disassemble(instructions: readonly Instruction[], options: DisassembleOptions = {}): string {
  const lines: string[] = []
  const { maxCharacters = MAX_STRING } = options
  let length = 0
  for (const line of disassembleLines(instructions, options)) {
    length += line.length + 1
    if (length > maxCharacters) {
      const hint = 'disassembleLines gives one line after the other'
      throw new RangeError(
        `Cannot disassemble ${instructions.length} instructions: the text has more than ${maxCharacters} characters; ${hint}`,
      )
    }
    lines.push(`${line}\n`)
  }
  return lines.join('')
}

/** Characters of the longest string of every supported Node.js. Source: V8 `String::kMaxLength`. */
const MAX_STRING = 2 ** 29 - 24

/**
 * The lines of {@link disassemble}, without line breaks, one after the other: for programs of any size. `maxCharacters`
 * does not apply.
 */
export function* disassembleLines(
  instructions: readonly Instruction[],
  options: DisassembleOptions = {},
): Generator<string, undefined> {
  const symbols = new Map<number, string>()
  let slots = 0
  for (const instruction of instructions) {
    if (instruction.symbol !== undefined) symbols.set(slots, instruction.symbol)
    slots += slotCount(instruction)
  }
  const width = Math.max(4, String(slots).length)
  let slot = 0
  for (const instruction of instructions) {
    if (instruction.symbol !== undefined) yield printable(`${instruction.symbol}:`)
    if (instruction.source !== undefined && options.source !== false)
      yield printable(sourceNote(instruction.source))
    let text = formatInstruction(instruction, options.maps ?? 'fd')
    const reached = symbols.get(slot + 1 + (distance(instruction) ?? Number.NaN))
    if (reached !== undefined) text += ` <${reached}>`
    const bytes = options.bytes === true ? `${rawBytes(instruction)}  ` : ''
    yield printable(`${String(slot).padStart(width)}: ${bytes}${withRelocation(text, instruction, options)}`)
    slot += slotCount(instruction)
  }
}

/** Longest source line that is shown: thousands of instructions may be of one line. */
const MAX_SOURCE = 300

function sourceNote({ file, line, text }: SourceLine): string {
  const shown = text === '' ? '' : `${shortened(text.trim(), MAX_SOURCE)} `
  return `; ${shown}@ ${shortened(file, MAX_SOURCE)}:${line}`
}

function withRelocation(text: string, { relocation }: Instruction, options: DisassembleOptions): string {
  if (relocation === undefined || options.relocations === false) return text
  const subject =
    typeof options.relocations === 'function'
      ? options.relocations(relocation)
      : `[${relocation.typeId}] ${relocation.access}`
  return `${text} ; CO-RE ${enumName(coreRelocationKinds, relocation.kind)} ${subject}`
}

/** How far a jump, local call or load of a function goes, in slots; `undefined` for all else. */
function distance({ opcode, src, offset, imm, reference }: Instruction): number | undefined {
  if (reference !== undefined) return undefined
  if (opcode === LDIMM64) return src === BPF_PSEUDO_FUNC ? Number(BigInt.asIntN(32, BigInt(imm))) : undefined
  const kind = opcode & CLASS_MASK
  if (kind !== classes.jmp && kind !== classes.jmp32) return undefined
  const operation = opcode & OPERATION_MASK
  if (operation === jumpOperations.exit) return undefined
  if (operation === jumpOperations.call) return src === BPF_PSEUDO_CALL ? Number(imm) : undefined
  return kind === classes.jmp32 && operation === jumpOperations.ja ? Number(imm) : offset
}
