/**
 * What every input goes through: all that the library does with foreign bytes without a kernel.
 *
 * @module
 */

import { disassemble } from '../../src/asm/disassemble.ts'
import { encodeInstructions } from '../../src/asm/encode.ts'
import type { CoreRelocation } from '../../src/asm/instruction.ts'
import { jsonReplacer } from '../../src/base/codec.ts'
import { BpfError, ObjectFileError } from '../../src/base/errors.ts'
import { Btf } from '../../src/btf/btf.ts'
import { type BtfCodec, btfCodec } from '../../src/btf/codec/codec.ts'
import type { BtfInputValue } from '../../src/btf/codec/value.ts'
import { dedupBtf } from '../../src/btf/dedup/dedup.ts'
import { parseExtInfo } from '../../src/btf/ext.ts'
import { type BtfSupport, sanitizeBtf } from '../../src/btf/sanitize.ts'
import { btfToC } from '../../src/btf/text/c-dump.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { ElfFile } from '../../src/elf/file.ts'
import { functionSymbols } from '../../src/elf/functions.ts'
import { dryRunCore } from '../../src/inspect/core-dry-run.ts'
import { inspectObject } from '../../src/inspect/inspect.ts'
import { linkedPrograms, relocationSubject } from '../../src/inspect/linked.ts'
import { pinPathOf } from '../../src/maps/pin-path.ts'
import type { MapSpec } from '../../src/maps/spec.ts'
import type { Input } from './mutate.ts'

/** Name of every input in errors. */
const FILE = 'fuzz.o'

/** Directory of pins. */
const PINS = '/pins'

/** Types of which values are read and written, of each BTF. */
const MAX_CODECS = 48
/** Greatest type of which values are read and written. */
const MAX_VALUE = 1 << 16

/** Values of a codec that is used within itself. */
const MAX_REENTRANT = 16

/** Characters that no text has but for line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/

/** A kernel that knows nothing. */
const OLDEST: BtfSupport = {
  datasec: false,
  questionMark: false,
  func: false,
  globalFunc: false,
  float: false,
  declTag: false,
  typeTag: false,
  enum64: false,
}

/** Whether an input was refused as a whole. */
export type Outcome = 'read' | 'refused'

/**
 * Reads an input and uses all that is in it.
 *
 * @param kernel types that CO-RE relocations are tried against
 * @throws Error about what should not have happened: an error of another kind than `ObjectFileError`, or one that
 *   does not say where
 */
export function examine(input: Input, kernel: Btf): Outcome {
  const { kind, bytes, split } = input
  switch (kind) {
    case 'object':
      return examineObject(bytes, kernel)
    case 'btf': {
      const btf = refusable(() => Btf.parse(bytes, { file: FILE }))
      if (btf === undefined) return 'refused'
      examineTypes(btf)
      return 'read'
    }
    case 'ext': {
      const btf = refusable(() => Btf.parse(bytes.subarray(0, split), { file: FILE }))
      if (btf === undefined) return 'refused'
      const info = refusable(() => parseExtInfo(bytes.subarray(split), btf, { file: FILE }))
      return info === undefined ? 'refused' : 'read'
    }
  }
}

function examineObject(bytes: Uint8Array, kernel: Btf): Outcome {
  refusable(() => [...functionSymbols(ElfFile.parse(bytes, FILE))])
  const spec = refusable(() => CollectionSpec.parse(bytes, FILE))
  if (spec === undefined) return 'refused'
  JSON.stringify(inspectObject(spec), jsonReplacer)
  dryRunCore(spec, kernel)
  spec.copy()
  for (const map of spec.maps.values()) examinePin(map)
  for (const { instructions } of linkedPrograms(spec)) {
    const relocations = (each: CoreRelocation): string => relocationSubject(each, spec.btf)
    const text = disassemble(instructions, { bytes: true, relocations })
    if (CONTROL.test(text)) throw new Error('A disassembly has control characters')
    encodeInstructions(instructions.filter(each => each.reference === undefined))
  }
  if (spec.btf !== undefined) examineTypes(spec.btf)
  return 'read'
}

/** Whatever the name of a map, its pin is below the directory of pins. */
function examinePin(map: MapSpec): void {
  try {
    const path = pinPathOf(map, PINS)
    if (path !== undefined && !(path.startsWith(`${PINS}/`) && !path.includes('/../')))
      throw new Error(`A pin at ${path}`)
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
  }
}

/** Writes all types as C, each once and for old kernels, and makes codecs of some. */
function examineTypes(btf: Btf): void {
  refusable(() => btfToC(btf))
  refusable(() => dedupBtf(btf))
  refusable(() => sanitizeBtf(btf, OLDEST).build(btf.byteOrder))
  const step = Math.ceil(btf.typeCount / MAX_CODECS)
  for (let id = 1 + (btf.bytes.length % step); id < btf.typeCount; id += step) {
    const codec = refusable(() => btfCodec(btf, id))
    if (codec === undefined || codec.size > MAX_VALUE) continue
    const view = new DataView(new ArrayBuffer(codec.size))
    codec.encode(codec.decode(view, 0), view, 0)
    if (codec.values <= MAX_REENTRANT) examineReentry(codec)
  }
}

/** A value whose members use the codec while it is written comes out as any other. */
function examineReentry(codec: BtfCodec): void {
  const [one, other] = [new Uint8Array(codec.size), new Uint8Array(codec.size).fill(0x41)]
  const plain = codec.decode(new DataView(new ArrayBuffer(codec.size)), 0)
  codec.encode(plain, new DataView(one.buffer), 0)
  const within = (): void => {
    codec.encode(codec.decode(new DataView(other.buffer), 0), new DataView(other.buffer), 0)
  }
  const again = new Uint8Array(codec.size)
  codec.encode(withGetters(plain, within) as BtfInputValue, new DataView(again.buffer), 0)
  if (Buffer.compare(one, again) !== 0)
    throw new Error('A codec that is used within itself writes something else')
}

/** The same value, whose members call a function when they are read. */
function withGetters(value: unknown, act: () => void): unknown {
  if (Array.isArray(value)) return value.map(each => withGetters(each, act))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const result = Object.create(Object.getPrototypeOf(value))
  for (const [name, member] of Object.entries(value)) {
    const get = (): unknown => {
      act()
      return withGetters(member, act)
    }
    Object.defineProperty(result, name, { enumerable: true, get })
  }
  return result
}

/** The result; `undefined` for an `ObjectFileError` that says where. */
function refusable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ObjectFileError)) throw error
    const { file, section, offset, reason } = error
    // Only headers are in no section.
    const inHeader = /^(Truncated|Impossible|Not an? |Unknown ELF|Section)/.test(reason)
    if (file === FILE && offset !== undefined && (section !== undefined || inHeader)) return undefined
    throw new NowhereError(error)
  }
}

/** An error that does not say where, told with the stack of the error. */
class NowhereError extends Error {
  constructor(cause: ObjectFileError) {
    super(cause.message, { cause })
    this.stack = `An error does not say where: ${cause.stack}`
  }
}
