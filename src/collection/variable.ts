/**
 * A global variable of a loaded collection, read and written in place through shared memory.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { type Cell, type Scalar, scalarOf, u8, u16, u32, u64 } from '../base/codecs.ts'
import { BpfError } from '../base/errors.ts'
import type { BtfInput } from '../btf/codec/value.ts'
import type { BpfMap } from '../maps/map.ts'
import { checkedVariable, encodeVariable, type VariableSpec } from './variable-spec.ts'
import type { VariableType } from './variable-type.ts'

/**
 * A live global variable. Access is a plain memory access: no system call, no lock (5.5). Those in an arena (6.9) are
 * copied instead, which takes some system calls, and so are those in a section that user space cannot map: one with static
 * variables alone, one with a lock, timer, kptr, list or tree in it, and every one before 5.5. These can only be read.
 *
 * @typeParam T what it reads as; `unknown` without a shape
 * @typeParam W what can be written; `never` for a constant
 */
export class Variable<T = unknown, W = BtfInput<T>> {
  /** Name in the C source. */
  readonly name: string
  /** Section it lies in, such as `'.bss'`; or the arena. */
  readonly sectionName: string
  /** Bytes. */
  readonly size: number
  /** Whether it is in `.rodata` or `.kconfig`: programs and the verifier count on its value. */
  readonly constant: boolean
  readonly #offset: number
  readonly #map: BpfMap<unknown, unknown>
  readonly #inArena: boolean
  readonly #type: VariableType<T, W>
  /** Whether the following is known; before the first use it is not. */
  #isSeen = false
  #codec: Codec<T, never> | undefined
  /** For a number in mapped memory. */
  #scalar: Scalar | undefined
  #isMapped = false
  #cell: Cell | undefined
  #view: DataView | undefined
  /** Where a value of several parts is encoded first. */
  #encoded: DataView<ArrayBuffer> | undefined

  /** @internal */
  constructor(spec: VariableSpec<T, W>, map: BpfMap<unknown, unknown>) {
    this.name = spec.name
    this.sectionName = spec.sectionName
    this.#type = spec.type
    this.size = this.#type.size
    this.constant = spec.constant
    this.#offset = spec.offset
    this.#map = map
    this.#inArena = map.type === 'arena'
  }

  /** Finds out how to reach it, at the first use: most variables are never asked for. */
  #see(): void {
    const { codec } = this.#type
    this.#isMapped = !this.#inArena && this.#map.memory() !== undefined
    this.#codec = codec
    const isElement = codec?.size === this.size && this.#offset % this.size === 0
    this.#scalar = isElement && this.#isMapped ? scalarOf(codec) : undefined
    this.#isSeen = true
  }

  /** The variable's bytes in shared memory, zeros once the collection is closed; where it is copied, a copy of them. */
  get bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#memory()
    return new Uint8Array(buffer, byteOffset, byteLength)
  }

  /**
   * Reads the value, decoded through BTF; a copy of the bytes when it has no type.
   *
   * @throws ObjectFileError when values of its type cannot be decoded, as `VariableSpec.codec` says; use `bytes`
   */
  get(): T {
    if (!this.#isSeen) this.#see()
    if (this.#scalar !== undefined) return this.#cellOf(this.#scalar)[0] as T
    return this.#codec === undefined ? (this.bytes.slice() as T) : this.#codec.decode(this.#memory(), 0)
  }

  /**
   * Writes the value, encoded through BTF; bytes when it has no type.
   *
   * @throws BpfError `ERR_READ_ONLY` when the variable is constant, `ERR_NOT_MAPPED` when its section cannot be mapped
   * @throws TypeError or RangeError when the value does not fit the type
   */
  set(value: W): void {
    if (this.constant) {
      throw new BpfError(`Cannot set variable ${this.name}: it is constant once the collection is loaded`, {
        code: 'ERR_READ_ONLY',
      })
    }
    if (!this.#isSeen) this.#see()
    if (this.#inArena) {
      this.#map.arena().write(this.#offset, this.#bytesOf(value))
    } else if (!this.#isMapped) {
      // All that the kernel writes is the whole section.
      throw new BpfError(
        `Cannot set variable ${this.name}: section ${this.sectionName} is not in memory, and writing all of it would undo what programs write meanwhile; set it before loading`,
        { code: 'ERR_NOT_MAPPED' },
      )
    } else if (this.#scalar !== undefined) {
      const stored = checkedVariable(this.name, this.#scalar, value)
      this.#cellOf(this.#scalar)[0] = stored
    } else if (this.#codec !== undefined) {
      // A getter of the value may set this variable too: memory is in use until it is stored.
      const encoded = this.#encoded ?? new DataView(new ArrayBuffer(this.#codec.size))
      this.#encoded = undefined
      encodeVariable(this.name, this.#codec, value, encoded)
      storeValue(encoded, this.#memory())
      this.#encoded = encoded
    } else this.bytes.set(this.#bytesOf(value))
  }

  /** A value as bytes. */
  #bytesOf(value: unknown): Uint8Array {
    if (this.#codec !== undefined) {
      const encoded = new DataView(new ArrayBuffer(this.#codec.size))
      encodeVariable(this.name, this.#codec, value, encoded)
      return new Uint8Array(encoded.buffer)
    }
    if (value instanceof Uint8Array && value.length === this.size) return value
    throw new TypeError(`Cannot set variable ${this.name}: it needs ${this.size} bytes`)
  }

  #cellOf(scalar: Scalar): Cell {
    if (this.#cell === undefined || this.#map.closed) {
      const { buffer, byteOffset } = this.#memory()
      this.#cell = scalar.cell(buffer, byteOffset)
    }
    return this.#cell
  }

  #memory(): DataView {
    if (this.#inArena) return new DataView(this.#map.arena().read(this.#offset, this.size).buffer)
    if (this.#view === undefined || this.#map.closed) {
      const memory = this.#map.memory()
      if (memory === undefined) return this.#copied()
      this.#view = new DataView(memory.buffer, this.#offset, this.size)
    }
    return this.#view
  }

  /** What a look-up says. */
  #copied(): DataView {
    const { buffer, byteOffset } = this.#map.bytes().get(FIRST)!
    return new DataView(buffer, byteOffset + this.#offset, this.size)
  }
}

/** The key of a section. */
const FIRST = new Uint8Array(4)

/** Access to as many bytes as a register has, by their number. */
const registers: ReadonlyMap<number, Scalar['cell'] | undefined> = new Map(
  [u8, u16, u32, u64].map(codec => [codec.size, scalarOf(codec)?.cell]),
)

/** Copies a value to where programs see it. What fits a register is written at once: they see the old or the new one. */
function storeValue(value: DataView<ArrayBuffer>, memory: DataView): void {
  const { buffer, byteOffset } = memory
  const cell = byteOffset % value.byteLength === 0 ? registers.get(value.byteLength) : undefined
  if (cell === undefined) new Uint8Array(buffer, byteOffset).set(new Uint8Array(value.buffer))
  else cell(buffer, byteOffset)[0] = cell(value.buffer, 0)[0]
}
